#include "support/fake_worker.hpp"

#include "base/file_descriptor.hpp"
#include "proto/build_id.hpp"
#include "proto/descriptors.hpp"
#include "proto/exit_stream.hpp"
#include "proto/frame.hpp"
#include "proto/pipe.hpp"
#include "proto/rpc.hpp"
#include "proto/slot_table.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fcntl.h>
#include <optional>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace cepa::test {
namespace {

namespace asio = boost::asio;
constexpr std::size_t kCircuitOffset = 23;

/// Bit n: descriptor n is open. To be taken before anything is opened.
std::uint64_t open_descriptors()
{
    std::uint64_t mask = 0;
    for (int fd = 0; fd < 64; ++fd)
        if (::fcntl(fd, F_GETFD) >= 0) mask |= std::uint64_t{1} << static_cast<unsigned>(fd);
    return mask;
}

class FakeWorker final : proto::FrameReceiver {
public:
    FakeWorker(std::vector<std::string> scripts, std::uint64_t descriptors)
        : scripts_(std::move(scripts)),
          control_(io_, FileDescriptor(proto::kControlIn), FileDescriptor(proto::kControlOut)),
          data_(io_, FileDescriptor(proto::kDataIn), FileDescriptor(proto::kDataOut), *this), timer_(io_)
    {
        report_["descriptors"] = descriptors;
        report_["own_group"] = ::getpgrp() == ::getpid() ? 1 : 0;
    }

    int run()
    {
        if (plays("crash")) std::_Exit(3); // the status is settled before the pipes close
        std::thread([this] { serve_exit(); }).detach();
        handle(proto::Envelope::kCreate, &FakeWorker::on_create);
        handle(proto::Envelope::kCircuit, &FakeWorker::on_circuit);
        handle(proto::Envelope::kCloseCircuit, &FakeWorker::on_close);
        handle(proto::Envelope::kMonitor, &FakeWorker::on_monitor);
        handle(proto::Envelope::kShare, &FakeWorker::on_share);
        handle(proto::Envelope::kSteer, &FakeWorker::on_steer);
        handle(proto::Envelope::kLimits, &FakeWorker::on_limits);
        handle(proto::Envelope::kSwarms, &FakeWorker::on_swarms);
        handle(proto::Envelope::kLinkPayloads, &FakeWorker::on_link_payloads);
        control_.start([](ErrorCode) { std::_Exit(0); });
        data_.start();
        io_.run();
        return 0;
    }

private:
    using Handler = void (FakeWorker::*)(const proto::Envelope&, const proto::Rpc::Respond&);
    void handle(proto::Envelope::BodyCase kind, Handler handler)
    {
        control_.handle(kind,
                        [this, handler](const proto::Envelope& e, proto::Rpc::Respond r) { (this->*handler)(e, r); });
    }

    bool plays(const std::string& script) const
    {
        const std::string mine = script + '@' + std::to_string(self_.value);
        return std::ranges::any_of(scripts_,
                                   [&](const std::string& s) { return s == script || (created_ && s == mine); });
    }

    /// A thread of its own, as in the real worker.
    void serve_exit() const
    {
        if (std::ranges::find(scripts_, "deaf") != scripts_.end())
            for (;;)
                ::pause();
        const auto request = proto::read_exit_request(proto::kExitIn);
        if (!request) std::_Exit(0);
        proto::ExitAnswer answer;
        answer.set_clean(!stuck_);
        if (stuck_) {
            std::this_thread::sleep_for(std::chrono::milliseconds(request->grace_ms()));
            answer.set_error("control loop is stuck");
        }
        (void)proto::write_exit_answer(proto::kExitOut, answer);
        std::_Exit(0);
    }

