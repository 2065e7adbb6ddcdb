// The child as a whole, in a process of its own: its streams, its life and its end. The tunnel in it is a fake one.
#include "proto/build_id.hpp"
#include "proto/descriptors.hpp"
#include "proto/exit.pb.h"
#include "proto/message_stream.hpp"
#include "proto/pipe.hpp"
#include "proto/rpc.hpp"
#include "proto/slot_table.hpp"
#include "support/loop.hpp"
#include "worker/child.hpp"
#include "worker/fakes.hpp"
#include "worker/shared_facts.hpp"
#include "worker/worker.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sys/resource.h>
#include <sys/wait.h>

namespace cepa::worker {
namespace {

using proto::Answer;
using proto::Envelope;
using test::Child;
using test::run_until;

Envelope create(std::uint32_t workers = 1, std::uint32_t sync_interval_ms = 60)
{
    tunnel::init_crypto();
    const auto key = tunnel::PrivateKey::generate();
    const auto secret = key.encode();
    const auto open = key.public_key().encode();
    Envelope out;
    proto::Create& message = *out.mutable_create();
    message.set_build_id(proto::build_id());
    message.set_max_workers(workers);
    message.set_identity_key(secret.data(), secret.size());
    message.set_identity_public(open.data(), open.size());
    message.mutable_settings()->set_overlay_id(std::string(20, '\x5a'));
    *message.mutable_listen() = endpoint_to_proto(test::endpoint("127.0.0.1:1"));
    *message.mutable_steer() = proto::SlotTable::make(1, 3, workers).to_message();
    message.set_sync_interval_ms(sync_interval_ms);
    return out;
}

/// Main's side of a child.
struct Main {
    explicit Main(Child& child) : rpc(io, std::move(child.control_out), std::move(child.control_in))
    {
        rpc.handle(Envelope::kSync, [this](const Envelope&, const proto::Rpc::Respond&) { ++syncs; });
        rpc.start([this](ErrorCode) { ended = true; });
    }
    std::string call(const Envelope& envelope)
    {
        std::optional<Result<Answer>> answer;
        rpc.call(envelope, std::chrono::seconds(10), [&](Result<Answer> a) { answer = std::move(a); });
        EXPECT_TRUE(run_until(io, [&] { return answer.has_value(); }));
        return !answer ? "no answer" : !*answer ? answer->error().message() : (*answer)->error();
    }

