// Bounds-checked big-endian reading and writing over spans. Every wire format of ours is read through Reader:
// a read past the end yields zeros, marks the reader failed for good, and never touches memory outside.
// Process: all. Spec: docs/protocol.md, section 2.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace cepa {

using ByteSpan = std::span<const std::uint8_t>;
using MutableByteSpan = std::span<std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

/// The bytes of a text, without its terminator. The view lives as long as the text.
[[nodiscard]] inline ByteSpan as_bytes(std::string_view text) noexcept
{
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Reads big-endian fields in order. Check ok() once at the end: after a short read everything is zero and empty.
class Reader {
public:
    explicit Reader(ByteSpan bytes) noexcept : rest_(bytes) {}

    [[nodiscard]] std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(number<1>()); }
    [[nodiscard]] std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(number<2>()); }
    [[nodiscard]] std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(number<4>()); }
    [[nodiscard]] std::uint64_t u64() noexcept { return number<8>(); }

    /// The next `count` bytes, as a view into the input; empty and failed when fewer are left.
    [[nodiscard]] ByteSpan take(std::size_t count) noexcept
    {
        if (count > rest_.size()) {
            failed_ = true;
            rest_ = {};
            return {};
        }
        const ByteSpan taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }

    /// The next N bytes as a value; zeros and failed when fewer are left.
    template <std::size_t N>
    [[nodiscard]] std::array<std::uint8_t, N> array() noexcept
    {
        std::array<std::uint8_t, N> out{};
        if (const ByteSpan taken = take(N); taken.size() == N) std::memcpy(out.data(), taken.data(), N);
        return out;
    }

    /// A u16 length and that many bytes ("varlenH").
    [[nodiscard]] ByteSpan varlen() noexcept { return take(u16()); }

    /// All that is left ("raw").
    [[nodiscard]] ByteSpan rest() noexcept { return take(rest_.size()); }

    [[nodiscard]] std::size_t remaining() const noexcept { return rest_.size(); }
    [[nodiscard]] bool ok() const noexcept { return !failed_; }
    /// Nothing failed and nothing is left: for messages in which trailing bytes are an error.
    [[nodiscard]] bool complete() const noexcept { return !failed_ && rest_.empty(); }
    /// Marks the input as bad, for a value that is out of range.
    void reject() noexcept { failed_ = true; }

private:
    template <std::size_t N>
    std::uint64_t number() noexcept
    {
        std::uint64_t value = 0;
        for (const std::uint8_t byte : take(N)) value = value << 8U | byte;
        return value;
    }

    ByteSpan rest_;
    bool failed_ = false;
};

/// `value` when every byte was read and none was missing.
template <class T>
std::optional<T> if_complete(const Reader& reader, T&& value)
{
    return reader.complete() ? std::optional<T>(std::forward<T>(value)) : std::nullopt;
}

/// Writes big-endian fields in order into a span. Writing past the end marks the writer failed and writes nothing more.
class Writer {
public:
    explicit Writer(MutableByteSpan bytes) noexcept : all_(bytes) {}

    void u8(std::uint8_t value) noexcept { number(value, 1); }
    void u16(std::uint16_t value) noexcept { number(value, 2); }
    void u32(std::uint32_t value) noexcept { number(value, 4); }
    void u64(std::uint64_t value) noexcept { number(value, 8); }

    void bytes(ByteSpan data) noexcept
    {
        if (!fits(data.size())) return;
        if (!data.empty()) std::memcpy(all_.data() + used_, data.data(), data.size());
        used_ += data.size();
    }

    /// A u16 length and the bytes ("varlenH"); fails above 65535 bytes.
    void varlen(ByteSpan data) noexcept
    {
        if (data.size() > 0xffff) {
            failed_ = true;
            return;
        }
        u16(static_cast<std::uint16_t>(data.size()));
        bytes(data);
    }

    [[nodiscard]] bool ok() const noexcept { return !failed_; }
    [[nodiscard]] std::size_t size() const noexcept { return used_; }
    /// What has been written so far.
    [[nodiscard]] ByteSpan written() const noexcept { return all_.first(used_); }

private:
    bool fits(std::size_t count) noexcept
    {
        if (failed_ || count > all_.size() - used_) failed_ = true;
        return !failed_;
    }

    void number(std::uint64_t value, unsigned count) noexcept
    {
        if (!fits(count)) return;
        for (unsigned i = count; i-- > 0;) all_[used_++] = static_cast<std::uint8_t>(value >> (8U * i));
    }

    MutableByteSpan all_;
    std::size_t used_ = 0;
    bool failed_ = false;
};

} // namespace cepa
