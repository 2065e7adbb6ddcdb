// What every codec must show: a round trip, no parse of anything cut short, and its rule for what comes behind.
#pragma once

#include "base/bytes.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>

namespace cepa::test {

/// What a message does with bytes behind its last field.
enum class Trailing { tolerated, malformed, belong_to_it };

/// A copy of `bytes` that ends where its memory ends, so that a sanitizer sees any read past it.
class ExactCopy {
public:
    explicit ExactCopy(ByteSpan bytes) : memory_(new std::uint8_t[bytes.size()]), size_(bytes.size())
    {
        if (!bytes.empty()) std::memcpy(memory_.get(), bytes.data(), bytes.size());
    }
    [[nodiscard]] ByteSpan bytes() const noexcept { return {memory_.get(), size_}; }

private:
    std::unique_ptr<std::uint8_t[]> memory_;
    std::size_t size_;
};

inline Bytes written(const std::function<void(Writer&)>& write)
{
    Bytes room(4096);
    Writer writer(room);
    write(writer);
    EXPECT_TRUE(writer.ok());
    room.resize(writer.size());
    return room;
}

/// `reencode` parses and writes again, and is empty when it cannot parse. The last `raw` bytes of `encoded` may be
/// missing without harm, because the message ends in a field that takes what there is.
inline void expect_codec(const Bytes& encoded, const std::function<Bytes(ByteSpan)>& reencode, Trailing trailing,
                         std::size_t raw = 0)
{
    EXPECT_EQ(reencode(encoded), encoded);
    for (std::size_t size = 0; size < encoded.size(); ++size) {
        const ExactCopy cut(ByteSpan(encoded).first(size));
        EXPECT_EQ(reencode(cut.bytes()).empty(), size < encoded.size() - raw) << "cut to " << size;
    }
    Bytes longer = encoded;
    longer.push_back(0);
    const Bytes again = reencode(longer);
    switch (trailing) {
    case Trailing::tolerated: EXPECT_EQ(again, encoded); break;
    case Trailing::malformed: EXPECT_TRUE(again.empty()); break;
    case Trailing::belong_to_it: EXPECT_EQ(again, longer); break;
    }
}

/// The same for a struct with parse() and write().
template <class Message>
void expect_message(const Message& message, Trailing trailing, std::size_t raw = 0)
{
    const auto reencode = [](ByteSpan body) {
        const auto parsed = Message::parse(body);
        return parsed ? written([&](Writer& writer) { parsed->write(writer); }) : Bytes{};
    };
    expect_codec(written([&](Writer& writer) { message.write(writer); }), reencode, trailing, raw);
}

} // namespace cepa::test
