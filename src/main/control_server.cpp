#include "main/control_server.hpp"

#include "base/log.hpp"
#include "main/unix_socket.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>

#include <istream>
#include <set>
#include <utility>

namespace cepa::main {

namespace asio = boost::asio;
using LocalSocket = asio::local::stream_protocol::socket;

struct ControlServer::Client : std::enable_shared_from_this<Client> {
    Client(LocalSocket s, std::shared_ptr<State> owner) : socket(std::move(s)), state(std::move(owner)) {}

    void read();
    void on_line();
    void write(std::string line);
    void end();

    LocalSocket socket;
    std::shared_ptr<State> state;
    asio::streambuf input{kMaxControlLine};
    std::string output;
};

struct ControlServer::State : std::enable_shared_from_this<State> {
    State(asio::io_context& io, std::filesystem::path p, Answer a)
        : acceptor(io), path(std::move(p)), answer(std::move(a))
    {
    }

    void accept();
    void on_accepted(LocalSocket socket);

    asio::local::stream_protocol::acceptor acceptor;
    std::filesystem::path path;
    Answer answer;
    std::set<std::shared_ptr<Client>> clients; // shared with the handlers of their reads and writes
    bool listening = false;
};

void ControlServer::Client::read()
{
    asio::async_read_until(socket, input, '\n', [self = shared_from_this()](const ErrorCode& error, std::size_t) {
        if (error) return self->end(); // closed, or a line longer than the buffer
        self->on_line();
    });
}

void ControlServer::Client::on_line()
{
    std::string line;
    std::istream in(&input);
    std::getline(in, line);
    state->answer(line, [weak = weak_from_this()](std::string text) {
        if (const auto self = weak.lock(); self && self->socket.is_open()) self->write(std::move(text));
    });
}

void ControlServer::Client::write(std::string line)
{
    output = std::move(line);
    output += '\n';
    asio::async_write(socket, asio::buffer(output), [self = shared_from_this()](const ErrorCode& error, std::size_t) {
        if (error) return self->end();
        self->read();
    });
}

void ControlServer::Client::end()
{
    ErrorCode ignored;
    socket.close(ignored);
    state->clients.erase(shared_from_this());
}

void ControlServer::State::accept()
{
    acceptor.async_accept([self = shared_from_this()](const ErrorCode& error, LocalSocket socket) {
        if (!self->acceptor.is_open()) return;
        if (!error) self->on_accepted(std::move(socket));
        self->accept();
    });
}

void ControlServer::State::on_accepted(LocalSocket socket)
{
    if (clients.size() >= kMaxControlClients) return; // closed by its destructor
    if (!peer_is_same_user(socket.native_handle())) {
        log::debug("control: refused a process of another user");
        return;
    }
    const auto client = std::make_shared<Client>(std::move(socket), shared_from_this());
    clients.insert(client);
    client->read();
}

ControlServer::ControlServer(asio::io_context& io, std::filesystem::path socket, Answer answer)
    : state_(std::make_shared<State>(io, std::move(socket), std::move(answer)))
{
}

ControlServer::~ControlServer()
{
    close();
}

Result<void> ControlServer::start()
{
    auto listener = listen_unix(state_->path);
    if (!listener) return fail(listener.error());
    ErrorCode error;
    state_->acceptor.assign(asio::local::stream_protocol(), listener->get(), error);
    if (error) return fail(error);
    (void)listener->release(); // the acceptor's now
    state_->listening = true;
    state_->accept();
    return {};
}

void ControlServer::close()
{
    if (!std::exchange(state_->listening, false)) return;
    ErrorCode ignored;
    state_->acceptor.close(ignored);
    for (const auto& client : std::exchange(state_->clients, {}))
        client->socket.close(ignored);
    std::error_code no_matter;
    std::filesystem::remove(state_->path, no_matter);
}

} // namespace cepa::main
