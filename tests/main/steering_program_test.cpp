#include "main/steering_program.hpp"

#include "proto/descriptors.hpp"

#include <gtest/gtest.h>

#include <random>

namespace cepa::main {
namespace {

/// What the kernel does with the instructions that the program may contain; a load outside ends with 0, as there.
std::uint32_t interpret(const std::vector<sock_filter>& program, ByteSpan packet)
{
    std::uint32_t a = 0;
    for (std::size_t pc = 0; pc < program.size(); ++pc) {
        const sock_filter& i = program[pc];
        const auto load = [&](std::uint32_t size) {
            if (i.k + size > packet.size()) return false;
            a = 0;
            for (std::uint32_t b = 0; b < size; ++b) a = a << 8U | packet[i.k + b];
            return true;
        };
        switch (i.code) {
        case BPF_LD | BPF_W | BPF_LEN: a = static_cast<std::uint32_t>(packet.size()); break;
        case BPF_LD | BPF_W | BPF_ABS: if (!load(4)) return 0; break;
        case BPF_LD | BPF_H | BPF_ABS: if (!load(2)) return 0; break;
        case BPF_LD | BPF_B | BPF_ABS: if (!load(1)) return 0; break;
        case BPF_ALU | BPF_XOR | BPF_K: a ^= i.k; break;
        case BPF_ALU | BPF_MUL | BPF_K: a *= i.k; break;
        case BPF_ALU | BPF_RSH | BPF_K: a >>= i.k; break;
        case BPF_ALU | BPF_AND | BPF_K: a &= i.k; break;
        case BPF_JMP | BPF_JEQ | BPF_K: pc += a == i.k ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JGE | BPF_K: pc += a >= i.k ? i.jt : i.jf; break;
        case BPF_RET | BPF_K: return i.k;
        default: ADD_FAILURE() << "instruction " << i.code; return 0;
        }
    }
    ADD_FAILURE() << "the program ran off its end";
    return 0;
}

struct SteeringProgram : testing::Test {
    std::mt19937 random{7}; // NOLINT: the same packets every time
    OverlayPrefix prefix = overlay_prefix(as_bytes("0123456789abcdefghij"));

    std::uint32_t number() { return static_cast<std::uint32_t>(random()); }

    Bytes cell(std::uint32_t circuit, std::size_t size = 64) const
    {
        Bytes out(std::max<std::size_t>(size, 27), 0xee);
        std::ranges::copy(prefix, out.begin());
        out[22] = 0;
        for (unsigned i = 0; i < 4; ++i) out[23 + i] = static_cast<std::uint8_t>(circuit >> (24U - 8U * i));
        out.resize(size);
        return out;
    }
    void expect_same(const proto::SlotTable& table, ByteSpan packet)
    {
        EXPECT_EQ(interpret(steering_program(table, prefix), packet), steered_to(table, prefix, packet).value);
    }
};

TEST_F(SteeringProgram, PrefixIsTheWireOne)
{
    EXPECT_EQ(prefix[0], 0x00);
    EXPECT_EQ(prefix[1], 0x02);
    EXPECT_EQ(prefix[2], '0');
    EXPECT_EQ(prefix[21], 'j');
}

TEST_F(SteeringProgram, CellsGoByTheTable)
{
    for (std::uint32_t workers = 1; workers <= proto::kMaxWorkers; ++workers) {
        const auto table = proto::SlotTable::make(number(), number(), workers);
        const auto program = steering_program(table, prefix);
        for (int i = 0; i < 500; ++i) {
            const std::uint32_t id = number();
            ASSERT_EQ(interpret(program, cell(id)), table.owner(CircuitId(id)).value);
            ASSERT_EQ(steered_to(table, prefix, cell(id)), table.owner(CircuitId(id)));
        }
    }
}

TEST_F(SteeringProgram, ScatteredTablesToo)
{
    auto table = proto::SlotTable::make(number(), number(), 1);
    for (const std::uint32_t workers : {7U, 3U, 32U, 5U, 2U, 8U}) {
        table = table.resized(workers);
        for (int i = 0; i < 500; ++i) expect_same(table, cell(number()));
        EXPECT_LT(steering_program(table, prefix).size(), 200U);
    }
}

TEST_F(SteeringProgram, ShortPacketsGoToWorkerZero)
{
    auto table = proto::SlotTable::make(1, 2, 1);
    auto message = table.to_message();
    message.set_table(std::string(64, '\3')); // every cell to worker 3
    message.set_former(message.table());
    table = *proto::SlotTable::from_message(message, 4);
    const auto program = steering_program(table, prefix);
    for (std::size_t size = 0; size < 40; ++size) {
        const Bytes packet = cell(1, size);
        EXPECT_EQ(interpret(program, packet), size < 29 ? 0U : 3U) << size;
        expect_same(table, packet);
    }
}

TEST_F(SteeringProgram, OtherMessagesAndOtherOverlaysGoToWorkerZero)
{
    auto message = proto::SlotTable().to_message();
    message.set_table(std::string(64, '\1'));
    message.set_former(message.table());
    const auto table = *proto::SlotTable::from_message(message, 2);
    const auto program = steering_program(table, prefix);
    EXPECT_EQ(interpret(program, cell(5)), 1U);
    for (std::size_t at = 0; at <= 22; ++at) {
        Bytes packet = cell(5);
        packet[at] ^= 1U;
        EXPECT_EQ(interpret(program, packet), 0U) << at;
        expect_same(table, packet);
    }
    for (std::size_t at = 27; at < 64; ++at) {
        Bytes packet = cell(5);
        packet[at] ^= 0xffU;
        EXPECT_EQ(interpret(program, packet), 1U) << at;
    }
}

} // namespace
} // namespace cepa::main
