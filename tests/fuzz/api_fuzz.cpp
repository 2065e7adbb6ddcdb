// A line from the control socket: whatever it holds, it gets exactly one answer, and that is one line of JSON.
#include "main/api.hpp"

#include "fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace cepa;
    using namespace cepa::main;
    static const Api api = [] {
        Api made;
        made.add("echo", [](const Json& params, Api::Respond respond) { respond(params); });
        made.add("read", [](const Json& params, Api::Respond respond) {
            respond(Json{{"t", text_param(params, "t", "")},
                         {"n", number_param(params, "n", 1, 64, 1)},
                         {"f", flag_param(params, "f", false)},
                         {"l", texts_param(params, "l", 4)}});
        });
        return made;
    }();
    int answers = 0;
    api.handle({reinterpret_cast<const char*>(data), size}, [&](const std::string& line) {
        ++answers;
        fuzz::require(line.find('\n') == std::string::npos);
        const Json answer = Json::parse(line, nullptr, false);
        fuzz::require(answer.is_object() && answer.contains("id") &&
                      answer.contains("result") != answer.contains("error"));
    });
    fuzz::require(answers == 1);
    return 0;
}