    void on_create(const proto::Envelope& envelope, const proto::Rpc::Respond& respond)
    {
        const proto::Create& create = envelope.create();
        self_ = WorkerId(static_cast<std::uint16_t>(create.worker_id()));
        created_ = true;
        proto::Answer answer;
        answer.set_build_id(proto::build_id());
        if (plays("refuse") || create.build_id() != proto::build_id()) answer.set_error("another build");
        respond(answer);
        const auto table = proto::SlotTable::from_message(create.steer(), create.max_workers());
        if (!table) std::_Exit(4);
        table_ = *table;
        report_["key_bytes"] = create.identity_key().size();
        report_["share_version"] = create.share().version();
        report_["candidates"] = static_cast<std::uint64_t>(create.share().candidates_size());
        report_["guards"] = static_cast<std::uint64_t>(create.settings().guards_size());
        report_["dht_values"] = static_cast<std::uint64_t>(create.dht().values_size());
        report_["monitored"] = static_cast<std::uint64_t>(create.monitor_size());
        take_swarms(create.swarms());
        report_["steer_version"] = table_.version();
        report_["relay_rate"] = create.settings().relay_rate_bytes_per_s();
        report_["month_left"] = create.settings().month_bytes() - create.settings().month_bytes_used();
        interval_ = std::chrono::milliseconds(create.sync_interval_ms());
        if (!create.front_process()) receive_packets();
        if (plays("chatty")) std::fprintf(stderr, "event worker=%u\n", self_.value);
        if (plays("resolve")) resolve();
        if (plays("share")) share();
        if (plays("dht")) tell_dht(3, 170);
        if (plays("hugedht")) tell_dht(4500, 170);
        sync();
        sync_later();
    }

    void on_circuit(const proto::Envelope&, const proto::Rpc::Respond& respond)
    {
        report_["circuit_calls"]++;
        if (plays("slow")) return sync();
        if (plays("lastwords")) say_last_words();
        if (plays("endless")) {
            proto::Envelope sync;
            (*sync.mutable_sync()->mutable_worker()->mutable_drops())[std::string(65, 'x')] = 1;
            (void)control_.notify(std::move(sync));
        }
        if (plays("garbage")) (void)!::write(proto::kControlOut, "\0\0\0\1\xff", 5);
        if (plays("hangup")) data_.close();
        proto::Answer answer;
        answer.set_circuit_id(draw(plays("steal")).value);
        respond(answer);
    }
    /// Fills the pipe that main reads, and dies as if killed.
    void say_last_words()
    {
        proto::Envelope envelope;
        (*envelope.mutable_sync()->mutable_worker()->mutable_drops())[std::string(1000, 'x')] = 1;
        for (int i = 0; i < 200; ++i)
            (void)control_.notify(envelope);
        ::kill(::getpid(), SIGKILL);
    }
    CircuitId draw(bool anothers)
    {
        while ((table_.owner(CircuitId(++last_id_)) == self_) == anothers) {
        }
        return CircuitId(last_id_);
    }

    void on_close(const proto::Envelope&, const proto::Rpc::Respond&) { count("closed"); }
    void on_monitor(const proto::Envelope& envelope, const proto::Rpc::Respond&)
    {
        if (plays("stuck")) {
            stuck_ = true;
            count("stuck");
            for (;;)
                ::pause();
        }
        report_["monitored"] = static_cast<std::uint64_t>(envelope.monitor().lookup_hashes_size());
        sync();
    }
    void on_share(const proto::Envelope& envelope, const proto::Rpc::Respond&)
    {
        report_["share_version"] = envelope.share().version();
        report_["candidates"] = static_cast<std::uint64_t>(envelope.share().candidates_size());
        sync();
    }
    void on_steer(const proto::Envelope& envelope, const proto::Rpc::Respond&)
    {
        table_ = *proto::SlotTable::from_message(envelope.steer(), proto::kMaxWorkers);
        report_["steer_version"] = table_.version();
        sync();
    }

    void on_limits(const proto::Envelope& envelope, const proto::Rpc::Respond&)
    {
        report_["relay_rate"] = envelope.limits().relay_rate_bytes_per_s();
        report_["month_left"] = envelope.limits().month_bytes_left();
        report_["limits_told"]++;
        sync();
    }

