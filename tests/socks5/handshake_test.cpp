#include "socks5/handshake.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cepa::socks5 {
namespace {

using Step = Handshake::Step;

Bytes bytes(std::initializer_list<int> values)
{
    Bytes out;
    for (const int v : values) out.push_back(static_cast<std::uint8_t>(v));
    return out;
}

const Route kOwn{3, GroupId(7)};
const Route kAlice{2, GroupId(40)};

ListenerPolicy own_session() { return {kOwn, {}}; }

ListenerPolicy for_users(std::optional<Route> anonymous)
{
    return {anonymous, [](std::string_view user, std::string_view password) -> std::optional<Route> {
                if (user == "alice" && password == "pw") return kAlice;
                return std::nullopt;
            }};
}

const Bytes kGreetingNone = bytes({5, 1, 0});
const Bytes kGreetingBoth = bytes({5, 2, 0, 2});
const Bytes kLoginAlice = bytes({1, 5, 'a', 'l', 'i', 'c', 'e', 2, 'p', 'w'});
const Bytes kAssociate = bytes({5, 3, 0, 1, 0, 0, 0, 0, 0x1a, 0xe1});

struct Talk {
    explicit Talk(ListenerPolicy p) : policy(std::move(p)), handshake(policy) {}
    Step say(const Bytes& message)
    {
        answer.clear();
        return handshake.on_bytes(message, answer);
    }
    ListenerPolicy policy;
    Handshake handshake;
    Bytes answer;
};

TEST(Socks5Handshake, OwnSessionNeedsNoLogin)
{
    Talk talk(own_session());
    EXPECT_EQ(talk.say(kGreetingNone), Step::more);
    EXPECT_EQ(talk.answer, bytes({5, 0}));
    EXPECT_EQ(talk.say(kAssociate), Step::associate);
    EXPECT_TRUE(talk.answer.empty()) << "the owner replies, once it has a relay";
    EXPECT_EQ(talk.handshake.route(), kOwn);
    EXPECT_EQ(talk.handshake.client(), Endpoint::parse("0.0.0.0:6881"));
}

TEST(Socks5Handshake, OfferedLoginIsNotUsedWithoutACheck)
{
    Talk talk(own_session());
    EXPECT_EQ(talk.say(kGreetingBoth), Step::more);
    EXPECT_EQ(talk.answer, bytes({5, 0}));
}

TEST(Socks5Handshake, UserNameChoosesTheRoute)
{
    Talk talk(for_users(kOwn));
    EXPECT_EQ(talk.say(kGreetingBoth), Step::more);
    EXPECT_EQ(talk.answer, bytes({5, 2}));
    EXPECT_EQ(talk.say(kLoginAlice), Step::more);
    EXPECT_EQ(talk.answer, bytes({1, 0}));
    EXPECT_EQ(talk.say(kAssociate), Step::associate);
    EXPECT_EQ(talk.handshake.route(), kAlice);
}

TEST(Socks5Handshake, WrongPasswordEndsIt)
{
    Talk talk(for_users(kOwn));
    ASSERT_EQ(talk.say(kGreetingBoth), Step::more);
    EXPECT_EQ(talk.say(bytes({1, 5, 'a', 'l', 'i', 'c', 'e', 2, 'p', 'x'})), Step::failed);
    EXPECT_EQ(talk.answer, bytes({1, 1}));
    EXPECT_EQ(talk.say(kAssociate), Step::failed) << "nothing is taken afterwards";
    EXPECT_TRUE(talk.answer.empty());
}

TEST(Socks5Handshake, ListenerThatWantsALoginRefusesOthers)
{
    Talk talk(for_users(std::nullopt));
    EXPECT_EQ(talk.say(kGreetingNone), Step::failed);
    EXPECT_EQ(talk.answer, bytes({5, 0xff}));
    Talk nothing(own_session());
    EXPECT_EQ(nothing.say(bytes({5, 0})), Step::failed);
    EXPECT_EQ(nothing.answer, bytes({5, 0xff}));
}

TEST(Socks5Handshake, ConnectAndBindAreNotSupported)
{
    for (const int command : {1, 2, 0, 4, 255}) {
        Talk talk(own_session());
        ASSERT_EQ(talk.say(kGreetingNone), Step::more);
        EXPECT_EQ(talk.say(bytes({5, command, 0, 1, 1, 2, 3, 4, 0, 80})), Step::failed);
        EXPECT_EQ(talk.answer, bytes({5, 7, 0, 1, 0, 0, 0, 0, 0, 0})) << command;
    }
}

TEST(Socks5Handshake, UnknownAddressTypeIsNamed)
{
    Talk talk(own_session());
    ASSERT_EQ(talk.say(kGreetingNone), Step::more);
    EXPECT_EQ(talk.say(bytes({5, 3, 0, 2})), Step::failed);
    EXPECT_EQ(talk.answer, bytes({5, 8, 0, 1, 0, 0, 0, 0, 0, 0}));
}

TEST(Socks5Handshake, OtherProtocolsGetNoAnswer)
{
    Talk talk(own_session());
    EXPECT_EQ(talk.say(bytes({4, 1, 0, 80})), Step::failed);
    EXPECT_TRUE(talk.answer.empty());
}

TEST(Socks5Handshake, TakesPiecesOfAnySize)
{
    Bytes whole = kGreetingBoth;
    whole.insert(whole.end(), kLoginAlice.begin(), kLoginAlice.end());
    whole.insert(whole.end(), kAssociate.begin(), kAssociate.end());
    for (std::size_t piece = 1; piece <= whole.size(); ++piece) {
        Talk talk(for_users(kOwn));
        Bytes all;
        Step step = Step::more;
        for (std::size_t at = 0; at < whole.size(); at += piece) {
            ASSERT_EQ(step, Step::more);
            const std::size_t count = std::min(piece, whole.size() - at);
            step = talk.handshake.on_bytes(ByteSpan(whole).subspan(at, count), all);
        }
        EXPECT_EQ(step, Step::associate) << piece;
        EXPECT_EQ(all, bytes({5, 2, 1, 0}));
    }
}

TEST(Socks5Handshake, LongestMessagesFit)
{
    Bytes login{1, 255};
    login.insert(login.end(), 255, 'u');
    login.push_back(255);
    login.insert(login.end(), 255, 'p');
    ListenerPolicy policy{std::nullopt, [](std::string_view user, std::string_view password) -> std::optional<Route> {
                              return user.size() == 255 && password.size() == 255 ? std::optional(kAlice) : std::nullopt;
                          }};
    Talk talk(policy);
    ASSERT_EQ(talk.say(kGreetingBoth), Step::more);
    EXPECT_EQ(talk.say(login), Step::more);
    Bytes request{5, 3, 0, 3, 255};
    request.insert(request.end(), 255, 'h');
    request.insert(request.end(), {0x12, 0x34});
    EXPECT_EQ(talk.say(request), Step::associate);
    EXPECT_EQ(talk.handshake.client(), (Endpoint{{}, 0x1234})) << "a name says no address; the port counts";
}

} // namespace
} // namespace cepa::socks5
