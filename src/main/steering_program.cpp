#include "main/steering_program.hpp"

#include <algorithm>
#include <cstddef>

namespace cepa::main {
namespace {

constexpr std::uint32_t kMinCell = 29;
constexpr std::uint32_t kMessageIdOffset = 22;
constexpr std::uint32_t kCircuitIdOffset = 23;

using Program = std::vector<sock_filter>;

void statement(Program& program, unsigned code, std::uint32_t k)
{
    program.push_back({static_cast<std::uint16_t>(code), 0, 0, k});
}

/// Returns 0 (worker 0) unless the accumulator stands in relation `test` to `k`.
void require(Program& program, unsigned test, std::uint32_t k)
{
    program.push_back({static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), 1, 0, k});
    statement(program, BPF_RET | BPF_K, 0);
}

void require_cell(Program& program, const OverlayPrefix& prefix)
{
    statement(program, BPF_LD | BPF_W | BPF_LEN, 0);
    require(program, BPF_JGE, kMinCell);
    for (std::uint32_t offset = 0; offset < 20; offset += 4) {
        statement(program, BPF_LD | BPF_W | BPF_ABS, offset);
        require(program, BPF_JEQ, Reader(ByteSpan(prefix).subspan(offset)).u32());
    }
    statement(program, BPF_LD | BPF_H | BPF_ABS, 20);
    require(program, BPF_JEQ, Reader(ByteSpan(prefix).subspan(20)).u16());
    statement(program, BPF_LD | BPF_B | BPF_ABS, kMessageIdOffset);
    require(program, BPF_JEQ, 0);
}

void load_slot(Program& program, const proto::SlotTable& table)
{
    statement(program, BPF_LD | BPF_W | BPF_ABS, kCircuitIdOffset);
    statement(program, BPF_ALU | BPF_XOR | BPF_K, table.k1());
    statement(program, BPF_ALU | BPF_MUL | BPF_K, table.k2());
    statement(program, BPF_ALU | BPF_RSH | BPF_K, 16);
    statement(program, BPF_ALU | BPF_AND | BPF_K, proto::kSlots - 1);
}

/// Classic BPF has no tables: the table becomes a tree of comparisons that halves the slots [first, last), and a run of
/// slots with one owner becomes one leaf. 64 leaves fit the 8-bit jumps many times over.
Program slot_tree(const proto::SlotTable::Owners& owners, std::size_t first, std::size_t last)
{
    const auto* begin = owners.data() + first;
    Program tree;
    if (std::all_of(begin, owners.data() + last, [begin](std::uint8_t owner) { return owner == *begin; })) {
        statement(tree, BPF_RET | BPF_K, *begin);
        return tree;
    }
    const std::size_t middle = first + (last - first) / 2;
    const Program low = slot_tree(owners, first, middle);
    const Program high = slot_tree(owners, middle, last);
    tree.push_back({BPF_JMP | BPF_JGE | BPF_K, static_cast<std::uint8_t>(low.size()), 0,
                    static_cast<std::uint32_t>(middle)});
    tree.insert(tree.end(), low.begin(), low.end());
    tree.insert(tree.end(), high.begin(), high.end());
    return tree;
}

} // namespace

OverlayPrefix overlay_prefix(ByteSpan overlay_id) noexcept
{
    OverlayPrefix prefix{0x00, 0x02};
    std::copy_n(overlay_id.begin(), std::min<std::size_t>(overlay_id.size(), 20), prefix.begin() + 2);
    return prefix;
}

std::vector<sock_filter> steering_program(const proto::SlotTable& table, const OverlayPrefix& prefix)
{
    Program program;
    require_cell(program, prefix);
    load_slot(program, table);
    const Program tree = slot_tree(table.owners(), 0, proto::kSlots);
    program.insert(program.end(), tree.begin(), tree.end());
    return program;
}

WorkerId steered_to(const proto::SlotTable& table, const OverlayPrefix& prefix, ByteSpan packet) noexcept
{
    const bool cell = packet.size() >= kMinCell && std::ranges::equal(packet.first(prefix.size()), prefix)
        && packet[kMessageIdOffset] == 0;
    return cell ? table.owner(CircuitId(Reader(packet.subspan(kCircuitIdOffset)).u32())) : WorkerId(0);
}

} // namespace cepa::main
