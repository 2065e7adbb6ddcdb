#include "support/sim_network.hpp"

#include <utility>

namespace cepa::test {

void SimNetwork::post(TimePoint when, std::function<void()> action)
{
    events_.push({when, order_++, std::move(action)});
}

void SimNetwork::send(const Endpoint& from, const Endpoint& to, ByteSpan bytes)
{
    ++sent;
    SimPacket packet{from, to, Bytes(bytes.begin(), bytes.end())};
    if (tap && !tap(packet)) return;
    const int copies = random_.chance(conditions.duplicates) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
        if (random_.chance(conditions.loss)) continue;
        Duration late{};
        if (conditions.jitter > Duration{})
            late = Duration(random_.below(static_cast<std::uint32_t>(conditions.jitter / std::chrono::microseconds(1)))) * 1000;
        inject(packet, conditions.latency + late);
    }
}

void SimNetwork::inject(const SimPacket& packet, Duration after)
{
    post(now() + after, [this, packet] { deliver(packet); });
}

void SimNetwork::deliver(const SimPacket& packet)
{
    const auto handler = handlers_.find(packet.to);
    if (handler == handlers_.end()) {
        ++unreachable;
        return;
    }
    ++delivered;
    const Handler copy = handler->second; // it may detach itself
    copy(packet);
}

void SimNetwork::at(Duration after, std::function<void()> action) { post(now() + after, std::move(action)); }

std::size_t SimNetwork::every(Duration period, std::function<void()> action)
{
    const std::size_t id = next_repeating_++;
    repeating_[id] = std::move(action);
    repeat(id, period);
    return id;
}

void SimNetwork::repeat(std::size_t id, Duration period)
{
    post(now() + period, [this, id, period] {
        const auto found = repeating_.find(id);
        if (found == repeating_.end()) return;
        const auto action = found->second;
        action();
        repeat(id, period);
    });
}

bool SimNetwork::step(TimePoint until)
{
    if (events_.empty() || events_.top().when > until) return false;
    const Event event = events_.top();
    events_.pop();
    if (event.when > now()) clock_.set(event.when);
    event.action();
    return true;
}

void SimNetwork::run_for(Duration time)
{
    const TimePoint until = now() + time;
    while (step(until)) {
    }
    if (now() < until) clock_.set(until);
}

bool SimNetwork::run_until(const std::function<bool()>& happened, Duration bound)
{
    const TimePoint until = now() + bound;
    while (!happened()) {
        if (!step(until)) return false;
    }
    return true;
}

} // namespace cepa::test
