// Bytes that leave nothing behind: what a message stream holds may be a CREATE, and that carries the node's private
// key. Every block is overwritten before it is freed, the ones that a growing vector leaves behind too.
// Pure. Process: main and worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string.h> // explicit_bzero
#include <vector>

namespace cepa::proto {

template <class T>
struct WipingAllocator {
    using value_type = T;
    WipingAllocator() noexcept = default;
    template <class Other>
    WipingAllocator(const WipingAllocator<Other>&) noexcept
    {
    } // NOLINT: as the standard's own allocators convert

    [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T* memory, std::size_t count) noexcept
    {
        ::explicit_bzero(memory, count * sizeof(T));
        std::allocator<T>().deallocate(memory, count);
    }
    friend bool operator==(const WipingAllocator&, const WipingAllocator&) noexcept { return true; }
};

using WipedBytes = std::vector<std::uint8_t, WipingAllocator<std::uint8_t>>;

} // namespace cepa::proto
