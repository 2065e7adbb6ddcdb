#include "worker/inbox.hpp"

#include "proto/hand_over.hpp"

#include <array>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

namespace cepa::worker {
namespace {

constexpr std::size_t kBatch = 32;
/// Batches before the loop gets its turn again.
constexpr int kBatchesPerWake = 8;
/// The head of a handed-over packet lies in the headroom that the packet itself must have.
constexpr std::size_t kStart = kPacketHeadroom - proto::kMaxHandOverHead;
constexpr std::size_t kMost = proto::kMaxHandOverHead + kMaxPacket;

} // namespace

struct Inbox::Slots {
    std::array<std::array<std::uint8_t, kPacketSlot>, kBatch> memory;
    std::array<iovec, kBatch> vectors{};
    std::array<mmsghdr, kBatch> headers{};
};

Inbox::Inbox(boost::asio::io_context& io, FileDescriptor socket, HandedOverReceiver& receiver)
    : socket_(io, socket.get()), receiver_(receiver), slots_(std::make_unique<Slots>())
{
    (void)socket.release(); // Asio has it now
    for (std::size_t i = 0; i < kBatch; ++i) {
        slots_->vectors[i] = {slots_->memory[i].data() + kStart, kMost};
        slots_->headers[i].msg_hdr.msg_iov = &slots_->vectors[i];
        slots_->headers[i].msg_hdr.msg_iovlen = 1;
    }
}

Inbox::~Inbox() = default;

void Inbox::start()
{
    wait();
}

void Inbox::wait()
{
    socket_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [this, alive = std::weak_ptr(alive_)](ErrorCode error) {
                           if (error || alive.expired()) return;
                           for (int i = 0; i < kBatchesPerWake && read_batch(); ++i) {
                           }
                           wait();
                       });
}

bool Inbox::read_batch()
{
    const int got = ::recvmmsg(socket_.native_handle(), slots_->headers.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (got <= 0) return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
        const bool cut = (slots_->headers[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        auto handed = proto::parse_hand_over(PacketBuffer(slots_->memory[i], kStart, slots_->headers[i].msg_len));
        if (cut || !handed)
            ++malformed_;
        else
            receiver_.on_handed_over(*handed);
    }
    receiver_.on_packet_batch_end();
    return static_cast<std::size_t>(got) == kBatch;
}

} // namespace cepa::worker
