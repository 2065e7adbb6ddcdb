#include "worker/directory_state.hpp"

#include "worker/shared_facts.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace cepa::worker {
namespace {

constexpr int kMostValues = 3072;
constexpr int kMostNodes = 64;
constexpr int kMostIntroductions = 256;
constexpr std::uint64_t kLongestLife_ms = 3'600'000;

template <class Array>
std::string bytes_of(const Array& bytes)
{
    return {bytes.begin(), bytes.end()};
}

bool hash_from(const std::string& from, std::array<std::uint8_t, 20>& to)
{
    if (from.size() != to.size()) return false;
    std::ranges::copy(as_bytes(from), to.begin());
    return true;
}

std::optional<tunnel::DirectoryState::Value> value_from(const proto::DhtState::Value& from)
{
    tunnel::DirectoryState::Value out;
    if (!hash_from(from.key(), out.key) || from.value().empty()) return std::nullopt;
    const ByteSpan value = as_bytes(from.value());
    out.value.assign(value.begin(), value.end());
    out.left = std::chrono::milliseconds(std::min(from.left_ms(), kLongestLife_ms));
    return out;
}

std::optional<tunnel::DirectoryState::Node> node_from(const proto::DhtState::Node& from)
{
    const auto key = tunnel::PublicKey::parse(as_bytes(from.public_key()));
    const auto address = endpoint_from_proto(from.address());
    if (!key || !address) return std::nullopt;
    return tunnel::DirectoryState::Node{*key, *address};
}

std::optional<tunnel::Introduction> introduction_from(const proto::Introduction& from)
{
    tunnel::Introduction out;
    const auto key = tunnel::PublicKey::parse(as_bytes(from.swarm_key()));
    if (!key || !hash_from(from.lookup_hash(), out.lookup_hash)) return std::nullopt;
    out.swarm_key = *key;
    out.circuit = CircuitId(from.circuit_id());
    return out;
}

/// The well-formed ones of the first `most`.
template <class To, class List, class Convert>
std::vector<To> converted(const List& from, int most, Convert convert)
{
    std::vector<To> out;
    for (int i = 0; i < std::min(from.size(), most); ++i)
        if (auto value = convert(from.Get(i))) out.push_back(std::move(*value));
    return out;
}

void add_values(std::vector<tunnel::DirectoryState::Value> values, proto::DhtState& to)
{
    std::ranges::stable_sort(values, std::ranges::greater{}, &tunnel::DirectoryState::Value::left);
    for (const tunnel::DirectoryState::Value& value : values) {
        if (to.values_size() >= kMostValues) return;
        proto::DhtState::Value& added = *to.add_values();
        added.set_key(bytes_of(value.key));
        added.set_value(bytes_of(value.value));
        added.set_left_ms(
            static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(value.left).count()));
    }
}

} // namespace

proto::DhtState directory_to_proto(const tunnel::DirectoryState& from)
{
    proto::DhtState out;
    for (const tunnel::DirectoryState::Node& node : from.nodes) {
        proto::DhtState::Node& added = *out.add_nodes();
        added.set_public_key(bytes_of(node.key.encode()));
        *added.mutable_address() = endpoint_to_proto(node.address);
    }
    for (const tunnel::Introduction& introduction : from.introductions) {
        proto::Introduction& added = *out.add_introductions();
        added.set_lookup_hash(bytes_of(introduction.lookup_hash));
        added.set_swarm_key(bytes_of(introduction.swarm_key.encode()));
        added.set_circuit_id(introduction.circuit.value);
    }
    add_values(from.values, out);
    return out;
}

tunnel::DirectoryState directory_from_proto(const proto::DhtState& from)
{
    using State = tunnel::DirectoryState;
    return {converted<State::Value>(from.values(), kMostValues, value_from),
            converted<State::Node>(from.nodes(), kMostNodes, node_from),
            converted<tunnel::Introduction>(from.introductions(), kMostIntroductions, introduction_from)};
}

} // namespace cepa::worker
