// Why packets outside circuits were dropped, by name, for reporting only. Process: worker 0, io thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace cepa::tunnel {

using DropCounts = std::map<std::string, std::uint64_t, std::less<>>;

inline void count_drop(DropCounts& drops, std::string_view why)
{
    const auto it = drops.find(why);
    if (it != drops.end())
        ++it->second;
    else
        drops.emplace(why, 1);
}

} // namespace cepa::tunnel
