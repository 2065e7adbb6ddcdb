#include "worker/in_process_tunnels.hpp"

#include "worker/tunnel_service_contract.hpp"

#include <boost/asio/error.hpp>

#include <unistd.h>

namespace cepa::test {
namespace {

INSTANTIATE_TEST_SUITE_P(InProcess, TunnelServiceContract,
                         testing::Values(ServiceMaker{"in_process", worker::make_in_process_tunnels}),
                         [](const auto& made) { return made.param.name; });

class InProcessTunnels : public TunnelServiceContract {};
INSTANTIATE_TEST_SUITE_P(Own, InProcessTunnels, testing::Values(ServiceMaker{"in_process", worker::make_in_process_tunnels}),
                         [](const auto& made) { return made.param.name; });

TEST_P(InProcessTunnels, IsWorkerZeroOfThisProcess)
{
    start_service();
    ASSERT_TRUE(run_until([&] { return service_->snapshot().workers.contains(0); }));
    EXPECT_EQ(service_->snapshot().workers.size(), 1U);
    EXPECT_EQ(service_->snapshot().workers.at(0).pid(), static_cast<std::uint64_t>(::getpid()));
    EXPECT_EQ(service_->info().workers, 0U);
    EXPECT_EQ(service_->info().steering, "none");
    EXPECT_EQ(service_->set_workers(2).error(), ErrorCode(boost::asio::error::invalid_argument));
}

TEST_P(InProcessTunnels, ContradictorySettingsAreRefused)
{
    worker::InProcessConfig wrong = config();
    wrong.settings.set_public_network(true); // with loopback allowed
    const auto service = worker::make_in_process_tunnels(io_, std::move(wrong));
    EXPECT_EQ(service->start(observer_).error(), ErrorCode(boost::asio::error::invalid_argument));
}

TEST_P(InProcessTunnels, AKeyIsNeeded)
{
    worker::InProcessConfig wrong = config();
    wrong.identity_key = "none";
    const auto service = worker::make_in_process_tunnels(io_, std::move(wrong));
    EXPECT_EQ(service->start(observer_).error(), ErrorCode(boost::asio::error::invalid_argument));
}

TEST_P(InProcessTunnels, CandidatesOfTheLastRunAreUsableAtOnce)
{
    start_network(1, 1);
    start_service(2);
    worker::InProcessConfig again = config();
    again.settings.clear_walk_to();
    again.share = service_->snapshot().share;
    service_ = worker::make_in_process_tunnels(io_, std::move(again));
    ASSERT_TRUE(service_->start(observer_));
    EXPECT_NE(circuit(1), CircuitId());
}

} // namespace
} // namespace cepa::test
