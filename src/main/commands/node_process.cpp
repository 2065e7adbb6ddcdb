#include "main/commands/node_process.hpp"

#include "main/user_error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cepa::main {
namespace {

/// The environment without our own variables: whatever the user has set, a demo's node obeys its own settings only.
std::vector<std::string> plain_environment()
{
    std::vector<std::string> out;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry)
        if (std::strncmp(*entry, "CEPA_", 5) != 0) out.emplace_back(*entry);
    return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts)
{
    std::vector<char*> out;
    for (std::string& text : texts)
        out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

/// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void become(char* const* arguments, char* const* environment, int log, pid_t parent)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1); // it died before the line above
    ::setpgid(0, 0);                       // Ctrl-C is the demo's to handle
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int nowhere = ::open("/dev/null", O_RDONLY);
    ::dup2(nowhere, STDIN_FILENO);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::close_range(3, ~0U, 0);
    ::execve("/proc/self/exe", arguments, environment);
    ::_exit(127);
}

pid_t spawn(std::vector<std::string> arguments, const std::filesystem::path& log_file)
{
    const FileDescriptor log(::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!log.valid()) throw UserError(fmt::format("{}: {}", log_file.string(), std::strerror(errno)));
    arguments.insert(arguments.begin(), "cepa");
    std::vector<std::string> environment = plain_environment();
    const auto argv = pointers(arguments);
    const auto envp = pointers(environment);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) throw UserError(fmt::format("cannot start a process: {}", std::strerror(errno)));
    if (pid == 0) become(argv.data(), envp.data(), log.get(), parent);
    return pid;
}

} // namespace

NodeProcess::NodeProcess(NodeStart start) : start_(std::move(start))
{
    std::error_code error;
    std::filesystem::create_directories(start_.folder, error);
    if (error) throw UserError(fmt::format("{}: {}", start_.folder.string(), error.message()));
    std::vector<std::string> arguments = start_.arguments;
    arguments.insert(arguments.end(), {"--state", (start_.folder / "state").string()});
    pid_ = spawn(std::move(arguments), start_.folder / "log");
}

NodeProcess::NodeProcess(NodeProcess&& other) noexcept
    : start_(std::move(other.start_)), pid_(std::exchange(other.pid_, -1)), control_(std::move(other.control_))
{
}

NodeProcess::~NodeProcess()
{
    kill();
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

bool NodeProcess::running()
{
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
    return pid_ > 0;
}

bool NodeProcess::connect()
{
    if (!control_) control_ = ControlClient::connect(start_.folder / "state");
    return control_.has_value();
}

Json NodeProcess::call(const std::string& method, const Json& params)
{
    try {
        return control_.value().call(method, params);
    } catch (const UserError& error) {
        throw UserError(fmt::format("{} at {}: {}\n{}", start_.role, start_.address, error.what(), log_tail()),
                        error.status());
    }
}

double NodeProcess::cpu_seconds() const
{
    return cpu_seconds_of(pid_);
}

void NodeProcess::terminate() noexcept
{
    if (pid_ > 0) ::kill(pid_, SIGTERM);
}

void NodeProcess::kill() noexcept
{
    if (pid_ > 0) ::kill(pid_, SIGKILL);
}

std::string NodeProcess::log_tail() const
{
    constexpr std::size_t kTail = 2000;
    std::ifstream in(start_.folder / "log", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return text.size() > kTail ? text.substr(text.size() - kTail) : text;
}

double cpu_seconds_of(pid_t pid)
{
    if (pid <= 0) return 0;
    std::ifstream in(fmt::format("/proc/{}/stat", pid));
    std::string line;
    std::getline(in, line);
    // The name of the program stands in brackets and may hold anything: fields are counted from the last bracket on.
    const std::size_t bracket = line.rfind(')');
    if (bracket == std::string::npos) return 0;
    std::istringstream fields(line.substr(bracket + 1));
    std::string skipped;
    constexpr int kFieldsBeforeTimes = 11; // state (3) to cmajflt (13); then utime, stime, cutime, cstime
    for (int i = 0; i < kFieldsBeforeTimes; ++i)
        fields >> skipped;
    double ticks = 0;
    for (int i = 0; i < 4; ++i) {
        double value = 0;
        fields >> value;
        ticks += value;
    }
    return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

} // namespace cepa::main
