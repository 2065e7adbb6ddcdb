#include "base/utp.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cepa {
namespace {

Bytes utp_header(std::uint8_t type, std::uint8_t extension = 0)
{
    Bytes out(20);
    out[0] = static_cast<std::uint8_t>(type << 4U | 1U);
    out[1] = extension;
    return out;
}

TEST(IsUtp, TellsItFromWhatElseATorrentSends)
{
    for (std::uint8_t type = 0; type <= 4; ++type)
        EXPECT_TRUE(is_utp(utp_header(type))) << int{type};
    for (std::uint8_t extension = 0; extension <= 3; ++extension)
        EXPECT_TRUE(is_utp(utp_header(0, extension))) << int{extension};
    EXPECT_FALSE(is_utp(utp_header(5)));
    EXPECT_FALSE(is_utp(utp_header(0, 4)));
    Bytes cut = utp_header(0);
    cut.pop_back();
    EXPECT_FALSE(is_utp(cut));
    Bytes other_version = utp_header(0);
    other_version[0] = 2;
    EXPECT_FALSE(is_utp(other_version));
    const std::string dht = "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
    EXPECT_FALSE(is_utp(as_bytes(dht)));
    const Bytes tracker_connect{0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0};
    EXPECT_FALSE(is_utp(tracker_connect));
    EXPECT_FALSE(is_utp({}));
}

} // namespace
} // namespace cepa
