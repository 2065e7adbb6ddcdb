#include "proto/build_id.hpp"
#include "proto/slot_table.hpp"
#include "support/loop.hpp"
#include "worker/control.hpp"
#include "worker/fake_tunnel.hpp"
#include "worker/fakes.hpp"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>

namespace cepa::worker {
namespace {

using proto::Answer;
using proto::Envelope;
using test::run_until;

/// The control stream of one worker with main's side in the test's hand; the tunnel is a fake one.
class ControlTest : public testing::Test {
protected:
    ControlTest()
    {
        auto data_in = proto::make_pipe().value();
        auto data_out = proto::make_pipe().value();
        keep_.push_back(std::move(data_in.write));
        keep_.push_back(std::move(data_out.read));
        data_.emplace(io_, std::move(data_in.read), std::move(data_out.write), [](ErrorCode) {});
        auto up = proto::make_pipe().value();
        auto down = proto::make_pipe().value();
        main_.emplace(io_, std::move(up.read), std::move(down.write));
        control_.emplace(io_, std::move(down.read), std::move(up.write), sockets(), *data_);
        control_->start([this](ErrorCode) { ended_ = true; });
        const auto keep = [this](const Envelope& notice, const proto::Rpc::Respond&) { notices_.push_back(notice); };
        for (const auto kind : {Envelope::kSync, Envelope::kCircuitDead, Envelope::kNotify})
            main_->handle(kind, keep);
        main_->start([](ErrorCode) {});
    }
    static InheritedSockets sockets()
    {
        InheritedSockets out;
        out.slot = FileDescriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(out.slot.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
        return out;
    }
    static Envelope create()
    {
        tunnel::init_crypto();
        const auto key = tunnel::PrivateKey::generate();
        const auto secret = key.encode();
        const auto open = key.public_key().encode();
        Envelope out;
        proto::Create& create = *out.mutable_create();
        create.set_build_id(proto::build_id());
        create.set_max_workers(1);
        create.set_identity_key(secret.data(), secret.size());
        create.set_identity_public(open.data(), open.size());
        create.mutable_settings()->set_overlay_id(std::string(20, '\x5a'));
        *create.mutable_listen() = endpoint_to_proto(test::endpoint("127.0.0.1:1"));
        *create.mutable_steer() = proto::SlotTable::make(1, 3, 1).to_message();
        create.set_sync_interval_ms(3'600'000);
        create.add_monitor(std::string(20, 'm'));
        return out;
    }
    Answer call(Envelope envelope)
    {
        std::optional<Answer> answer;
        main_->call(std::move(envelope), std::chrono::seconds(10),
                    [&](Result<Answer> a) { answer = a ? *a : Answer(); });
        EXPECT_TRUE(run_until(io_, [&] { return answer.has_value(); }));
        return answer.value_or(Answer());
    }
    static Envelope circuit(std::uint32_t hops)
    {
        Envelope out;
        out.mutable_circuit()->set_hops(hops);
        out.mutable_circuit()->set_group(5);
        return out;
    }
    tunnel::FakeTunnel& fake() { return tunnel::FakeTunnel::newest(); }
    bool heard(Envelope::BodyCase kind) const
    {
        return std::ranges::any_of(notices_, [&](const Envelope& e) { return e.body_case() == kind; });
    }

    boost::asio::io_context io_;
    std::vector<FileDescriptor> keep_;
    std::vector<Envelope> notices_;
    bool ended_ = false;
    std::optional<DataPath> data_;
    std::optional<proto::Rpc> main_;
    std::optional<Control> control_;
};

TEST_F(ControlTest, ServesNothingBeforeCreate)
{
    Envelope close;
    close.mutable_close_circuit()->set_circuit_id(1);
    Envelope monitor;
    monitor.mutable_monitor();
    Envelope share;
    share.mutable_share();
    Envelope steer;
    steer.mutable_steer();
    for (const Envelope& envelope : {circuit(1), close, monitor, share, steer})
        EXPECT_EQ(call(envelope).error(), "nothing is served before create");
    EXPECT_FALSE(tunnel::FakeTunnel::exists());
}

TEST_F(ControlTest, CreateBuildsTheTunnelsAndSynchronisesAtOnce)
{
    const Answer answer = call(create());
    EXPECT_EQ(answer.error(), "");
    EXPECT_EQ(answer.build_id(), proto::build_id());
    EXPECT_EQ(fake().monitored.size(), 1U);
    EXPECT_TRUE(fake().settings.discover);
    ASSERT_TRUE(run_until(io_, [&] { return heard(Envelope::kSync); }));
    EXPECT_TRUE(notices_[0].sync().worker().has_pid());
    EXPECT_EQ(call(create()).error(), "created already");
}

TEST_F(ControlTest, AnotherBuildIsRefused)
{
    Envelope other = create();
    other.mutable_create()->set_build_id("other");
    const Answer answer = call(other);
    EXPECT_NE(answer.error().find("replaced"), std::string::npos);
    EXPECT_EQ(answer.build_id(), proto::build_id());
}

TEST_F(ControlTest, CreateIsCheckedAgainstTheDescriptors)
{
    Envelope wrong = create();
    wrong.mutable_create()->set_max_workers(3);
    EXPECT_EQ(call(wrong).error(), "the siblings' inboxes do not fit max_workers");
}

TEST_F(ControlTest, AFrontProcessWorkerMustNotHaveASocket)
{
    Envelope wrong = create();
    wrong.mutable_create()->set_front_process(true);
    EXPECT_EQ(call(wrong).error(), "the slot's socket does not fit front_process");
}

TEST_F(ControlTest, ABrokenTableOrSettingIsNamed)
{
    Envelope wrong = create();
    wrong.mutable_create()->mutable_steer()->set_table("short");
    EXPECT_EQ(call(wrong).error(), "the steering table is malformed");
}

TEST_F(ControlTest, CircuitIsAnsweredWhenItIsReady)
{
    (void)call(create());
    std::optional<Answer> answer;
    main_->call(circuit(3), std::chrono::seconds(10), [&](Result<Answer> a) { answer = *a; });
    ASSERT_TRUE(run_until(io_, [&] { return !fake().asked.empty(); }));
    EXPECT_FALSE(answer);
    fake().observer.on_circuit_ready(CircuitId(1));
    ASSERT_TRUE(run_until(io_, [&] { return answer.has_value(); }));
    EXPECT_EQ(answer->circuit_id(), 1U);
    EXPECT_EQ(answer->error(), "");
}

TEST_F(ControlTest, AFailedCircuitIsAnsweredWithTheReason)
{
    (void)call(create());
    std::optional<Answer> answer;
    main_->call(circuit(3), std::chrono::seconds(10), [&](Result<Answer> a) { answer = *a; });
    ASSERT_TRUE(run_until(io_, [&] { return !fake().asked.empty(); }));
    fake().observer.on_circuit_closed(CircuitId(1), "timed out");
    ASSERT_TRUE(run_until(io_, [&] { return answer.has_value(); }));
    EXPECT_EQ(answer->error(), "timed out");
}

TEST_F(ControlTest, ImpossibleHopCountsAreRefused)
{
    (void)call(create());
    for (const std::uint32_t hops : {0U, 6U, 257U})
        EXPECT_EQ(call(circuit(hops)).error(), "hops must be 1 to 5");
    EXPECT_TRUE(fake().asked.empty());
}

TEST_F(ControlTest, ACircuitThatDiesIsReported)
{
    (void)call(create());
    Envelope close;
    close.mutable_close_circuit()->set_circuit_id(9);
    EXPECT_EQ(call(close).error(), "");
    EXPECT_EQ(fake().closed, std::vector{CircuitId(9)});
    ASSERT_TRUE(run_until(io_, [&] { return heard(Envelope::kCircuitDead); }));
}

TEST_F(ControlTest, ShareMonitorAndSteerReachTheirPlaces)
{
    (void)call(create());
    Envelope share;
    *share.mutable_share()->add_own_addresses() = endpoint_to_proto(test::endpoint("9.9.9.9:9"));
    share.mutable_share()->set_translation(proto::TRANSLATION_ADDRESS_DEPENDENT);
    EXPECT_EQ(call(share).error(), "");
    EXPECT_EQ(fake().shared_addresses.size(), 1U);
    EXPECT_EQ(fake().shared_reach.translation, tunnel::Translation::address_dependent);
    Envelope monitor;
    monitor.mutable_monitor()->add_lookup_hashes(std::string(20, 'a'));
    monitor.mutable_monitor()->add_lookup_hashes(std::string(20, 'b'));
    EXPECT_EQ(call(monitor).error(), "");
    EXPECT_EQ(fake().monitored.size(), 2U);
    Envelope steer;
    *steer.mutable_steer() = proto::SlotTable::make(5, 7, 1).to_message();
    EXPECT_EQ(call(steer).error(), "");
    EXPECT_TRUE(fake().environment.ids.is_mine(CircuitId(1)));
    steer.mutable_steer()->mutable_table()->pop_back();
    EXPECT_NE(call(steer).error(), "");
    Envelope limits;
    limits.mutable_limits()->set_month_bytes_left(42);
    EXPECT_EQ(call(limits).error(), "");
    ASSERT_TRUE(fake().limits);
    EXPECT_EQ(fake().limits->month_bytes_left, 42U);
}

TEST_F(ControlTest, NoticesOfTheTunnelTravel)
{
    (void)call(create());
    fake().observer.on_limit("month_bytes");
    ASSERT_TRUE(run_until(io_, [&] { return heard(Envelope::kNotify); }));
}

TEST_F(ControlTest, TheEndOfTheStreamIsTold)
{
    main_.reset();
    EXPECT_TRUE(run_until(io_, [&] { return ended_; }));
}

TEST_F(ControlTest, ShutDownEndsTheTunnels)
{
    control_->shut_down();
    (void)call(create());
    control_->shut_down();
    EXPECT_TRUE(fake().shut_down);
}

} // namespace
} // namespace cepa::worker