    void take_swarms(const proto::Swarms& swarms)
    {
        report_["swarms"] = static_cast<std::uint64_t>(swarms.swarms_size());
        report_["points"] = swarms.swarms_size() == 0 ? 0 : swarms.swarms(0).introduction_points();
        report_["parts"] = swarms.swarms_size() == 0 ? 0 : swarms.swarms(0).parts();
    }
    void on_swarms(const proto::Envelope& envelope, const proto::Rpc::Respond&)
    {
        take_swarms(envelope.swarms());
        sync();
        if (envelope.swarms().swarms_size() != 0 && plays("links")) link(envelope.swarms().swarms(0));
    }
    void on_link_payloads(const proto::Envelope& envelope, const proto::Rpc::Respond&)
    {
        for (const auto& link : envelope.link_payloads().links()) {
            report_["payload_link"] = link.circuit_id();
            report_["payload"] = link.bytes();
        }
        sync();
    }
    /// A link, a datagram on it and what it knows of the swarm.
    void link(const proto::Swarm& swarm)
    {
        const CircuitId circuit = draw(plays("steal"));
        proto::Envelope said;
        said.mutable_hidden_link()->set_circuit_id(circuit.value);
        said.mutable_hidden_link()->set_lookup_hash(plays("others") ? std::string(20, 'o') : swarm.lookup_hash());
        said.mutable_hidden_link()->set_seeder_key(plays("badguard") ? "key" : std::string(74, 'k'));
        (void)control_.notify(std::move(said));
        proto::Envelope info;
        info.mutable_sync()->mutable_swarms()->add_swarms()->set_lookup_hash(swarm.lookup_hash());
        info.mutable_sync()->mutable_swarms()->mutable_swarms(0)->set_links(1);
        (void)control_.notify(std::move(info));
    }

    void resolve()
    {
        proto::Envelope envelope;
        envelope.mutable_resolve()->set_host("127.0.0.1");
        control_.call(std::move(envelope), std::chrono::seconds(10), [this](const Result<proto::Answer>& answer) {
            report_[answer->error().empty() ? "resolved" : "unresolved"] = 1;
            sync();
        });
    }
    template <class Entry>
    static void name(Entry& entry)
    {
        entry.set_public_key(std::string(74, 'k'));
        entry.mutable_address()->set_ip("\x01\x02\x03\x04");
    }
    void tell_dht(int values, std::size_t size)
    {
        proto::Envelope envelope;
        for (int i = 0; i < values; ++i) envelope.mutable_sync()->mutable_dht()->add_values()->set_value(std::string(size, 'v'));
        (void)control_.notify(std::move(envelope));
    }
    void share()
    {
        proto::Envelope envelope;
        envelope.mutable_sync()->mutable_share()->set_version(1);
        name(*envelope.mutable_sync()->mutable_share()->add_candidates());
        (void)control_.notify(std::move(envelope));
        proto::Envelope guards;
        guards.mutable_notify()->set_kind(proto::Notify::GUARDS_CHANGED);
        name(*guards.mutable_notify()->add_guards());
        if (plays("badguard")) guards.mutable_notify()->mutable_guards(0)->set_public_key("key");
        (void)control_.notify(std::move(guards));
    }

    void count(const char* what)
    {
        report_[what]++;
        sync();
    }
    void sync()
    {
        if (plays("mute")) return;
        proto::Envelope envelope;
        auto* info = envelope.mutable_sync()->mutable_worker();
        if (plays("carries")) info->set_relayed_bytes(100);
        for (const auto& [key, value] : report_)
            (*info->mutable_drops())[key] = value;
        (void)control_.notify(std::move(envelope));
    }
    void sync_later()
    {
        timer_.expires_after(interval_);
        timer_.async_wait([this](ErrorCode) {
            sync();
            sync_later();
        });
    }

