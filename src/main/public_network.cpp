#include "main/public_network.hpp"

#include <cstdlib>

namespace cepa::main {
namespace {

/// Addresses only: names would have to be asked of the system's resolver, which tells the local network who we are.
const Endpoint kServers[] = {
    {IpAddress::v4(0x82a177ce), 6421},                                    // 130.161.119.206
    {IpAddress::v4(0x82a177ce), 6422}, {IpAddress::v4(0x83b41b9b), 6423}, // 131.180.27.155
    {IpAddress::v4(0x83b41b9c), 6424},                                    // 131.180.27.156
    {IpAddress::v4(0x83b41ba1), 6427},                                    // 131.180.27.161
    {IpAddress::v4(0x83b41ba1), 6521}, {IpAddress::v4(0x83b41ba1), 6522},
    {IpAddress::v4(0x83b41ba2), 6523},                                    // 131.180.27.162
    {IpAddress::v4(0x83b41ba2), 6524}, {IpAddress::v4(0x82a177d7), 6525}, // 130.161.119.215
    {IpAddress::v4(0x82a177d7), 6526}, {IpAddress::v4(0x82a177c9), 6527}, // 130.161.119.201
    {IpAddress::v4(0x82a177c9), 6528},
};

} // namespace

std::span<const Endpoint> public_bootstrap_servers(Join join)
{
    if (join != Join::public_network) std::abort();
    return kServers;
}

} // namespace cepa::main
