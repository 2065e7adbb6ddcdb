#include "proto/rpc.hpp"

#include <boost/asio/post.hpp>

#include <string.h> // explicit_bzero
#include <string>
#include <utility>
#include <vector>

namespace cepa::proto {

namespace asio = boost::asio;

namespace {

void wipe_text(std::string& secret) noexcept
{
    ::explicit_bzero(secret.data(), secret.size());
}

} // namespace

void wipe_secrets(Swarms& swarms) noexcept
{
    for (Swarm& swarm : *swarms.mutable_swarms())
        wipe_text(*swarm.mutable_seed_key());
}

void wipe_secrets(Answer& answer) noexcept
{
    if (answer.has_half()) wipe_text(*answer.mutable_half()->mutable_key());
}

void wipe_secrets(Envelope& envelope) noexcept
{
    if (envelope.has_link()) wipe_text(*envelope.mutable_link()->mutable_half()->mutable_key());
    if (envelope.has_answer()) wipe_secrets(*envelope.mutable_answer());
    if (envelope.has_swarms()) wipe_secrets(*envelope.mutable_swarms());
    if (!envelope.has_create()) return;
    wipe_text(*envelope.mutable_create()->mutable_identity_key());
    wipe_secrets(*envelope.mutable_create()->mutable_swarms());
}

Rpc::Rpc(asio::io_context& io, FileDescriptor in, FileDescriptor out)
    : io_(io), stream_(io, std::move(in), std::move(out))
{
}

Rpc::~Rpc() = default;

void Rpc::handle(Envelope::BodyCase kind, Handler handler)
{
    handlers_[kind] = std::move(handler);
}

void Rpc::start(OnEnd on_end)
{
    on_end_ = std::move(on_end);
    stream_.start([this](ByteSpan message) { on_message(message); }, [this](ErrorCode why) { end(why); });
}

// ---- our own calls

void Rpc::call(Envelope envelope, Duration timeout, Reply reply)
{
    const std::uint64_t id = ++last_call_id_;
    envelope.set_call_id(id);
    Result<void> sent = fail(make_error_code(ProtoError::queue_full));
    if (open_.size() < kMaxOpenCalls) sent = stream_.send(envelope);
    wipe_secrets(envelope);
    auto timer = std::make_unique<asio::steady_timer>(io_);
    const std::weak_ptr<char> alive = alive_;
    if (sent) {
        timer->expires_after(timeout);
        timer->async_wait([this, alive, id](const ErrorCode& ec) {
            if (!ec && !alive.expired()) finish(id, fail(make_error_code(ProtoError::timed_out)));
        });
    } else {
        asio::post(io_, [this, alive, id, why = sent.error()] {
            if (!alive.expired()) finish(id, fail(why));
        });
    }
    open_.emplace(id, OpenCall{std::move(reply), std::move(timer)});
}

Result<void> Rpc::notify(Envelope envelope)
{
    envelope.set_call_id(0);
    const Result<void> sent = stream_.send(envelope);
    wipe_secrets(envelope);
    return sent;
}

void Rpc::finish(std::uint64_t call_id, Result<Answer> result)
{
    auto found = open_.extract(call_id);
    if (!found.empty()) found.mapped().reply(std::move(result)); // it may destroy the Rpc
    if (result) wipe_secrets(*result);                            // what the reply did not take
}

void Rpc::on_answer(const Answer& answer)
{
    finish(answer.call_id(), answer);
}

// ---- the other side's

void Rpc::on_message(ByteSpan message)
{
    Envelope envelope;
    if (!envelope.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
        stream_.close();
        return end(make_error_code(ProtoError::broken_stream));
    }
    envelope.DiscardUnknownFields(); // both sides are of one build: nobody reads them, and merging would keep them
    if (envelope.has_answer())
        on_answer(envelope.answer());
    else
        on_call(envelope);
    wipe_secrets(envelope);
}

void Rpc::on_call(const Envelope& envelope)
{
    Respond respond = [this, alive = std::weak_ptr<char>(alive_), id = envelope.call_id()](Answer answer) {
        if (id == 0 || alive.expired()) return;
        Envelope out;
        answer.set_call_id(id);
        *out.mutable_answer() = std::move(answer);
        (void)stream_.send(out); // a caller that does not read runs into its own timeout
        wipe_secrets(out);
    };
    const auto found = handlers_.find(envelope.body_case());
    if (found == handlers_.end()) {
        Answer refusal;
        refusal.set_error("not served here");
        return respond(std::move(refusal));
    }
    const Handler handler = found->second; // a copy: it may destroy the Rpc
    handler(envelope, std::move(respond));
}

void Rpc::end(ErrorCode why)
{
    if (std::exchange(ended_, true)) return;
    std::vector<Reply> replies;
    for (auto& [id, call] : open_)
        replies.push_back(std::move(call.reply));
    open_.clear();
    const std::weak_ptr<char> alive = alive_;
    for (const Reply& reply : replies)
        reply(fail(why));
    if (alive.expired()) return;
    const OnEnd on_end = std::move(on_end_);
    if (on_end) on_end(why); // last: it may destroy the Rpc
}

} // namespace cepa::proto
