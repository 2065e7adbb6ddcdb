// The argv switch: `cepa worker` is a child of the pool, everything else is the application. The only file that sees
// both.
#include "main/application.hpp"
#include "worker/in_process_tunnels.hpp"
#include "worker/worker.hpp"

#include <string_view>
#include <sys/prctl.h>
#include <utility>

namespace {

std::unique_ptr<cepa::proto::TunnelService> make_in_process(boost::asio::io_context& io,
                                                            cepa::main::InProcessRequest request)
{
    cepa::worker::InProcessConfig config;
    config.settings = std::move(request.settings);
    config.identity_key = std::move(request.identity_key);
    config.share = std::move(request.share);
    config.listen = request.listen;
    config.sync_interval = request.sync_interval;
    return cepa::worker::make_in_process_tunnels(io, std::move(config));
}

} // namespace

int main(int argc, char** argv)
{
    const bool worker = argc == 2 && std::string_view(argv[1]) == "worker";
    ::prctl(PR_SET_NAME, worker ? "cepa-worker" : "cepa"); // started through /proc/self/exe it would be called "exe"
    if (worker) return cepa::worker::run_worker();
    return cepa::main::run_application({argv + (argc > 0 ? 1 : 0), argv + argc}, make_in_process);
}
