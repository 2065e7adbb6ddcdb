// A network in one process with virtual time: packets between addresses with latency, loss, duplicates and reordering,
// and a tap that may watch, change or swallow each. Nothing here is a socket or a thread.
#pragma once

#include "support/fake_clock.hpp"
#include "support/test_random.hpp"

#include "base/address.hpp"
#include "base/bytes.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <unordered_map>
#include <vector>

namespace cepa::test {

struct SimPacket {
    Endpoint from;
    Endpoint to;
    Bytes bytes;
};

class SimNetwork {
public:
    using Handler = std::function<void(const SimPacket&)>;
    /// May change the packet; false swallows it. Sees each packet once, when it is sent.
    using Tap = std::function<bool(SimPacket&)>;

    struct Conditions {
        Duration latency = std::chrono::milliseconds(10);
        Duration jitter{};  ///< more than the gap between packets reorders them
        double loss = 0;
        double duplicates = 0;
    };

    explicit SimNetwork(std::uint64_t seed = 1) : random_(seed) {}

    [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
    [[nodiscard]] TimePoint now() const noexcept { return clock_.now(); }
    Conditions conditions;
    Tap tap;

    void attach(const Endpoint& at, Handler handler) { handlers_[at] = std::move(handler); }
    void detach(const Endpoint& at) { handlers_.erase(at); }
    void send(const Endpoint& from, const Endpoint& to, ByteSpan bytes);
    /// Delivers a packet as it is, past the tap and the conditions.
    void inject(const SimPacket& packet, Duration after = {});

    /// Does something later, once.
    void at(Duration after, std::function<void()> action);
    /// Does something every `period`, until the returned number is given to cancel().
    std::size_t every(Duration period, std::function<void()> action);
    void cancel(std::size_t repeating) { repeating_.erase(repeating); }

    void run_for(Duration time);
    /// Runs until `happened`, at most `bound` of virtual time.
    bool run_until(const std::function<bool()>& happened, Duration bound = std::chrono::seconds(60));
    /// Time passes while nothing runs: a suspend.
    void sleep(Duration time) noexcept { clock_.advance(time); }

    std::uint64_t sent = 0;
    std::uint64_t delivered = 0;
    std::uint64_t unreachable = 0;

private:
    struct Event {
        TimePoint when;
        std::uint64_t order;
        std::function<void()> action;
        friend bool operator>(const Event& a, const Event& b) noexcept
        {
            return std::pair(a.when, a.order) > std::pair(b.when, b.order);
        }
    };
    void post(TimePoint when, std::function<void()> action);
    void repeat(std::size_t id, Duration period);
    void deliver(const SimPacket& packet);
    /// Runs the next event if it is not after `until`.
    bool step(TimePoint until);

    FakeClock clock_;
    TestRandom random_;
    std::unordered_map<Endpoint, Handler> handlers_;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::uint64_t order_ = 0;
    std::map<std::size_t, std::function<void()>> repeating_;
    std::size_t next_repeating_ = 1;
};

} // namespace cepa::test
