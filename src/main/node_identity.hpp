// The node's key, as bytes: made here, kept by the state folder, used by the tunnels. Main never signs with it.
// Process: main. Spec: docs/protocol.md, section 3.
#pragma once

#include <string>
#include <string_view>

namespace cepa::main {

inline constexpr std::size_t kNodeKeySize = 74;

/// Both forms of one key. The private form wipes itself.
class NodeIdentity {
public:
    /// A fresh key from the system's random source.
    [[nodiscard]] static NodeIdentity generate();
    /// Takes the private form; throws UserError when `private_form` is none.
    [[nodiscard]] static NodeIdentity from_private(std::string_view private_form);

    NodeIdentity(NodeIdentity&&) noexcept = default;
    NodeIdentity& operator=(NodeIdentity&&) noexcept = default;
    ~NodeIdentity();

    /// "LibNaCLSK:", X25519 secret, Ed25519 seed. Whoever copies it wipes the copy.
    [[nodiscard]] const std::string& private_form() const noexcept { return private_; }
    /// "LibNaCLPK:", X25519 and Ed25519 public keys.
    [[nodiscard]] const std::string& public_form() const noexcept { return public_; }

private:
    explicit NodeIdentity(std::string private_form);

    std::string private_;
    std::string public_;
};

/// Overwrites `secret` and empties it.
void wipe(std::string& secret) noexcept;

} // namespace cepa::main
