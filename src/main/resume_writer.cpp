#include "main/resume_writer.hpp"

#include <boost/asio/post.hpp>

namespace cepa::main {

ResumeWriter::~ResumeWriter()
{
    thread_.join();
}

void ResumeWriter::run(std::function<Answer<void>()> work, std::vector<Done> waiting)
{
    boost::asio::post(thread_, [&io = io_, alive = std::weak_ptr(alive_), work = std::move(work), waiting = std::move(waiting)]() mutable {
        boost::asio::post(io, [alive, answer = work(), waiting = std::move(waiting)] {
            if (alive.expired()) return;
            for (const Done& done : waiting) done(answer);
        });
    });
}

void ResumeWriter::save(StoredTorrent torrent, std::vector<Done> waiting)
{
    // Shared because std::function copies what it holds, and resume data can be large.
    auto shared = std::make_shared<StoredTorrent>(std::move(torrent));
    run([this, shared] { return store_.save(*shared); }, std::move(waiting));
}

void ResumeWriter::remove(std::string id, std::vector<Done> waiting)
{
    run([this, id = std::move(id)] { return store_.remove(id); }, std::move(waiting));
}

void ResumeWriter::flush(Done done)
{
    run([] { return Answer<void>(); }, {std::move(done)});
}

} // namespace cepa::main
