#include "main/api_node.hpp"
#include "main/fake_tunnel_service.hpp"
#include "main/node_settings.hpp"

#include <gtest/gtest.h>

using namespace cepa;
using namespace cepa::main;

namespace {

/// The whole answer to a request.
Json asked(Api& api, const char* method, const Json& params)
{
    Json answer;
    api.handle(Json{{"method", method}, {"params", params}}.dump(),
               [&](const std::string& text) { answer = Json::parse(text); });
    return answer;
}

} // namespace

TEST(ApiNode, WithoutTunnelsEverythingIsAnsweredAllTheSame)
{
    const Settings settings;
    const BootClock clock;
    bool stopped = false;
    NodeView view{settings, "seed", clock, clock.now()};
    view.stop = [&] { stopped = true; };
    Api api;
    add_node_methods(api, std::move(view));
    const auto ask = [&](const char* method, const Json& params = Json::object()) {
        return asked(api, method, params);
    };
    const Json status = ask("status")["result"];
    EXPECT_EQ(status["command"], "seed");
    EXPECT_EQ(status["network"]["join"], "private");
    EXPECT_FALSE(status["network"].contains("listen"));
    EXPECT_FALSE(status["roles"]["relay"]);
    EXPECT_TRUE(ask("circuits")["result"]["circuits"].empty());
    EXPECT_EQ(ask("workers")["result"]["count"], 0);
    EXPECT_TRUE(ask("set-workers", {{"count", 2}}).contains("error"));
    EXPECT_TRUE(ask("set-workers")["error"]["misuse"]);
    EXPECT_TRUE(ask("set-workers", {{"count", 0}})["error"]["misuse"]);
    EXPECT_TRUE(ask("set-workers", {{"count", 65}})["error"]["misuse"]);
    EXPECT_FALSE(stopped);
    EXPECT_TRUE(ask("stop").contains("result"));
    EXPECT_TRUE(stopped);
}

TEST(ApiNode, WorkersAboveTheWishDrain)
{
    const Settings settings;
    const BootClock clock;
    test::FakeTunnelService tunnels;
    tunnels.workers = 2;
    tunnels.state.workers[0].set_pid(10);
    tunnels.state.workers[1].set_pid(11);
    NodeView view{settings, "run", clock, clock.now()};
    view.tunnels = &tunnels;
    RouteStatus route;
    route.wanted = 2;
    route.ready = 4;
    view.routes = [&] { return std::vector{route}; };
    Api api;
    add_node_methods(api, std::move(view));
    const auto ask = [&](const char* method, const Json& params = Json::object()) {
        return asked(api, method, params)["result"];
    };
    EXPECT_EQ(ask("workers")["draining"], 0);
    const Json fewer = ask("set-workers", {{"count", 1}});
    EXPECT_EQ(fewer["count"], 1);
    EXPECT_EQ(fewer["draining"], 1);
    EXPECT_EQ(fewer["drain_limit_s"], 30);
    EXPECT_EQ(fewer["workers"][0]["state"], "running");
    EXPECT_EQ(fewer["workers"][1]["state"], "draining");
    EXPECT_EQ(ask("status")["routes"][0]["closing"], 2);
    route.ready = 1;
    EXPECT_EQ(ask("status")["routes"][0]["closing"], 0);
    route.ready = 0;
    EXPECT_NE(ask("status")["routes"][0]["waiting_for"], "");
    route.wanted = 0; // its torrents have hidden peers only
    EXPECT_EQ(ask("status")["routes"][0]["waiting_for"], "");
    tunnels.workers = 0; // all in this process
    EXPECT_EQ(ask("workers")["draining"], 0);
}

TEST(ApiNode, CircuitsAndWorkersAsObjects)
{
    proto::CircuitInfo circuit;
    circuit.set_circuit_id(41);
    circuit.set_state(proto::CIRCUIT_READY);
    circuit.set_bytes_down(1000);
    circuit.set_age_ms(1500);
    circuit.set_round_trip_us(820);
    proto::HopInfo& hop = *circuit.add_hops();
    hop.set_mid(std::string("\x00\xff", 2));
    put_endpoint(*hop.mutable_address(), *Endpoint::parse("127.1.2.3:7759"));
    const Json shown = to_json(circuit);
    EXPECT_EQ(shown["id"], 41);
    EXPECT_EQ(shown["state"], "ready");
    EXPECT_EQ(shown["purpose"], "data");
    EXPECT_EQ(shown["age_s"], 1.5);
    EXPECT_EQ(shown["round_trip_ms"], 0.82);
    EXPECT_EQ(shown["hops"][0]["mid"], "00ff");
    EXPECT_EQ(shown["hops"][0]["address"], "127.1.2.3:7759");
    circuit.set_state(static_cast<proto::CircuitState>(77)); // of a newer worker
    EXPECT_EQ(to_json(circuit)["state"], "closing");
    circuit.set_purpose(proto::PURPOSE_INTRODUCTION);
    EXPECT_EQ(to_json(circuit)["purpose"], "introduction");

    proto::WorkerInfo worker;
    worker.set_worker_id(3);
    worker.set_cpu_us(2'500'000);
    (*worker.mutable_drops())["malformed"] = 5;
    EXPECT_EQ(to_json(worker)["cpu_s"], 2.5);
    EXPECT_EQ(to_json(worker)["drops"]["malformed"], 5);
}
