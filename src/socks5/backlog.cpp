#include "socks5/backlog.hpp"

#include <cassert>
#include <cstring>

namespace cepa::socks5 {

bool Backlog::push(ByteSpan datagram)
{
    if (size_ == capacity_ || datagram.size() > kSlot) return false;
    if (memory_.empty()) {
        memory_.resize(capacity_ * kSlot);
        lengths_.resize(capacity_);
    }
    const std::size_t place = slot(size_);
    if (!datagram.empty()) std::memcpy(memory_.data() + place * kSlot, datagram.data(), datagram.size());
    lengths_[place] = static_cast<std::uint16_t>(datagram.size());
    ++size_;
    return true;
}

ByteSpan Backlog::at(std::size_t i) const noexcept
{
    assert(i < size_);
    const std::size_t place = slot(i);
    return ByteSpan(memory_).subspan(place * kSlot, lengths_[place]);
}

void Backlog::pop(std::size_t count) noexcept
{
    assert(count <= size_);
    first_ = slot(count);
    size_ -= count;
}

} // namespace cepa::socks5
