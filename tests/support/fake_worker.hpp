// A small real child for tests of the pool: the test's own executable, started with the argument `worker` and the names
// of scripts. It keeps the contract of proto/ and carries no tunnels: data comes back from where it was sent to, and
// what the test wants to know is reported in the `drops` map of its counters.
#pragma once

#include <string>
#include <vector>

namespace cepa::test {

/// Runs until the pool ends it; returns the exit status. Scripts, each for all workers or, as `name@1`, for one:
///   crash          exits at once                       refuse     answers CREATE with an error
///   stuck          its control loop hangs from MONITOR on; only its exit thread works
///   deaf           ignores the exit stream             mute       never sends SYNC
///   slow           never answers CIRCUIT               steal      answers CIRCUIT with another worker's id
///   lastwords      fills the control pipe when asked for a circuit, and dies without an answer
///   foreign        for every datagram that it gets, names the circuit in the payload as dead and sends from it
///   badframe       answers a datagram with a frame of a reserved kind
///   hostname       answers a datagram with one whose origin is a host name, and with the datagram
///   garbage        writes what is no message on the control stream when asked for a circuit
///   hangup         closes its data pipe when asked for a circuit, and lives on
///   chatty         writes to stderr                    resolve    asks for 127.0.0.1
///   badguard       with share: the guard's key is malformed
///   endless        when asked for a circuit, names a reason that is too long first
///   carries        has relayed 100 bytes
///   share          sends a candidate, and a guard
///   links          when told of swarms: a link of the first (with steal, others, badguard: one that is refused)
int run_fake_worker(const std::vector<std::string>& scripts);

} // namespace cepa::test
