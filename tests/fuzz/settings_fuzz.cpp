// The text of a settings file: it is applied, or refused with a message that names the file; nothing else happens.
#include "main/settings_file.hpp"
#include "main/user_error.hpp"

#include "fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace cepa;
    using namespace cepa::main;
    Settings settings;
    try {
        apply_settings_text(settings, {reinterpret_cast<const char*>(data), size}, "cepa.toml");
        fuzz::require(settings.hops <= 5 && settings.workers.value_or(0) <= 64);
    } catch (const Misuse& error) {
        fuzz::require(std::string_view(error.what()).starts_with("cepa.toml:"));
    }
    return 0;
}
