#include "main/worker_pool.hpp"

#include "main/worker_pool_impl.hpp"

#include <utility>

namespace cepa::main {

WorkerPool::WorkerPool(boost::asio::io_context& io, const Clock& clock, WorkerPoolConfig config)
    : impl_(std::make_unique<Impl>(io, clock, std::move(config)))
{
}

WorkerPool::~WorkerPool() = default;

Result<void> WorkerPool::start(proto::TunnelObserver& observer)
{
    return impl_->start(observer);
}
void WorkerPool::create_circuit(const proto::CircuitRequest& request, CircuitReady done)
{
    impl_->create_circuit(request, std::move(done));
}
void WorkerPool::close_circuit(CircuitId circuit)
{
    impl_->close_circuit(circuit);
}
void WorkerPool::send(CircuitId circuit, const Address& destination, PacketBuffer& payload)
{
    impl_->send(circuit, destination, payload);
}
void WorkerPool::flush()
{
    impl_->flush();
}
void WorkerPool::monitor(const std::vector<std::string>& lookup_hashes)
{
    impl_->monitor(lookup_hashes);
}
void WorkerPool::set_swarms(const std::vector<proto::SwarmRequest>& swarms)
{
    impl_->set_swarms(swarms);
}
void WorkerPool::set_payloads(const std::vector<proto::LinkPayload>& links)
{
    impl_->set_payloads(links);
}
Result<void> WorkerPool::set_workers(std::uint32_t count)
{
    return impl_->set_workers(count);
}
void WorkerPool::new_month()
{
    impl_->new_month();
}
const proto::TunnelSnapshot& WorkerPool::snapshot() const
{
    return impl_->snapshot();
}
proto::ServiceInfo WorkerPool::info() const
{
    return impl_->info();
}
void WorkerPool::stop(Duration grace, std::function<void()> done)
{
    impl_->stop(grace, std::move(done));
}

} // namespace cepa::main
