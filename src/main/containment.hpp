// Containment: the anonymous libtorrent sessions and the SOCKS5 sockets they use live in an empty network namespace of
// their own, so that a leak is impossible and not only forbidden. Network namespaces belong to threads: one thread of
// main enters the empty one and runs there what it is given; every thread that libtorrent starts from it stays inside,
// and descriptors made inside are used from outside. Main's other threads and the children live in the host's network.
// Where the system refuses, the settings and the guard remain, status() says "off" and why.
// Process: main. prepare() before any thread is started; everything else from the io thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace cepa::main {

/// What Containment::prepare() found out. A hand-made one with an empty `refused` and allowed = false means "not wanted".
struct ContainmentPermit {
    bool allowed = false;
    std::string refused; ///< why not, for the user
};

struct ContainmentStatus {
    bool on = false;
    std::string why_off; ///< empty when on; else what refused, and what would help
};

class Containment {
public:
    /// Makes the calling process able to create network namespaces: with CAP_SYS_ADMIN nothing is to be done, else it
    /// enters a user namespace that maps its own uid and gid, and nothing else changes for it. Call it while the
    /// process has one thread and is still dumpable; a second call finds that all is done.
    [[nodiscard]] static ContainmentPermit prepare();

    explicit Containment(ContainmentPermit permit);
    ~Containment();
    Containment(const Containment&) = delete;
    Containment& operator=(const Containment&) = delete;

    /// Starts the contained thread and brings its loopback up. Whatever fails ends in status(), never in an exception.
    void start();

    /// Runs `work` on the contained thread and waits for it; an exception of it comes out here. With containment off
    /// (or not started) `work` runs on the calling thread. Must not be called from inside `work`.
    void run_inside(const std::function<void()>& work);

    [[nodiscard]] const ContainmentStatus& status() const noexcept { return status_; }

private:
    struct Inside;
    ContainmentPermit permit_;
    ContainmentStatus status_;
    std::unique_ptr<Inside> inside_;
};

} // namespace cepa::main
