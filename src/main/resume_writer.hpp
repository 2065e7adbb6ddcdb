// Writes resume data from a thread of its own: a sync of the disk takes its time, and the io thread has packets to carry.
// Everything happens in the order it was asked for; answers come from the io loop. Process: main, io thread.
#pragma once

#include "main/resume_store.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cepa::main {

class ResumeWriter {
public:
    using Done = std::function<void(Answer<void>)>;

    ResumeWriter(boost::asio::io_context& io, ResumeStore store)
        : io_(io), store_(std::move(store)), alive_(std::make_shared<bool>(true))
    {
    }
    /// Waits for what is being written; answers that have not come by then never do.
    ~ResumeWriter();
    ResumeWriter(const ResumeWriter&) = delete;
    ResumeWriter& operator=(const ResumeWriter&) = delete;

    /// Every one of `waiting` gets the answer.
    void save(StoredTorrent torrent, std::vector<Done> waiting);
    void remove(std::string id, std::vector<Done> waiting);
    /// Answers once all that was asked for before is done.
    void flush(Done done);

private:
    void run(std::function<Answer<void>()> work, std::vector<Done> waiting);

    boost::asio::io_context& io_;
    ResumeStore store_;
    std::shared_ptr<bool> alive_; // answers that are still queued in the io loop look here first
    boost::asio::thread_pool thread_{1};
};

} // namespace cepa::main
