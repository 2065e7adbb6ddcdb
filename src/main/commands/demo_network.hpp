// The processes of a running demo, and what can be asked of them together. Process: main (the demo's process).
#pragma once

#include "main/commands/demo_plan.hpp"
#include "main/commands/node_process.hpp"
#include "main/interrupt.hpp"

#include <set>
#include <string>
#include <vector>

namespace cepa::main {

class DemoNetwork {
public:
    /// Starts every process of the plan and waits until each answers on its control socket. Throws UserError with the
    /// log of one that ends, and "interrupted".
    DemoNetwork(const DemoPlan& plan, Interrupt& interrupt);
    /// Kills whatever still runs.
    ~DemoNetwork();
    DemoNetwork(const DemoNetwork&) = delete;
    DemoNetwork& operator=(const DemoNetwork&) = delete;

    [[nodiscard]] NodeProcess& downloader() noexcept { return nodes_.back(); }
    /// Of a hidden demo, which has one seeder.
    [[nodiscard]] NodeProcess& hidden_seeder() noexcept { return nodes_[nodes_.size() - 2]; }
    /// Throws UserError with the log of a process that ended by itself.
    void check_all_running();
    /// Every address that any seeder was ever connected to.
    [[nodiscard]] std::set<std::string> seen_by_seeders();
    [[nodiscard]] std::set<std::string> exit_addresses() const;
    /// One object per process: role, pid, cpu_s, bytes, and the downloader's workers.
    [[nodiscard]] Json accounts();
    /// Asks all to end and waits some seconds.
    void stop();

private:
    void wait_until_all_answer(Interrupt& interrupt);
    [[nodiscard]] Json account(NodeProcess& node);

    std::vector<NodeProcess> nodes_; // the downloader is the last
};

} // namespace cepa::main
