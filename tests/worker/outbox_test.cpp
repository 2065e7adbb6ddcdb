#include "worker/outbox.hpp"

#include "proto/pipe.hpp"
#include "support/loop.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace cepa::worker {
namespace {

class OutboxTest : public testing::Test {
protected:
    OutboxTest()
    {
        auto up = proto::make_pipe().value();
        auto down = proto::make_pipe().value();
        worker_.emplace(io_, std::move(down.read), std::move(up.write));
        main_.emplace(io_, std::move(up.read), std::move(down.write));
        main_->handle(proto::Envelope::kNotify, [this](const proto::Envelope& notice, const proto::Rpc::Respond&) {
            heard_.push_back(notice.notify().text().substr(0, 5));
        });
        outbox_.emplace(*worker_);
    }
    static proto::Envelope notice(int number, std::size_t size = 0)
    {
        proto::Envelope out;
        std::string text = std::to_string(10'000 + number);
        out.mutable_notify()->set_text(text + std::string(size, '.'));
        return out;
    }

    boost::asio::io_context io_;
    std::vector<std::string> heard_;
    std::optional<proto::Rpc> worker_;
    std::optional<proto::Rpc> main_;
    std::optional<Outbox> outbox_;
};

TEST_F(OutboxTest, KeepsOrderAndEverythingWhileMainDoesNotRead)
{
    constexpr int kNotices = 20;
    for (int i = 0; i < kNotices; ++i) outbox_->send(notice(i, 500'000)); // 10 MB: more than the stream will queue
    EXPECT_FALSE(outbox_->drain());
    worker_->start([](ErrorCode) {});
    main_->start([](ErrorCode) {});
    ASSERT_TRUE(test::run_until(io_, [&] { return outbox_->drain() && heard_.size() == kNotices; }));
    for (int i = 0; i < kNotices; ++i) EXPECT_EQ(heard_[static_cast<std::size_t>(i)], std::to_string(10'000 + i));
    EXPECT_EQ(outbox_->lost(), 0U);
}

TEST_F(OutboxTest, LosesTheOldestPastItsBoundAndCounts)
{
    for (int i = 0; i < 10; ++i) outbox_->send(notice(i, 1'000'000));
    ASSERT_FALSE(outbox_->drain());
    for (std::size_t i = 0; i < Outbox::kMost + 5; ++i) outbox_->send(notice(0));
    EXPECT_GT(outbox_->lost(), 0U);
}

} // namespace
} // namespace cepa::worker
