// Asynchronous calls in both directions over the control stream. Each side numbers its own calls; an answer carries
// the number of its call. When the stream ends, all open calls fail.
// Process: main and worker, io thread. Spec: docs/protocol.md, section 32.
#pragma once

#include "base/clock.hpp"
#include "proto/control.pb.h"
#include "proto/error.hpp"
#include "proto/message_stream.hpp"

#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

namespace cepa::proto {

/// Calls of ours that may be open at a time; one more fails with queue_full.
inline constexpr std::size_t kMaxOpenCalls = 8192;

/// Overwrites the private keys in a CREATE or a SWARMS, and the session keys of a LINK and its answer. Rpc does so with
/// its own copies, on both sides; the caller with his.
void wipe_secrets(Envelope& envelope) noexcept;
void wipe_secrets(Swarms& swarms) noexcept;
void wipe_secrets(Answer& answer) noexcept;

class Rpc {
public:
    /// The answer, or why there is none: timed_out, stream_ended, queue_full, too_large. An answer whose `error` is
    /// not empty is the other side's refusal and comes as a value.
    using Reply = std::function<void(Result<Answer>&&)>;
    /// Sends the answer to the call that it was made for; call it once, now or later. Does nothing after the end, and
    /// nothing for a notice.
    using Respond = std::function<void(Answer)>;
    using Handler = std::function<void(const Envelope& call, Respond respond)>;
    using OnEnd = std::function<void(ErrorCode why)>;

    Rpc(boost::asio::io_context& io, FileDescriptor in, FileDescriptor out);
    ~Rpc();
    Rpc(const Rpc&) = delete;
    Rpc& operator=(const Rpc&) = delete;

    /// Sets what is done with calls and notices of one kind; kinds without a handler are answered with an error.
    void handle(Envelope::BodyCase kind, Handler handler);
    /// Begins to read. `on_end` is called once, after all open calls have failed.
    void start(OnEnd on_end);
    /// Sends `envelope` (its call_id is set here). `reply` is called exactly once, from the io loop, never from here;
    /// not at all when the Rpc is destroyed first.
    void call(Envelope envelope, Duration timeout, Reply reply);
    /// For a sender that is gone: serves what it left in the pipe without waiting; then the stream has ended.
    void drain() { stream_.drain(); }
    /// Sends without wanting an answer.
    Result<void> notify(Envelope envelope);

    [[nodiscard]] std::size_t open_calls() const noexcept { return open_.size(); }

private:
    struct OpenCall {
        Reply reply;
        std::unique_ptr<boost::asio::steady_timer> timer;
    };

    void on_message(ByteSpan message);
    void on_call(const Envelope& envelope);
    void on_answer(const Answer& answer);
    void finish(std::uint64_t call_id, Result<Answer> result);
    void end(ErrorCode why);

    boost::asio::io_context& io_;
    MessageStream stream_;
    std::unordered_map<int, Handler> handlers_;
    std::unordered_map<std::uint64_t, OpenCall> open_;
    OnEnd on_end_;
    std::uint64_t last_call_id_ = 0;
    bool ended_ = false;
    /// Timers and answers in flight hold a weak reference to it: they may outlive the Rpc.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

} // namespace cepa::proto
