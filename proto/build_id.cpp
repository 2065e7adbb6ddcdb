#include "proto/build_id.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <cstring>
#include <elf.h>
#include <link.h>

namespace cepa::proto {
namespace {

constexpr std::size_t aligned(std::size_t size) noexcept
{
    return (size + 3) & ~std::size_t{3};
}

std::string hex(const unsigned char* bytes, std::size_t count)
{
    std::string out;
    for (std::size_t i = 0; i < count; ++i)
        out += fmt::format("{:02x}", bytes[i]);
    return out;
}

/// Looks for the build id among the notes of one segment.
std::string find_in_notes(const unsigned char* at, std::size_t left)
{
    while (left >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        std::memcpy(&note, at, sizeof note);
        const std::size_t name_size = aligned(note.n_namesz);
        const std::size_t whole = sizeof note + name_size + aligned(note.n_descsz);
        if (whole > left) break;
        const unsigned char* name = at + sizeof note;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0)
            return hex(name + name_size, note.n_descsz);
        at += whole;
        left -= whole;
    }
    return {};
}

/// The first object that the loader reports is the program itself; the walk ends after it.
int find_in_object(dl_phdr_info* object, std::size_t, void* out)
{
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        const auto& header = object->dlpi_phdr[i];
        if (header.p_type != PT_NOTE) continue;
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader gives numbers
        const auto* notes = reinterpret_cast<const unsigned char*>(object->dlpi_addr + header.p_vaddr);
        std::string found = find_in_notes(notes, header.p_memsz);
        if (found.empty()) continue;
        *static_cast<std::string*>(out) = std::move(found);
        break;
    }
    return 1;
}

} // namespace

const std::string& build_id()
{
    static const std::string id = [] {
        std::string found;
        ::dl_iterate_phdr(find_in_object, &found);
        return found.empty() ? std::string("unknown") : found;
    }();
    return id;
}

} // namespace cepa::proto
