#include "interop/echo_transfer.hpp"

#include <algorithm>
#include <utility>

namespace cepa::interop {
namespace {

constexpr std::size_t kUtpHeader = 20;
constexpr std::uint8_t kUtpData = 0x01; // type 0, version 1

} // namespace

EchoTransfer::EchoTransfer(std::uint32_t count, std::size_t size, std::function<void(ByteSpan)> send)
    : count_(count), size_(size), send_(std::move(send))
{
}

Bytes EchoTransfer::datagram(std::uint32_t number) const
{
    Bytes out(size_);
    Writer writer(out);
    writer.u8(kUtpData);
    writer.u8(0);
    while (writer.size() < kUtpHeader)
        writer.u8(0);
    writer.u32(number);
    std::uint32_t state = number * 2654435761U + 1;
    while (writer.size() < size_) {
        state ^= state << 13U;
        state ^= state >> 17U;
        state ^= state << 5U;
        writer.u8(static_cast<std::uint8_t>(state));
    }
    return out;
}

void EchoTransfer::tick(TimePoint now)
{
    for (auto& [number, sent] : under_way_) {
        if (now - sent < kRepeatAfter) continue;
        sent = now;
        ++repeated_;
        send_(datagram(number));
    }
    while (next_ < count_ && under_way_.size() < kWindow) {
        under_way_.emplace(next_, now);
        send_(datagram(next_++));
    }
}

void EchoTransfer::on_echo(ByteSpan echo, TimePoint now)
{
    Reader reader(echo);
    static_cast<void>(reader.take(kUtpHeader));
    const std::uint32_t number = reader.u32();
    if (!reader.ok() || number >= count_ || !std::ranges::equal(echo, datagram(number))) {
        ++wrong_;
        return;
    }
    if (under_way_.erase(number) == 0) return; // the echo of a repetition
    ++echoed_;
    tick(now);
}

} // namespace cepa::interop
