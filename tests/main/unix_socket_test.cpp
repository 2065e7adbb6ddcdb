#include "main/unix_socket.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <sys/stat.h>

using namespace cepa::main;

TEST(UnixSocket, PathsOfAnyLengthWork)
{
    std::string made = testing::TempDir() + "cepa-unix-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    auto folder = std::filesystem::path(made);
    for (int i = 0; i < 10; ++i)
        folder /= std::string(40, 'x');
    std::filesystem::create_directories(folder);
    const auto path = folder / "control.sock";
    const auto listening = listen_unix(path);
    ASSERT_TRUE(listening.has_value()) << listening.error().message();
    const auto connected = connect_unix(path);
    ASSERT_TRUE(connected.has_value()) << connected.error().message();
    EXPECT_TRUE(peer_is_same_user(connected->get()));
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600u);
    std::filesystem::remove_all(made);
}

TEST(UnixSocket, NobodyThere)
{
    EXPECT_FALSE(connect_unix("/nonexistent/control.sock").has_value());
    EXPECT_FALSE(listen_unix("/nonexistent/control.sock").has_value());
    EXPECT_FALSE(peer_is_same_user(-1));
}
