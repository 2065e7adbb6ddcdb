#include "main/plain_marks.hpp"

#include "main/atomic_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/sha.h>

#include <array>
#include <string_view>
#include <system_error>

namespace cepa::main {
namespace {

constexpr std::size_t kMarkBytes = 16;
constexpr std::size_t kLineSize = 2 * kMarkBytes + 1;

std::string mark_of(const std::string& id)
{
    const std::string text = "cepa plain life " + id;
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return fmt::format("{:02x}\n", fmt::join(digest.begin(), digest.begin() + kMarkBytes, ""));
}

Result<std::string> read_marks(const std::filesystem::path& file)
{
    std::error_code error;
    if (!std::filesystem::exists(file, error) && !error) return std::string();
    const Result<Bytes> content = read_file(file);
    if (!content) return fail(content.error());
    return std::string(content->begin(), content->end());
}

bool is_marked(std::string_view marks, std::string_view mark)
{
    for (std::size_t at = 0; at + kLineSize <= marks.size(); at += kLineSize)
        if (marks.substr(at, kLineSize) == mark) return true;
    return false;
}

} // namespace

bool PlainMarks::has(const std::string& id) const
{
    if (file_.empty()) return false;
    const auto marks = read_marks(file_);
    return !marks || is_marked(*marks, mark_of(id));
}

Answer<void> PlainMarks::add(const std::string& id) const
{
    if (file_.empty()) return {};
    auto marks = read_marks(file_);
    Result<void> written = marks ? Result<void>{} : fail(marks.error());
    const std::string mark = mark_of(id);
    if (marks && is_marked(*marks, mark)) return {};
    if (marks) {
        *marks += mark;
        if (marks->size() > kMost * kLineSize) marks->erase(0, marks->size() - kMost * kLineSize);
        written = write_file_atomically(file_, as_bytes(*marks));
    }
    if (written) return {};
    return std::unexpected(fmt::format("{}: {}", file_.string(), written.error().message()));
}

} // namespace cepa::main
