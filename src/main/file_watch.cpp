#include "main/file_watch.hpp"

#include <system_error>
#include <utility>

namespace cepa::main {

FileWatch::FileWatch(std::vector<std::filesystem::path> files)
{
    files_.reserve(files.size());
    for (std::filesystem::path& path : files)
        files_.push_back({std::move(path), std::nullopt});
}

std::optional<FileWatch::Seen> FileWatch::see(const std::filesystem::path& path)
{
    std::error_code no_size;
    std::error_code no_time;
    const Seen seen{std::filesystem::file_size(path, no_size), std::filesystem::last_write_time(path, no_time)};
    return no_size || no_time ? std::nullopt : std::optional(seen);
}

std::string FileWatch::look()
{
    const bool first = !std::exchange(looked_, true);
    for (File& file : files_) {
        const std::optional<Seen> now = see(file.path);
        if (first) file.seen = now;
        if (!file.seen || now == file.seen) continue;
        return file.path.string() + (now ? ": was changed" : ": is not there any more");
    }
    return {};
}

} // namespace cepa::main
