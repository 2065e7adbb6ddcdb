#include "main/state_folder.hpp"

#include "base/log.hpp"
#include "main/atomic_file.hpp"
#include "main/user_error.hpp"
#include "main/worker_claims.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace cepa::main {
namespace {

constexpr std::size_t kLargestStateFile = std::size_t{16} << 20U;

std::string text_of(const Bytes& bytes)
{
    return {bytes.begin(), bytes.end()};
}

bool missing(const ErrorCode& error) noexcept
{
    return error == boost::system::errc::no_such_file_or_directory;
}

/// A folder of other things must not become ours: its mode would be changed and our files scattered into it.
void check_purpose(const std::filesystem::path& path)
{
    std::error_code error;
    const bool empty = std::filesystem::is_empty(path, error);
    if (!error && !empty && !std::filesystem::exists(path / "lock", error))
        throw UserError(
            fmt::format("state folder {}: holds other files; choose an empty folder with --state", path.string()));
}

/// Ours, a folder, and closed to everyone else.
void check_access(const std::filesystem::path& path)
{
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0)
        throw UserError(fmt::format("state folder {}: {}", path.string(), std::strerror(errno)));
    if (!S_ISDIR(info.st_mode)) throw UserError(fmt::format("state folder {}: not a folder", path.string()));
    if (info.st_uid != ::geteuid())
        throw UserError(fmt::format("state folder {}: belongs to another user; choose one of your own with --state",
                                    path.string()));
    check_purpose(path);
    if ((info.st_mode & 0077U) != 0 && ::chmod(path.c_str(), 0700) != 0)
        throw UserError(fmt::format("state folder {}: others may read it and that cannot be changed: {}", path.string(),
                                    std::strerror(errno)));
}

FileDescriptor take_lock(const std::filesystem::path& path)
{
    FileDescriptor lock(::open((path / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock.valid())
        throw UserError(fmt::format("state folder {}: cannot write to it: {}", path.string(), std::strerror(errno)));
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno == EWOULDBLOCK)
        throw UserError(fmt::format(
            "state folder {}: in use by another cepa; stop it (cepa stop) or choose another folder with --state",
            path.string()));
    throw UserError(fmt::format("state folder {}: cannot lock it: {}", path.string(), std::strerror(errno)));
}

void check_schema(const std::filesystem::path& path)
{
    const auto file = path / "schema";
    const auto kept = read_file(file, 64);
    if (!kept) {
        if (!missing(kept.error()))
            throw UserError(
                fmt::format("state folder {}: {}: {}", path.string(), file.string(), kept.error().message()));
        if (const auto written = write_file_atomically(file, as_bytes(fmt::format("{}\n", kStateSchema))); !written)
            throw UserError(
                fmt::format("state folder {}: cannot write to it: {}", path.string(), written.error().message()));
        return;
    }
    const std::string text = text_of(*kept);
    std::uint32_t schema = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), schema);
    if (error != std::errc{} || schema == 0 || (*end != '\n' && *end != '\0'))
        throw UserError(fmt::format("state folder {}: {} does not hold a schema number", path.string(), file.string()));
    if (schema > kStateSchema)
        throw UserError(fmt::format("state folder {}: written by a newer cepa (schema {}, this one knows up to {}); "
                                    "use that version, or another folder with --state",
                                    path.string(), schema, kStateSchema));
}

} // namespace

StateFolder StateFolder::open(const std::filesystem::path& path)
{
    std::error_code ignored;
    const auto absolute = std::filesystem::absolute(path, ignored);
    if (const auto made = make_private_folder(absolute); !made)
        throw UserError(fmt::format("state folder {}: {}", absolute.string(), made.error().message()));
    check_access(absolute);
    StateFolder folder(absolute, take_lock(absolute));
    check_schema(absolute);
    return folder;
}

NodeIdentity StateFolder::persistent_identity()
{
    const auto file = path_ / "identity.key";
    auto kept = read_file(file, 4096);
    if (kept) {
        std::string text = text_of(*kept);
        std::fill(kept->begin(), kept->end(), std::uint8_t{0});
        try {
            NodeIdentity identity = NodeIdentity::from_private(text);
            wipe(text);
            return identity;
        } catch (const UserError& error) {
            throw UserError(fmt::format("{}: {}; move it away to start with a new key", file.string(), error.what()));
        }
    }
    if (!missing(kept.error())) throw UserError(fmt::format("{}: {}", file.string(), kept.error().message()));
    NodeIdentity made = NodeIdentity::generate();
    if (const auto written = write_file_atomically(file, as_bytes(made.private_form())); !written)
        throw UserError(fmt::format("{}: {}", file.string(), written.error().message()));
    return made;
}

proto::Share StateFolder::load_network(const std::string& overlay) const
{
    proto::Share share;
    const auto file = path_ / ("network-" + overlay + ".pb");
    const auto kept = read_file(file, kLargestStateFile);
    if (!kept && missing(kept.error())) return share;
    if (kept && share.ParseFromString(text_of(*kept))) {
        drop_malformed(share); // one bad entry must not keep every worker from starting
        return share;
    }
    log::warn("known guards and exits could not be read: starting without them",
              {log::field("file", Sensitive(file.string()))});
    return {};
}

Result<void> StateFolder::save_network(const std::string& overlay, const proto::Share& share)
{
    return write_file_atomically(path_ / ("network-" + overlay + ".pb"), as_bytes(share.SerializeAsString()));
}

std::uint64_t StateFolder::load_traffic(const std::string& month) const
{
    const auto kept = read_file(path_ / "traffic.json", 4096);
    if (!kept) return 0;
    const auto json = nlohmann::json::parse(text_of(*kept), nullptr, false);
    if (!json.is_object() || !json.contains("month") || json["month"] != month) return 0;
    const auto bytes = json.find("bytes");
    return bytes != json.end() && bytes->is_number_unsigned() ? bytes->get<std::uint64_t>() : 0;
}

Result<void> StateFolder::save_traffic(const std::string& month, std::uint64_t bytes)
{
    const nlohmann::json json{{"month", month}, {"bytes", bytes}};
    return write_file_atomically(path_ / "traffic.json", as_bytes(json.dump()));
}

std::filesystem::path plain_marks_file(const std::filesystem::path& state_folder)
{
    return state_folder / "plain-lives";
}

std::filesystem::path control_socket_path(const std::filesystem::path& state_folder)
{
    return state_folder / "control.sock";
}

} // namespace cepa::main
