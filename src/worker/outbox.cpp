#include "worker/outbox.hpp"

#include <utility>

namespace cepa::worker {

void Outbox::send(proto::Envelope notice)
{
    if (drain() && rpc_.notify(notice)) return;
    if (waiting_.size() == kMost) {
        waiting_.pop_front();
        ++lost_;
    }
    waiting_.push_back(std::move(notice));
}

bool Outbox::drain()
{
    while (!waiting_.empty()) {
        if (!rpc_.notify(waiting_.front())) return false;
        waiting_.pop_front();
    }
    return true;
}

} // namespace cepa::worker
