#include "main/peer_discretion.hpp"

#include <string_view>

namespace cepa::main {

namespace lt = libtorrent;

namespace {

constexpr std::string_view kHolePunch = "ut_holepunch";
constexpr std::string_view kYourIp = "yourip";

/// Every key of that name: a hostile dictionary may hold it twice.
void rename_keys(const lt::bdecode_node& dictionary, std::string_view name)
{
    for (int i = 0; i < dictionary.dict_size(); ++i) {
        const auto [key, value] = dictionary.dict_at(i);
        // The view is const, the bytes are not: they lie in the connection's receive buffer.
        if (std::string_view(key.data(), key.size()) == name) *const_cast<char*>(key.data()) = '-';
    }
}

} // namespace

void leave_out_addresses(lt::entry& handshake)
{
    lt::entry::dictionary_type& all = handshake.dict();
    all.erase(std::string(kYourIp));
    if (const auto messages = all.find("m");
        messages != all.end() && messages->second.type() == lt::entry::dictionary_t)
        messages->second.dict().erase(std::string(kHolePunch));
}

void blind_to_addresses(const lt::bdecode_node& handshake)
{
    if (handshake.type() != lt::bdecode_node::dict_t) return;
    rename_keys(handshake, kYourIp);
    for (int i = 0; i < handshake.dict_size(); ++i) {
        const auto [key, value] = handshake.dict_at(i);
        if (key == lt::string_view("m") && value.type() == lt::bdecode_node::dict_t) rename_keys(value, kHolePunch);
    }
}

} // namespace cepa::main
