#include "main/control_server.hpp"
#include "main/unix_socket.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <vector>

using namespace cepa;
using namespace cepa::main;

namespace {

class ControlServerTest : public testing::Test {
protected:
    void SetUp() override
    {
        std::string made = testing::TempDir() + "cepa-control-XXXXXX";
        ASSERT_NE(::mkdtemp(made.data()), nullptr);
        folder = made;
        path = folder / "control.sock";
        server = std::make_unique<ControlServer>(
            io, path, [this](const std::string& line, std::function<void(std::string)> done) {
                lines.push_back(line);
                done("answer to " + line);
            });
        ASSERT_TRUE(server->start().has_value());
    }
    void TearDown() override
    {
        server.reset();
        io.poll();
        std::filesystem::remove_all(folder);
    }

    FileDescriptor client() { return std::move(connect_unix(path).value()); }
    void settle()
    {
        io.restart();
        for (int i = 0; i < 100 && io.poll() > 0; ++i) {
        }
    }
    static void send(const FileDescriptor& to, const std::string& text)
    {
        ASSERT_EQ(::send(to.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }
    static std::string receive(const FileDescriptor& from)
    {
        char buffer[4096];
        const ssize_t n = ::recv(from.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : n == 0 ? "closed" : "";
    }

    std::filesystem::path folder;
    std::filesystem::path path;
    boost::asio::io_context io;
    std::vector<std::string> lines;
    std::unique_ptr<ControlServer> server;
};

} // namespace

TEST_F(ControlServerTest, OneLineOneAnswer)
{
    const auto a = client();
    send(a, "one\n");
    settle();
    EXPECT_EQ(receive(a), "answer to one\n");
    send(a, "two\nthree\n"); // both at once: answered in order
    settle();
    EXPECT_EQ(receive(a), "answer to two\nanswer to three\n");
}

TEST_F(ControlServerTest, ALineMayComeInPieces)
{
    const auto a = client();
    send(a, "on");
    settle();
    EXPECT_EQ(receive(a), "");
    send(a, "e\n");
    settle();
    EXPECT_EQ(receive(a), "answer to one\n");
}

TEST_F(ControlServerTest, AnEndlessLineEndsItsClient)
{
    const auto a = client();
    const std::string piece(1 << 16, 'x');
    bool closed = false;
    for (std::size_t sent = 0; sent <= kMaxControlLine + (4U << 16U) && !closed; sent += piece.size()) {
        closed = ::send(a.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE;
        settle();
    }
    EXPECT_TRUE(closed);
    EXPECT_TRUE(lines.empty());
}

TEST_F(ControlServerTest, ClientsAreBounded)
{
    std::vector<FileDescriptor> clients;
    for (std::size_t i = 0; i < kMaxControlClients; ++i) {
        clients.push_back(client());
        settle(); // the listen queue holds as many
    }
    const auto one_too_many = client();
    settle();
    EXPECT_EQ(receive(one_too_many), "closed");
    clients.pop_back();
    settle();
    const auto next = client();
    send(next, "x\n");
    settle();
    EXPECT_EQ(receive(next), "answer to x\n");
}

TEST_F(ControlServerTest, TheSocketIsPrivateAndGoesWithTheServer)
{
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600u);
    const auto a = client();
    settle();
    server->close();
    EXPECT_FALSE(std::filesystem::exists(path));
    settle();
    EXPECT_EQ(receive(a), "closed");
}

TEST_F(ControlServerTest, ASocketLeftByADeadProcessIsReplaced)
{
    ControlServer second(io, path, [](const std::string&, std::function<void(std::string)> done) { done("second"); });
    ASSERT_TRUE(second.start().has_value());
    const auto a = client();
    send(a, "x\n");
    settle();
    EXPECT_EQ(receive(a), "second\n");
}

TEST_F(ControlServerTest, AnAnswerForAClientThatLeftIsDropped)
{
    std::function<void(std::string)> kept;
    server = std::make_unique<ControlServer>(
        io, path, [&](const std::string&, std::function<void(std::string)> done) { kept = std::move(done); });
    ASSERT_TRUE(server->start().has_value());
    {
        const auto a = client();
        send(a, "x\n");
        settle();
    }
    ASSERT_TRUE(kept);
    server.reset();
    settle();
    kept("too late"); // touches nothing that is gone
    settle();
}
