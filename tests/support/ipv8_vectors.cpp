#include "support/ipv8_vectors.hpp"

#include <charconv>
#include <cstdlib>
#include <fstream>

namespace cepa::test {

const nlohmann::json& ipv8_vectors()
{
    static const nlohmann::json all = [] {
        const char* other = std::getenv("CEPA_IPV8_VECTORS");
        const std::string path = other != nullptr ? other : CEPA_TEST_DATA "/ipv8_vectors.json";
        std::ifstream file(path);
        if (!file) throw std::runtime_error("vectors cannot be read: " + path);
        nlohmann::json parsed = nlohmann::json::parse(file);
        if (parsed.at("schema") != "ipv8-vectors/1") throw std::runtime_error("vectors of an unknown schema: " + path);
        return parsed;
    }();
    return all;
}

Bytes unhex(const std::string& text)
{
    if (text.size() % 2 != 0) throw std::runtime_error("odd number of hex digits");
    Bytes out(text.size() / 2);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const char* digits = text.data() + 2 * i;
        if (std::from_chars(digits, digits + 2, out[i], 16).ptr != digits + 2) throw std::runtime_error("not hex");
    }
    return out;
}

std::string hex(ByteSpan bytes)
{
    std::string out;
    for (const std::uint8_t byte : bytes) {
        out += "0123456789abcdef"[byte >> 4U];
        out += "0123456789abcdef"[byte & 15U];
    }
    return out;
}

Address address_of(const nlohmann::json& value)
{
    const auto host = value.at("host").get<std::string>();
    const auto port = value.at("port").get<std::uint16_t>();
    const auto type = value.at("type").get<std::string>();
    if (type == "domain") return {host, port};
    const auto ip = IpAddress::parse(host);
    if (!ip || type != (ip->v6 ? "ipv6" : "ipv4")) throw std::runtime_error("bad address: " + value.dump());
    return Endpoint{*ip, port};
}

Endpoint endpoint_of(const nlohmann::json& value)
{
    const Address address = address_of(value);
    if (address.is_host()) throw std::runtime_error("not an IP address: " + value.dump());
    return address.endpoint;
}

tunnel::PrivateKey private_key(const std::string& name)
{
    return tunnel::PrivateKey::parse(unhex(ipv8_vectors().at("keys").at(name).at("secret_bin"))).value();
}

tunnel::PublicKey public_key_of(const nlohmann::json& encoded)
{
    return tunnel::PublicKey::parse(unhex(encoded)).value();
}

tunnel::SessionKeys session_keys_of(const nlohmann::json& handshake)
{
    const nlohmann::json& from = handshake.at("session_keys");
    tunnel::SessionKeys keys;
    keys.forward_key = tunnel::SecretBytes(unhex_array<32>(from.at("key_forward")));
    keys.backward_key = tunnel::SecretBytes(unhex_array<32>(from.at("key_backward")));
    keys.forward_salt = unhex_array<4>(from.at("salt_forward"));
    keys.backward_salt = unhex_array<4>(from.at("salt_backward"));
    return keys;
}

const nlohmann::json& handshake_named(const std::string& name)
{
    for (const nlohmann::json& handshake : ipv8_vectors().at("handshakes"))
        if (handshake.at("name") == name) return handshake;
    throw std::runtime_error("no such handshake: " + name);
}

} // namespace cepa::test
