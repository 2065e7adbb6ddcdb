// Reads cepa.toml. Every error names the file, the line, the key and what would be right. Process: main.
#pragma once

#include "main/settings.hpp"

#include <filesystem>
#include <string_view>

namespace cepa::main {

/// Applies the TOML `text` of the file called `name`. Throws Misuse; `settings` is then in part changed.
void apply_settings_text(Settings& settings, std::string_view text, std::string_view name);

/// Reads `file` when it exists. Throws Misuse, also when it cannot be read; a file that must exist (`required`, it was
/// named by the user) and does not is an error too.
void apply_settings_file(Settings& settings, const std::filesystem::path& file, bool required);

} // namespace cepa::main
