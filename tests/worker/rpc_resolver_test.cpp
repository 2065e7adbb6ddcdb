#include "worker/rpc_resolver.hpp"

#include "proto/pipe.hpp"
#include "support/loop.hpp"
#include "worker/fakes.hpp"
#include "worker/shared_facts.hpp"

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

#include <optional>

namespace cepa::worker {
namespace {

class RpcResolverTest : public testing::Test {
protected:
    RpcResolverTest()
    {
        auto up = proto::make_pipe().value();
        auto down = proto::make_pipe().value();
        worker_.emplace(io_, std::move(down.read), std::move(up.write));
        main_.emplace(io_, std::move(up.read), std::move(down.write));
        main_->handle(proto::Envelope::kResolve, [this](const proto::Envelope& call, const proto::Rpc::Respond& respond) {
            asked_ = call.resolve().host();
            respond(answer_);
        });
        worker_->start([](ErrorCode) {});
        main_->start([](ErrorCode) {});
    }
    Result<std::vector<IpAddress>> resolve(const std::string& host)
    {
        RpcResolver resolver(*worker_);
        std::optional<Result<std::vector<IpAddress>>> result;
        resolver.resolve(host, [&](Result<std::vector<IpAddress>> r) { result = std::move(r); });
        EXPECT_FALSE(result) << "never from inside the call";
        EXPECT_TRUE(test::run_until(io_, [&] { return result.has_value(); }));
        return *result;
    }

    boost::asio::io_context io_;
    std::string asked_;
    proto::Answer answer_;
    std::optional<proto::Rpc> worker_;
    std::optional<proto::Rpc> main_;
};

TEST_F(RpcResolverTest, GivesTheAddressesThatMainFound)
{
    *answer_.add_addresses() = endpoint_to_proto(test::endpoint("1.2.3.4:0"));
    answer_.add_addresses()->set_ip("broken");
    *answer_.add_addresses() = endpoint_to_proto(test::endpoint("[2001:db8::1]:0"));
    const auto found = resolve("tracker.example");
    ASSERT_TRUE(found);
    EXPECT_EQ(asked_, "tracker.example");
    EXPECT_EQ(*found, (std::vector{test::endpoint("1.2.3.4:0").ip, test::endpoint("[2001:db8::1]:0").ip}));
}

TEST_F(RpcResolverTest, ARefusalAndAnEmptyAnswerAreHostNotFound)
{
    EXPECT_EQ(resolve("x").error(), ErrorCode(boost::asio::error::host_not_found));
    answer_.set_error("no such host");
    *answer_.add_addresses() = endpoint_to_proto(test::endpoint("1.2.3.4:0"));
    EXPECT_EQ(resolve("x").error(), ErrorCode(boost::asio::error::host_not_found));
}

TEST_F(RpcResolverTest, FailsWhenMainIsGone)
{
    main_.reset();
    EXPECT_FALSE(resolve("x"));
}

} // namespace
} // namespace cepa::worker