    boost::asio::io_context io;
    proto::Rpc rpc;
    int syncs = 0;
    bool ended = false;
};

/// Asks the child to end and returns its answer.
std::optional<proto::ExitAnswer> ask_to_exit(Child& child, std::uint32_t grace_ms)
{
    boost::asio::io_context io;
    proto::MessageStream stream(io, std::move(child.exit_out), std::move(child.exit_in));
    std::optional<proto::ExitAnswer> out;
    bool ended = false;
    stream.start([&](ByteSpan bytes) { out.emplace().ParseFromArray(bytes.data(), static_cast<int>(bytes.size())); },
                 [&](ErrorCode) { ended = true; });
    proto::ExitRequest request;
    request.set_grace_ms(grace_ms);
    EXPECT_TRUE(stream.send(request));
    EXPECT_TRUE(run_until(io, [&] { return out.has_value() || ended; }));
    return out;
}

TEST(Worker, WithoutPipesItSaysWhoStartsItAndExitsWithTwo)
{
    EXPECT_EXIT(::_exit(run_worker()), testing::ExitedWithCode(kExitMisuse), "cepa worker is started by cepa itself");
}

TEST(Worker, ServesCreateSynchronisesAndEndsCleanlyWhenAsked)
{
    Child child;
    Main main(child);
    EXPECT_EQ(main.call(create()), "");
    EXPECT_TRUE(run_until(main.io, [&] { return main.syncs >= 2; }));
    const auto answer = ask_to_exit(child, 10'000);
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->clean()) << answer->error();
    EXPECT_EQ(child.wait(), 0);
}

TEST(Worker, EndsCleanlyAlsoBeforeCreate)
{
    Child child;
    const auto answer = ask_to_exit(child, 10'000);
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->clean());
    EXPECT_EQ(child.wait(), 0);
}

TEST(Worker, EndsWhenAskedAlsoWhileItsControlPipeIsFull)
{
    Child child;
    std::optional<Main> main(std::in_place, child);
    EXPECT_EQ(main->call(create(1, 1)), "");
    // Answers that nobody reads: they fill the pipe and then the worker's own queue.
    Envelope wrong;
    wrong.mutable_circuit()->set_hops(9);
    for (int i = 0; i < 5'000; ++i)
        main->rpc.call(wrong, std::chrono::hours(1), [](Result<Answer>) {});
    const auto answer = ask_to_exit(child, 10'000);
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->clean()) << answer->error();
    EXPECT_EQ(child.wait(), 0);
}

TEST(Worker, TheEndOfAnyPipeEndsIt)
{
    for (const auto pipe : {&Child::control_in, &Child::control_out, &Child::data_in, &Child::data_out, &Child::exit_in,
                            &Child::exit_out}) {
        Child child;
        (child.*pipe).reset();
        EXPECT_EQ(child.wait(), kExitLostPipe);
    }
}

TEST(Worker, NonsenseOnTheControlStreamEndsIt)
{
    Child child;
    ASSERT_EQ(::write(child.control_in.get(), "\xff\xff\xff\xff", 4), 4);
    EXPECT_EQ(child.wait(), kExitLostPipe);
}

TEST(Worker, CtrlCIsNotForIt)
{
    Child child;
    Main main(child);
    EXPECT_EQ(main.call(create()), "");
    ::kill(child.pid(), SIGINT);
    ::kill(child.pid(), SIGTERM);
    const int before = main.syncs;
    EXPECT_TRUE(run_until(main.io, [&] { return main.syncs > before + 1; }));
}

TEST(Worker, HoldsExactlyTheListedDescriptorsAndItsOwnEvents)
{
    Child child({.siblings = 2, .stray_descriptors = true});
    Main main(child);
    EXPECT_EQ(main.call(create(3)), "");
    const auto shown = child.open_descriptors();
    if (!shown) GTEST_SKIP() << "/proc/PID/fd of a worker is shown to root only: workers are not dumpable";
    const std::vector<int>& open = *shown;
    for (int fd = 0; fd <= proto::last_descriptor(3); ++fd)
        EXPECT_TRUE(std::ranges::binary_search(open, fd)) << fd;
    for (const int fd : open) {
        if (fd <= proto::last_descriptor(3)) continue;
        std::error_code error;
        const std::string target =
            std::filesystem::read_symlink("/proc/" + std::to_string(child.pid()) + "/fd/" + std::to_string(fd), error);
        EXPECT_EQ(target.rfind("anon_inode:", 0), 0U) << fd << " is " << target; // epoll, event and timer of the loop
    }
}

TEST(Worker, GivesUpDumpsAndFiles)
{
    Child child;
    Main main(child);
    EXPECT_EQ(main.call(create()), "");
    for (const auto which : {RLIMIT_CORE, RLIMIT_FSIZE}) {
        rlimit limit{};
        ASSERT_EQ(::prlimit(child.pid(), which, nullptr, &limit), 0);
        EXPECT_EQ(limit.rlim_max, 0U);
    }
}

/// Blocks until every writer of `fd` is gone.
void await_end(int fd)
{
    ::fcntl(fd, F_SETFL, 0);
    char byte = 0;
    while (::read(fd, &byte, 1) > 0) {
    }
}

/// Starts a worker, has another process hold main's ends of its pipes until `release` ends, reports it and dies.
[[noreturn]] void start_worker_and_die(int report, proto::PipeEnds& release)
{
    Child child;
    const pid_t pid = child.pid();
    if (::fork() == 0) { // holds copies of the pipes: their end is not what the worker may see
        release.write.reset();
        await_end(release.read.get());
        ::_exit(0);
    }
    Main main(child);
    (void)main.call(create());
    (void)!::write(report, &pid, sizeof pid);
    ::kill(::getpid(), SIGKILL);
    ::_exit(1);
}

TEST(Worker, DiesWithWhoStartedItThoughItsPipesStayOpen)
{
    auto report = proto::make_pipe().value();
    auto release = proto::make_pipe().value();
    const pid_t between = ::fork();
    if (between == 0) start_worker_and_die(report.write.get(), release);
    release.read.reset();
    report.write.reset();
    ::fcntl(report.read.get(), F_SETFL, 0);
    pid_t worker = -1;
    ASSERT_EQ(::read(report.read.get(), &worker, sizeof worker), static_cast<ssize_t>(sizeof worker));
    ::waitpid(between, nullptr, 0);
    const auto gone = [&] {
        std::ifstream status("/proc/" + std::to_string(worker) + "/stat");
        std::string pid, name, state;
        status >> pid >> name >> state;
        return !status || state == "Z" || state == "X";
    };
    boost::asio::io_context io;
    EXPECT_TRUE(run_until(io, gone));
}

TEST(Worker, ALogThatNobodyReadsDoesNotStopIt)
{
    Child child;
    Main main(child);
    EXPECT_EQ(main.call(create()), "");
    child.fill_log();
    child.data_in.reset(); // it says so in the log, and ends
    EXPECT_EQ(child.wait(), kExitLostPipe);
}

TEST(Worker, InFrontProcessModeItNeedsNoSocket)
{
    Child child({.slot_socket = false});
    Main main(child);
    Envelope front = create();
    front.mutable_create()->set_front_process(true);
    EXPECT_EQ(main.call(front), "");
}

} // namespace
} // namespace cepa::worker
