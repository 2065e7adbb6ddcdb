#include "tunnel/crypto/replay_window.hpp"

namespace cepa::tunnel {
namespace {

/// The slot of a message is named by the low bits of its counter, so in an undisturbed stream the window is exactly the
/// last messages. The entry keeps those 16 bits, to be moved when the window widens, and 47 bits of counter and tag;
/// the one bit between says that the slot is taken.
constexpr std::uint64_t kCounterBits = 0xffff;
constexpr std::uint64_t kTaken = 0x10000;

std::uint64_t fingerprint(const Opened& message) noexcept
{
    const std::uint64_t mixed = Reader(message.tag).u64() ^ (message.counter * 0x9e3779b97f4a7c15ULL);
    return (mixed & ~(kCounterBits | kTaken)) | kTaken | (message.counter & kCounterBits);
}

} // namespace

static_assert(ReplayWindow::kMostSlots <= kCounterBits + 1);

bool ReplayWindow::accept(const Opened& message)
{
    // Grows before it is full, so that nothing of a stream's first kMostSlots messages is ever forgotten.
    if (accepted_ == size_ && size_ < kMostSlots) widen(size_ == 0 ? kFirstSlots : size_ * 2);
    const std::uint64_t entry = fingerprint(message);
    std::uint64_t& slot = slots_[entry % size_];
    if (slot == entry) return false;
    slot = entry;
    if (accepted_ < kMostSlots) ++accepted_;
    return true;
}

void ReplayWindow::widen(std::size_t slots)
{
    auto wider = std::make_unique<std::uint64_t[]>(slots);
    for (std::uint32_t i = 0; i < size_; ++i)
        if (slots_[i] != 0) wider[slots_[i] % slots] = slots_[i];
    slots_ = std::move(wider);
    size_ = static_cast<std::uint32_t>(slots);
}

} // namespace cepa::tunnel
