// Names that exits asked for, and what they resolved to: bounded in number and time. Pure: the time comes in.
// Process: worker, io thread. Spec: docs/protocol.md, section 13.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace cepa::tunnel {

class NameCache {
public:
    static constexpr std::size_t kMost = 512;
    static constexpr Duration kKept = std::chrono::seconds(60);
    static constexpr Duration kFailureKept = std::chrono::seconds(15);

    /// What is remembered of `host`: addresses, none (it did not resolve), or nullopt when it has to be asked for.
    [[nodiscard]] std::optional<std::vector<IpAddress>> find(const std::string& host, TimePoint now) const;
    /// Empty `addresses` mean that the name does not resolve.
    void store(const std::string& host, std::vector<IpAddress> addresses, TimePoint now);

    /// A host name as DNS has it, at most 253 bytes; nothing else is ever asked for.
    [[nodiscard]] static bool is_name(const std::string& host) noexcept;

private:
    struct Entry {
        std::vector<IpAddress> addresses;
        TimePoint until{};
    };
    std::unordered_map<std::string, Entry> entries_;
};

} // namespace cepa::tunnel
