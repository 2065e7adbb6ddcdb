#include "main/control_client.hpp"
#include "main/state_folder.hpp"
#include "main/unix_socket.hpp"
#include "main/user_error.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <sys/socket.h>
#include <thread>

using namespace cepa;
using namespace cepa::main;
using namespace std::chrono_literals;
using testing::HasSubstr;

namespace {

/// A node that answers one request with a fixed text, on a thread of its own.
class OneAnswer {
public:
    explicit OneAnswer(std::string answer)
    {
        std::string made = testing::TempDir() + "cepa-client-XXXXXX";
        folder_ = ::mkdtemp(made.data());
        listener_ = std::move(listen_unix(control_socket_path(folder_)).value());
        client = ControlClient::connect(folder_);
        thread_ = std::thread([this, answer = std::move(answer)] {
            FileDescriptor connection;
            while (!connection.valid())
                connection = FileDescriptor(::accept(listener_.get(), nullptr, nullptr));
            char buffer[4096];
            const ssize_t n = ::recv(connection.get(), buffer, sizeof buffer, 0);
            request.assign(buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
            if (!answer.empty()) ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        });
    }
    ~OneAnswer()
    {
        if (thread_.joinable()) thread_.join();
        std::filesystem::remove_all(folder_);
    }
    std::string complaint()
    {
        try {
            (void)client->call("list", Json::object(), 5s);
        } catch (const UserError& error) {
            status = error.status();
            return error.what();
        }
        return {};
    }
    void join() { thread_.join(); }

    std::optional<ControlClient> client;
    std::string request;
    int status = 0;

private:
    std::filesystem::path folder_;
    FileDescriptor listener_;
    std::thread thread_;
};

} // namespace

TEST(ControlClient, NobodyRuns)
{
    EXPECT_FALSE(ControlClient::connect("/nonexistent/state").has_value());
}

TEST(ControlClient, ARequestAndItsAnswer)
{
    OneAnswer node("{\"id\":1,\"result\":{\"torrents\":[]}}\n");
    EXPECT_EQ(node.client->call("list", {{"x", 1}}), Json::parse(R"({"torrents":[]})"));
    node.join();
    EXPECT_EQ(Json::parse(node.request), Json::parse(R"({"id":1,"method":"list","params":{"x":1}})"));
}

TEST(ControlClient, ErrorsComeAsTheNodeSaidThem)
{
    OneAnswer failed("{\"id\":1,\"error\":{\"message\":\"the disk is full\",\"misuse\":false}}\n");
    EXPECT_EQ(failed.complaint(), "the disk is full");
    EXPECT_EQ(failed.status, kFailed);
    OneAnswer misused("{\"id\":1,\"error\":{\"message\":\"no such method\",\"misuse\":true}}\n");
    EXPECT_EQ(misused.complaint(), "no such method");
    EXPECT_EQ(misused.status, kMisuse);
}

TEST(ControlClient, NonsenseAndSilence)
{
    EXPECT_THAT(OneAnswer("banana\n").complaint(), HasSubstr("nonsense"));
    EXPECT_THAT(OneAnswer("{\"id\":9,\"result\":{}}\n").complaint(), HasSubstr("nonsense"));
    EXPECT_THAT(OneAnswer("[]\n").complaint(), HasSubstr("nonsense"));
    EXPECT_THAT(OneAnswer("").complaint(), HasSubstr("went away"));
}
