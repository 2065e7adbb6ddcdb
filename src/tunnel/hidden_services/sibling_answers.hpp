// The answering side of siblings.hpp: what a Tunnel does when another worker of the node asks. Calls come from outside
// of any batch of packets. Process: worker, io thread. Spec: docs/protocol.md, section 35.
#pragma once

#include "tunnel/hidden_services/serving.hpp"

namespace cepa::tunnel {

class Directory;

class SiblingAnswers final : public ForSiblings {
public:
    /// `directory` is null where the Tunnel does not discover.
    SiblingAnswers(const Clock& clock, Serving& serving, Splices& splices, Directory* directory) noexcept
        : clock_(clock), serving_(serving), splices_(splices), directory_(directory)
    {
    }

    void find_introductions(const LookupHash& hash, IntroductionsFound done) override;
    void find_node(const PublicKey& key, NodeFound done) override;
    [[nodiscard]] Registration register_introduction(const Introduction& introduction) override;
    void forget_introduction(const Introduction& introduction) override;

    [[nodiscard]] std::optional<LinkHalf> link(const Cookie& cookie, LinkHalf theirs) override;
    void unlink(CircuitId mine) override;
    void moved(CircuitId mine, const Endpoint& neighbour) override;

private:
    const Clock& clock_;
    Serving& serving_;
    Splices& splices_;
    Directory* directory_;
};

} // namespace cepa::tunnel
