// Whether the files of a complete torrent are still those that were seen first. Nothing else would tell: libtorrent
// goes on to send what stands in a file that somebody changed, and only who gets it sees that it is wrong. Process:
// main; look() blocks, and is called on one thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cepa::main {

class FileWatch {
public:
    explicit FileWatch(std::vector<std::filesystem::path> files);

    /// Remembers how the files are when it is called first; then says what became of the first one that is not so any
    /// more. Empty: nothing changed. Files that were not there at first are not missed.
    [[nodiscard]] std::string look();
    [[nodiscard]] std::size_t files() const noexcept { return files_.size(); }

private:
    struct Seen {
        std::uintmax_t bytes = 0;
        std::filesystem::file_time_type written;
        friend bool operator==(const Seen&, const Seen&) = default;
    };
    struct File {
        std::filesystem::path path;
        std::optional<Seen> seen;
    };
    [[nodiscard]] static std::optional<Seen> see(const std::filesystem::path& path);

    std::vector<File> files_;
    bool looked_ = false;
};

} // namespace cepa::main
