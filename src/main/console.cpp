#include "main/console.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace cepa::main {
namespace {

/// stdout may be a pipe that was closed: that must not end the program before it has saved and stopped.
void write(std::FILE* to, std::string_view text)
{
    std::fwrite(text.data(), 1, text.size(), to);
    std::fflush(to);
}

} // namespace

std::string printable(std::string text)
{
    std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return text;
}

void Console::line(std::string_view text)
{
    if (json_) return;
    end_progress();
    write(stdout, fmt::format("{}\n", text));
}

void Console::result(const Json& object)
{
    if (!json_) return;
    end_progress();
    write(stdout, object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void Console::note(std::string_view text)
{
    end_progress();
    write(stderr, fmt::format("{}\n", text));
}

void Console::progress(const Progress& progress)
{
    if (const std::string text = bar_.update(progress, clock_.now()); !text.empty()) write(stderr, text);
}

void Console::end_progress()
{
    if (const std::string text = bar_.end_line(); !text.empty()) write(stderr, text);
}

} // namespace cepa::main
