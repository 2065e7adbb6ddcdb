// Messages of bounded length over two one-way pipes: each is a u32 big-endian length and that many bytes. Carries the
// envelopes of the control stream and, on main's side, the messages of the exit stream. Lossless and ordered; never
// blocks: what the pipe does not take waits in a bounded queue.
// Process: main and worker, io thread. Spec: docs/protocol.md, section 32.
#pragma once

#include "base/bytes.hpp"
#include "base/file_descriptor.hpp"
#include "base/result.hpp"
#include "proto/wiped_bytes.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace cepa::proto {

/// A longer message ends the stream: the other side is broken or hostile.
inline constexpr std::size_t kMaxMessage = 1 << 20;
/// Bytes that wait for a side that does not read; more is refused.
inline constexpr std::size_t kMaxQueued = 4 << 20;

class MessageStream {
public:
    /// The bytes of one message, valid during the call.
    using OnMessage = std::function<void(ByteSpan message)>;
    /// The stream ended (stream_ended) or is broken (broken_stream). Called once, and nothing after it.
    using OnEnd = std::function<void(ErrorCode why)>;

    MessageStream(boost::asio::io_context& io, FileDescriptor in, FileDescriptor out);
    ~MessageStream();
    MessageStream(const MessageStream&) = delete;
    MessageStream& operator=(const MessageStream&) = delete;

    /// Begins to read. The stream may be destroyed from inside either callback.
    void start(OnMessage on_message, OnEnd on_end);
    /// Fails with too_large, queue_full or stream_ended, and has then sent nothing.
    [[nodiscard]] Result<void> send(const google::protobuf::MessageLite& message);
    /// For a sender that is gone: delivers what it left in the pipe without waiting, and ends there.
    void drain();
    /// Closes both ends; nothing is called any more.
    void close();

private:
    void wait_readable();
    [[nodiscard]] bool read_some();
    bool deliver();
    void end(ErrorCode why);
    void write_some();

    boost::asio::posix::stream_descriptor in_;
    boost::asio::posix::stream_descriptor out_;
    OnMessage on_message_;
    OnEnd on_end_;
    WipedBytes received_;
    WipedBytes queued_;
    std::size_t sent_ = 0; ///< bytes at the front of queued_ that the pipe has taken
    bool waiting_writable_ = false;
    bool ended_ = false;
    /// Handlers hold a weak reference to it: Asio may call them after the stream is gone.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

} // namespace cepa::proto
