// Vectors: the primitive encodings of section 2.
#include "support/ipv8_vectors.hpp"
#include "tunnel/discovery/messages.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <functional>
#include <map>

namespace cepa::test {
namespace {

using Json = nlohmann::json;

struct Codec {
    std::function<void(Writer&, const Json&)> write;
    /// Reads one value and compares it with the recorded one.
    std::function<bool(Reader&, const Json&)> reads;
};

bool reads_list(Reader& reader, const Json& value)
{
    if (reader.u8() != value.size()) return false;
    for (const Json& item : value)
        if (!std::ranges::equal(reader.varlen(), unhex(item))) return false;
    return true;
}

void write_list(Writer& writer, const Json& value)
{
    writer.u8(static_cast<std::uint8_t>(value.size()));
    for (const Json& item : value) writer.varlen(unhex(item));
}

std::uint16_t or_of(const Json& values)
{
    unsigned out = 0;
    for (const Json& value : values) {
        EXPECT_TRUE(std::has_single_bit(value.get<unsigned>()));
        out |= value.get<unsigned>();
    }
    return static_cast<std::uint16_t>(out);
}

std::uint8_t bits_of(const Json& values)
{
    unsigned out = 0;
    for (const Json& bit : values) out = out << 1U | bit.get<unsigned>();
    return static_cast<std::uint8_t>(out);
}

const std::map<std::string, Codec> kCodecs{
    {"ipv4",
     {[](Writer& w, const Json& v) { write_ipv4(w, endpoint_of(v)); },
      [](Reader& r, const Json& v) { return read_ipv4(r) == endpoint_of(v); }}},
    {"ip_address",
     {[](Writer& w, const Json& v) { write_endpoint(w, endpoint_of(v)); },
      [](Reader& r, const Json& v) { return read_endpoint(r) == endpoint_of(v); }}},
    {"address",
     {[](Writer& w, const Json& v) { write_address(w, address_of(v)); },
      [](Reader& r, const Json& v) { return read_address(r) == address_of(v); }}},
    {"varlenH",
     {[](Writer& w, const Json& v) { w.varlen(unhex(v)); },
      [](Reader& r, const Json& v) { return std::ranges::equal(r.varlen(), unhex(v)); }}},
    {"varlenH-list", {write_list, reads_list}},
    {"flags",
     {[](Writer& w, const Json& v) { w.bytes(tunnel::encode_flags(or_of(v))); },
      [](Reader& r, const Json& v) { return tunnel::parse_flags(r.rest()) == or_of(v); }}},
    {"bits",
     {[](Writer& w, const Json& v) { w.u8(bits_of(v)); }, [](Reader& r, const Json& v) { return r.u8() == bits_of(v); }}},
};

TEST(VectorsEncodings, BothWays)
{
    const Json& all = ipv8_vectors().at("encodings");
    ASSERT_GE(all.size(), 20U);
    for (const Json& entry : all) {
        SCOPED_TRACE(entry.dump());
        const Codec& codec = kCodecs.at(entry.at("type").get<std::string>());
        std::array<std::uint8_t, 1024> room;
        Writer writer(room);
        codec.write(writer, entry.at("value"));
        EXPECT_TRUE(writer.ok());
        EXPECT_EQ(hex(writer.written()), entry.at("hex").get<std::string>());

        const Bytes bytes = unhex(entry.at("hex"));
        Reader reader(bytes);
        EXPECT_TRUE(codec.reads(reader, entry.at("value")));
        EXPECT_TRUE(reader.complete());
    }
}

} // namespace
} // namespace cepa::test
