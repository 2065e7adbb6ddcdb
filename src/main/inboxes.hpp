// The hand-over inboxes of the workers: one AF_UNIX datagram pair per slot. The slot reads one end, all its siblings
// write into the other. Main keeps both for ever, so a replaced worker finds its inbox as it was.
// Process: main. Spec: docs/protocol.md, section 33.
#pragma once

#include "base/file_descriptor.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <vector>

namespace cepa::main {

class Inboxes {
public:
    [[nodiscard]] static Result<Inboxes> open(std::uint32_t slots);

    /// Needs worker < slots.
    [[nodiscard]] int read_end(WorkerId worker) const noexcept { return pairs_[worker.value].read.get(); }
    [[nodiscard]] int write_end(WorkerId worker) const noexcept { return pairs_[worker.value].write.get(); }
    [[nodiscard]] std::uint32_t slots() const noexcept { return static_cast<std::uint32_t>(pairs_.size()); }

private:
    struct Pair {
        FileDescriptor read;
        FileDescriptor write;
    };
    std::vector<Pair> pairs_;
};

} // namespace cepa::main
