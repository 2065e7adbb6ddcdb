#include "base/utp.hpp"

namespace cepa {
namespace {

constexpr std::size_t kUtpHeader = 20;
constexpr std::uint8_t kUtpVersion = 1;
constexpr std::uint8_t kUtpLastType = 4;      // ST_SYN
constexpr std::uint8_t kUtpLastExtension = 3; // none, selective ack, extension bits, close reason

} // namespace

bool is_utp(ByteSpan datagram) noexcept
{
    return datagram.size() >= kUtpHeader && (datagram[0] & 0x0fU) == kUtpVersion && datagram[0] >> 4U <= kUtpLastType &&
           datagram[1] <= kUtpLastExtension;
}

} // namespace cepa
