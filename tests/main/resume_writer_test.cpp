#include "main/resume_writer.hpp"

#include "support/loop.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

namespace cepa::main {
namespace {

using test::run_until;

StoredTorrent torrent(char fill)
{
    StoredTorrent stored;
    stored.id = std::string(40, fill);
    stored.params.info_hashes.v1 = libtorrent::sha1_hash("aaaaaaaaaaaaaaaaaaaa");
    return stored;
}

TEST(ResumeWriter, WorksInOrderAndAnswersOnTheLoop)
{
    const cepa::test::TemporaryFolder folder;
    boost::asio::io_context io;
    const ResumeStore store(folder.path());
    ResumeWriter writer(io, store);
    std::vector<int> order;
    const auto note = [&](int number) {
        return [&order, number, here = std::this_thread::get_id()](const Answer<void>& answer) {
            EXPECT_TRUE(answer) << answer.error();
            EXPECT_EQ(std::this_thread::get_id(), here);
            order.push_back(number);
        };
    };
    writer.save(torrent('a'), {note(1), note(2)});
    writer.save(torrent('b'), {});
    writer.remove(std::string(40, 'a'), {note(3)});
    writer.flush(note(4));
    EXPECT_TRUE(order.empty()) << "never from inside a call";
    ASSERT_TRUE(run_until(io, [&] { return order.size() == 4; }));
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
    EXPECT_EQ(store.load().torrents.size(), 1U);
}

TEST(ResumeWriter, FailuresReachEveryoneWhoWaits)
{
    const cepa::test::TemporaryFolder folder;
    std::ofstream(folder.path() / "file") << "x";
    boost::asio::io_context io;
    ResumeWriter writer(io, ResumeStore(folder.path() / "file"));
    int failures = 0;
    const auto count = [&](const Answer<void>& answer) { failures += answer ? 0 : 1; };
    writer.save(torrent('a'), {count, count});
    ASSERT_TRUE(run_until(io, [&] { return failures == 2; }));
}

TEST(ResumeWriter, ItsEndFinishesTheWritingAndDropsTheAnswers)
{
    const cepa::test::TemporaryFolder folder;
    boost::asio::io_context io;
    const ResumeStore store(folder.path());
    bool answered = false;
    {
        ResumeWriter writer(io, store);
        writer.save(torrent('a'), {[&](const Answer<void>&) { answered = true; }});
    }
    test::run_ready(io);
    EXPECT_FALSE(answered);
    EXPECT_EQ(store.load().torrents.size(), 1U);
}

} // namespace
} // namespace cepa::main
