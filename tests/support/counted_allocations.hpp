// Every allocation of the program that includes this is counted. It replaces the global operators, so exactly one
// source of a test program may include it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace cepa::test {

inline std::size_t allocations = 0;

inline void* counted(std::size_t size)
{
    ++allocations;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}

} // namespace cepa::test

void* operator new(std::size_t size)
{
    return cepa::test::counted(size);
}
void* operator new[](std::size_t size)
{
    return cepa::test::counted(size);
}
// The standard library's temporary buffers use this form; every form must come from the same allocator.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept
{
    ++cepa::test::allocations;
    return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept
{
    std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept
{
    std::free(memory);
}
void operator delete[](void* memory) noexcept
{
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept
{
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept
{
    std::free(memory);
}
