#include "main/child_process.hpp"

#include "proto/pipe.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace cepa::main {
namespace {

/// What /bin/sh prints on descriptor 7 before it ends.
std::string output_of(const std::string& script, std::vector<PassedDescriptor> more = {})
{
    proto::PipeEnds pipe = std::move(*proto::make_pipe());
    more.push_back({pipe.write.get(), 7});
    const auto child = start_child({"/bin/sh", "a-name", {"-c", script}, more});
    if (!child) return "not started: " + child.error().message();
    pipe.write.reset();
    std::string out;
    std::array<char, 4096> part{};
    for (ssize_t got = 0; (got = ::read(pipe.read.get(), part.data(), part.size())) > 0;)
        out.append(part.data(), static_cast<std::size_t>(got));
    pollfd ended{child->pidfd.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 10000), 1);
    EXPECT_EQ(::waitpid(child->pid, nullptr, WNOHANG), child->pid);
    return out;
}

TEST(ChildProcess, HasTheNamedDescriptorsAndNoOther)
{
    const FileDescriptor inheritable(::dup(2));                          // not close-on-exec, low number
    const FileDescriptor high(::fcntl(2, F_DUPFD, 200));                 // and a high one
    const char* script = "i=0; while [ $i -lt 300 ]; do [ -e /proc/$$/fd/$i ] && echo $i >&7; i=$((i+1)); done";
    EXPECT_EQ(output_of(script, {{inheritable.get(), 12}}), "0\n1\n2\n7\n12\n");
}

TEST(ChildProcess, NumbersMayCrossEachOther)
{
    proto::PipeEnds a = std::move(*proto::make_pipe());
    proto::PipeEnds b = std::move(*proto::make_pipe());
    for (FileDescriptor* end : {&a.write, &b.write}) end->reset(::fcntl(end->get(), F_DUPFD_CLOEXEC, 40)); // clear of the script's own 7
    // Each is passed as the other's number: copying them one after the other would lose one.
    // (A shell's >&N knows only one digit.)
    const auto into = [](const FileDescriptor& fd) { return " >/proc/$$/fd/" + std::to_string(fd.get()); };
    ASSERT_TRUE(output_of("echo a" + into(b.write) + "; echo b" + into(a.write),
                          {{a.write.get(), b.write.get()}, {b.write.get(), a.write.get()}}).empty());
    std::array<char, 8> text{};
    EXPECT_EQ(::read(a.read.get(), text.data(), text.size()), 2);
    EXPECT_EQ(text[0], 'a');
    EXPECT_EQ(::read(b.read.get(), text.data(), text.size()), 2);
    EXPECT_EQ(text[0], 'b');
}

TEST(ChildProcess, StandardStreamsThatAreNotNamedAreNothing)
{
    const char* script = "a=$(readlink /proc/$$/fd/0); b=$(readlink /proc/$$/fd/1); c=$(readlink /proc/$$/fd/2); echo $a $b $c >&7";
    EXPECT_EQ(output_of(script), "/dev/null /dev/null /dev/null\n");
}

TEST(ChildProcess, LeadsAProcessGroupOfItsOwn)
{
    const std::string both = output_of("cut -d' ' -f5 /proc/$$/stat >&7; echo $$ >&7");
    const auto line = both.find('\n');
    EXPECT_EQ(both.substr(0, line + 1), both.substr(line + 1));
}

TEST(ChildProcess, TakesTheNameItIsGiven) { EXPECT_EQ(output_of("echo $0 >&7"), "a-name\n"); }

TEST(ChildProcess, SaysWhyItCannotStart)
{
    const auto child = start_child({"/nonexistent", "x", {}, {}});
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error(), boost::system::errc::no_such_file_or_directory);
    const auto unusable = start_child({"/bin/sh", "x", {}, {{-1, 3}}});
    ASSERT_FALSE(unusable);
    EXPECT_EQ(unusable.error(), boost::system::errc::bad_file_descriptor);
}

} // namespace
} // namespace cepa::main
