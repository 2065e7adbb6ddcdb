#include "tunnel/circuit/cell_sender.hpp"

#include "tunnel/discovery/signed_packet.hpp"

namespace cepa::tunnel {

void CellSender::send_destroy(const Endpoint& to, CircuitId circuit, const PrivateKey& signer, std::uint16_t reason)
{
    const Bytes packet = build_signed(prefix_, static_cast<std::uint8_t>(MessageId::destroy), signer, std::nullopt,
                                      encode_body(Destroy{circuit, reason}));
    counters_.packet_bytes_out += packet.size();
    packets_.send_now(to, packet);
}

} // namespace cepa::tunnel
