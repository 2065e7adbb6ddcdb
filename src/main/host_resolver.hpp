// Answers the workers' RESOLVE calls: an exit's worker may open no file and no socket for a host name, so main asks the
// system. Bounded per worker; the blocking lookups run in Asio's own resolver thread. Process: main, io thread.
// Spec: docs/protocol.md, section 32.
#pragma once

#include "base/ids.hpp"
#include "proto/control.pb.h"
#include "proto/rpc.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include <cstddef>
#include <memory>
#include <string_view>
#include <unordered_map>

namespace cepa::main {

class HostResolver {
public:
    static constexpr std::size_t kMaxPerWorker = 32;
    static constexpr std::size_t kMaxAddresses = 16;

    /// `allowed`: the node exits and the settings let it resolve names.
    HostResolver(boost::asio::io_context& io, bool allowed) : resolver_(io), allowed_(allowed) {}

    /// `respond` is called once, with addresses or an error, as long as this lives.
    void resolve(WorkerId from, const proto::Resolve& call, proto::Rpc::Respond respond);

private:
    boost::asio::ip::udp::resolver resolver_;
    bool allowed_;
    std::unordered_map<WorkerId, std::size_t> open_;
    /// Lookups in flight hold a weak reference to it: Asio may finish them after the object is gone.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

/// A host name as DNS has it: at most 253 bytes of letters, digits, '-', '_' and '.', not beginning with '-'.
[[nodiscard]] bool is_host_name(std::string_view name) noexcept;

} // namespace cepa::main
