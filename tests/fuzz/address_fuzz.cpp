#include "fuzz/fuzz.hpp"

#include "base/address.hpp"

#include <optional>

namespace {

using namespace cepa;

/// An address read by `Read` as a message with a write().
struct Typed {
    Address address;
    void write(Writer& writer) const { write_address(writer, address); }
};

void text(std::string_view input)
{
    if (const auto ip = IpAddress::parse(input)) fuzz::require(IpAddress::parse(ip->to_string()) == ip);
    if (const auto endpoint = Endpoint::parse(input)) fuzz::require(Endpoint::parse(endpoint->to_string()) == endpoint);
}

void kinds(const IpAddress& ip)
{
    // An address is never two of these at once, mapped or not.
    fuzz::require(!(ip.is_global_unicast() && (ip.is_loopback() || ip.is_private() || ip.is_unspecified())));
    fuzz::require(ip.unmapped().unmapped() == ip.unmapped());
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const ByteSpan input(data, size);
    fuzz::round_trip(input, [](ByteSpan bytes) {
        Reader reader(bytes);
        Typed out{read_address(reader)};
        return reader.ok() ? std::optional(out) : std::nullopt;
    });
    Reader reader(input);
    const Endpoint endpoint = read_endpoint(reader);
    kinds(endpoint.ip);
    sockaddr_storage storage{};
    endpoint.to_sockaddr(storage);
    fuzz::require(Endpoint::from_sockaddr(storage) == endpoint);
    text({reinterpret_cast<const char*>(data), size});
    return 0;
}
