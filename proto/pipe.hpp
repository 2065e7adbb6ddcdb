// The data stream of one worker, either side: two one-way pipes that carry frames (proto/frame.hpp) in batches.
// It never blocks: what does not fit into the pipe is dropped and counted, as UDP would, so a side that does not read
// cannot hold up the other direction. The pipe's 1 MiB is the only queue.
// Process: main and worker, io thread. Spec: docs/protocol.md, section 31.
#pragma once

#include "proto/frame.hpp"

#include "base/bytes.hpp"
#include "base/file_descriptor.hpp"
#include "base/result.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace cepa::proto {

/// Wanted capacity of a data pipe. The kernel may refuse it to an ordinary user who has many pipes.
inline constexpr int kPipeCapacity = 1 << 20;
/// Bytes that one read takes at most.
inline constexpr std::size_t kPipeReadSize = 512 * 1024;
/// Frames that one write takes at most.
inline constexpr std::size_t kPipeWriteBatch = 64;

/// The two ends of a new pipe, close-on-exec.
struct PipeEnds {
    FileDescriptor read;
    FileDescriptor write;
};
/// `capacity` 0 leaves the kernel's own. Process: main.
[[nodiscard]] Result<PipeEnds> make_pipe(int capacity = 0);
/// Makes a write into a pipe that nobody reads fail instead of ending the process. Pipe and MessageStream call it.
void ignore_broken_pipes() noexcept;

class FrameReceiver {
public:
    virtual ~FrameReceiver() = default;
    /// One complete frame of any kind, in place: the memory may be changed within `frame.whole` and is valid until
    /// on_frame_batch_end() of the same batch returns.
    virtual void on_frame(const FrameView& frame) = 0;
    virtual void on_frame_batch_end() = 0;
    /// The stream ended (stream_ended) or carried a frame of impossible length (broken_stream). Nothing comes after.
    virtual void on_pipe_end(ErrorCode why) = 0;
};

class Pipe {
public:
    struct Counters {
        std::uint64_t frames_in = 0;
        std::uint64_t frames_out = 0;
        std::uint64_t drops = 0; ///< frames that did not fit into the pipe, or came after its end
    };

    /// `receiver` must outlive the pipe. The pipe may not be destroyed from inside on_frame() or on_frame_batch_end().
    Pipe(boost::asio::io_context& io, FileDescriptor in, FileDescriptor out, FrameReceiver& receiver);
    ~Pipe();
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    /// Begins to read.
    void start();
    /// Queues a whole frame without copying it: its memory must stay as it is until flush() returns. A full batch is
    /// written at once.
    void send(ByteSpan frame);
    /// Writes what send() queued, or drops and counts it.
    void flush();
    /// Closes both ends; nothing is called any more.
    void close();

    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

private:
    void wait_readable();
    bool read_once();
    bool deliver();
    void end(ErrorCode why);
    bool write_carry();
    void wait_writable();
    void keep_rest(std::size_t written);

    boost::asio::posix::stream_descriptor in_;
    boost::asio::posix::stream_descriptor out_;
    FrameReceiver& receiver_;
    Counters counters_;
    std::vector<std::uint8_t> buffer_; ///< kPipeReadSize and room for the start of a frame from the read before
    std::size_t filled_ = 0;
    std::vector<iovec> queue_;
    std::vector<std::uint8_t> carry_; ///< rest of the one frame that a write cut in two: it must follow first
    bool waiting_writable_ = false;
    /// Handlers hold a weak reference to it: Asio may call them after the pipe is gone.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

} // namespace cepa::proto
