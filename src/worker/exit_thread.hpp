// The exit stream, on a thread of its own, so that a worker can be ended while its control loop is stuck or the control
// pipe is full. The two threads share atomics and two event descriptors, nothing else.
// Process: worker; the thread is the only one beside the loop. Spec: docs/protocol.md, section 34.
//
//   waiting --request--> flagged, loop woken --loop finished--> answers "clean", thread ends
//      |                        |
//      |                        +--grace over--> answers with the error, ends the process (kExitGrace)
//      |                        +--end of file--> ends the process (kExitLostPipe)
//      +--end of file or nonsense--> ends the process (kExitLostPipe)
//      +--nobody reads an outgoing pipe any more--> ends the process (kExitLostPipe)
//      +--finish() without a request--> thread ends
#pragma once

#include "base/file_descriptor.hpp"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace cepa::worker {

class ExitThread {
public:
    /// Starts the thread, which reads one ExitRequest from `request` and writes one ExitAnswer to `answer`. `outgoing` are
    /// the write ends of the other streams: whoever writes to one learns too late, or never, that its reader is gone.
    /// Throws std::system_error when the system gives no event descriptor or thread.
    ExitThread(FileDescriptor request, FileDescriptor answer, std::vector<int> outgoing = {});
    /// Ends the thread as finish() does.
    ~ExitThread();
    ExitThread(const ExitThread&) = delete;
    ExitThread& operator=(const ExitThread&) = delete;

    /// Becomes readable when the end is requested; for the loop to wait on. Stays open as long as this object.
    [[nodiscard]] int wake_descriptor() const noexcept { return wake_.get(); }
    [[nodiscard]] bool requested() const noexcept { return requested_.load(std::memory_order_acquire); }
    /// The loop is done: a request under way is answered "clean", and the thread is joined. A second call does nothing.
    void finish();

private:
    void run() noexcept;
    void await_finish(std::chrono::milliseconds grace) noexcept;
    void answer(bool clean, const std::string& error) noexcept;

    FileDescriptor request_;
    FileDescriptor answer_;
    std::vector<int> outgoing_;
    FileDescriptor wake_;     // thread to loop
    FileDescriptor finished_; // loop to thread
    std::atomic<bool> requested_{false};
    std::thread thread_;
};

} // namespace cepa::worker
