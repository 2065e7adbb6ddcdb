// What the pool is built from. Plain values. Process: main.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "proto/control.pb.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace cepa::main {

struct WorkerPoolConfig {
    /// Settings of the whole node: rates and caps are split over the workers by the pool.
    proto::NodeSettings settings;
    /// The node's key, 74 bytes each form. Given to worker 0, and to all workers with the relay or exit role.
    /// The pool wipes its copy when destroyed.
    std::string identity_key;
    std::string identity_public;
    /// The node's UDP address. Port 0 takes a free one; info().listen tells which.
    Endpoint listen;
    std::uint32_t workers = 1;     ///< 1 .. max_workers
    std::uint32_t max_workers = 1; ///< slots made at start, at most proto::kMaxWorkers
    /// Main owns the socket even where the kernel could steer.
    bool force_front_process = false;
    Duration sync_interval = std::chrono::seconds(5);
    log::Level log_level = log::Level::info; ///< of the children
    /// What is started for a child. Tests name their own executable; /proc/self/exe is this program even when its file
    /// was replaced.
    std::string executable = "/proc/self/exe";
    std::vector<std::string> arguments = {"worker"};
    /// A stopped worker's circuits have this long to end by themselves.
    Duration drain_limit = std::chrono::seconds(30);
    /// A worker that sent nothing for this long, and for three sync intervals, is stuck, and is killed.
    Duration silence_limit = std::chrono::seconds(60);
};

} // namespace cepa::main