    // ---- data

    void on_frame(const proto::FrameView& frame) override
    {
        if (frame.kind == proto::FrameKind::packet_in) return on_packet_frame(frame);
        auto data = proto::parse_data(frame);
        if (!data) std::_Exit(5);
        if (plays("foreign")) name_foreign(data->payload.bytes());
        if (plays("badframe")) send({0, 0, 0, 1, 16});
        if (plays("hostname")) from_host_name(data->circuit);
        data_.send(frame.whole); // as it is: the origin of the echo is where it was sent to
    }
    void on_frame_batch_end() override { data_.flush(); }
    void on_pipe_end(ErrorCode) override { std::_Exit(0); }

    void send(std::vector<std::uint8_t> frame)
    {
        data_.send(kept_.emplace_back(std::move(frame)));
        if (kept_.size() > 4096) std::_Exit(6);
    }

    void name_foreign(ByteSpan payload)
    {
        const CircuitId victim(Reader(payload).u32());
        proto::Envelope envelope;
        envelope.mutable_circuit_dead()->set_circuit_id(victim.value);
        (void)control_.notify(std::move(envelope));
        std::vector<std::uint8_t> frame(64);
        PacketBuffer buffer(frame, 60, 4);
        (void)proto::wrap_data(buffer, victim, *Endpoint::parse("6.6.6.6:6"));
        send({buffer.bytes().begin(), buffer.bytes().end()});
    }

    void from_host_name(CircuitId circuit)
    {
        std::vector<std::uint8_t> frame(64);
        PacketBuffer buffer(frame, 60, 4);
        (void)proto::wrap_data(buffer, circuit, Address("evil.example", 80));
        send({buffer.bytes().begin(), buffer.bytes().end()});
    }

    void on_packet_frame(const proto::FrameView& frame)
    {
        auto packet = proto::parse_packet(frame);
        if (!packet) std::_Exit(7);
        on_packet(packet->packet.bytes());
        (void)proto::wrap_packet(packet->packet, proto::FrameKind::packet_out, packet->peer);
        data_.send(packet->packet.bytes());
    }

    void receive_packets()
    {
        socket_.emplace(io_, proto::kSlotSocket);
        wait_packets();
    }
    void wait_packets()
    {
        socket_->async_wait(asio::posix::descriptor_base::wait_read, [this](ErrorCode) {
            std::array<std::uint8_t, 2048> bytes{};
            for (ssize_t got = 0; (got = ::recv(proto::kSlotSocket, bytes.data(), bytes.size(), MSG_DONTWAIT)) >= 0;)
                on_packet(ByteSpan(bytes).first(static_cast<std::size_t>(got)));
            sync();
            wait_packets();
        });
    }
    void on_packet(ByteSpan packet)
    {
        if (packet.size() < kCircuitOffset + 4) return;
        const bool mine = table_.owner(CircuitId(Reader(packet.subspan(kCircuitOffset)).u32())) == self_;
        report_[mine ? "cells" : "wrong_cells"]++;
        sync();
    }

    std::vector<std::string> scripts_;
    asio::io_context io_{1};
    proto::Rpc control_;
    proto::Pipe data_;
    asio::steady_timer timer_;
    std::optional<asio::posix::stream_descriptor> socket_;
    std::chrono::milliseconds interval_{0};
    WorkerId self_;
    bool created_ = false;
    std::atomic<bool> stuck_ = false;
    proto::SlotTable table_;
    std::uint32_t last_id_ = static_cast<std::uint32_t>(::getpid()) << 8U;
    std::map<std::string, std::uint64_t> report_;
    std::deque<std::vector<std::uint8_t>> kept_;
};

} // namespace

int run_fake_worker(const std::vector<std::string>& scripts)
{
    const std::uint64_t descriptors = open_descriptors();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return FakeWorker(scripts, descriptors).run();
}

} // namespace cepa::test
