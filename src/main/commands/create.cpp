// A .torrent file of a file or folder, without date, creator, path or times.
#include "main/commands/commands.hpp"
#include "main/interrupt.hpp"
#include "main/quantity.hpp"
#include "main/torrent_creator.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>

namespace cepa::main {
namespace {

void write_new_file(const std::filesystem::path& path, const Bytes& content)
{
    const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file.valid()) throw UserError(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    std::size_t written = 0;
    while (written < content.size()) {
        const ssize_t n = ::write(file.get(), content.data() + written, content.size() - written);
        if (n <= 0) {
            const int error = errno;
            ::unlink(path.c_str());
            throw UserError(fmt::format("{}: {}", path.string(), std::strerror(error)));
        }
        written += static_cast<std::size_t>(n);
    }
}

std::filesystem::path target_of(const CreateOptions& options)
{
    if (!options.output.empty()) return options.output;
    // As the torrent will be named: after the last part of the path, whatever the spelling.
    const auto whole = std::filesystem::absolute(options.path).lexically_normal();
    const auto named = whole.has_filename() ? whole : whole.parent_path();
    return named.filename().string() + ".torrent";
}

/// Before minutes are spent on hashing.
void need_new(const std::filesystem::path& target)
{
    std::error_code ignored;
    if (std::filesystem::exists(std::filesystem::symlink_status(target, ignored)))
        throw UserError(fmt::format("{}: File exists; name another one with -o", target.string()));
}

} // namespace

int create_command(CommandContext& context)
{
    const CreateOptions& options = context.options.create;
    CreateTorrent request;
    request.path = options.path;
    need_new(target_of(options));
    request.format = options.v1 ? TorrentFormat::v1 : TorrentFormat::hybrid;
    request.trackers = options.trackers;
    Interrupt interrupt;
    const auto created = create_torrent(request, [&](double share) {
        Progress progress;
        progress.what = fmt::format("hashing {:.0f} %", share * 100);
        context.console.progress(progress);
        return !interrupt.interrupted();
    });
    if (!created) throw UserError(created.error());
    const auto output = options.output.empty() ? std::filesystem::path(created->name + ".torrent") : options.output;
    write_new_file(output, created->content);
    context.console.line(fmt::format("{}: {} in {} pieces\n{}", output.string(), format_size(created->bytes),
                                     created->pieces, created->magnet));
    context.console.result({{"ok", true},
                            {"torrent", output.string()},
                            {"id", created->id},
                            {"magnet", created->magnet},
                            {"name", created->name},
                            {"bytes", created->bytes},
                            {"pieces", created->pieces}});
    return kDone;
}

} // namespace cepa::main
