"""Nodes of the deployed implementation on loopback, driven by JSON lines on stdin and answering on stdout. Ends with stdin.

Runs inside a virtual environment that has the package. No bootstrapper, an overlay id of the test's own, 127.0.0.1 only.
  {"walk": ["127.0.0.1:1234", ...]}     all nodes go and see these addresses too
  {"walk_no_more": true}                from now on they keep what they know by the package's own means
  {"transfer": {"hops": 2, "to": "127.0.0.1:9", "count": 500, "size": 1200, "relays": 3, "exits": 2}}   by the client node
  {"seed": {"hash": "<lookup hash, hex>", "hops": 2, "to": "127.0.0.1:9"}}   the client seeds hidden what a BitTorrent program there has
  {"fetch": {"hash": "<lookup hash, hex>", "hops": 2}}   it looks for hidden seeders: "bridge" says where a program finds each
  {"forward": {"name": "any", "hops": 2, "to": "127.0.0.1:9", "relays": 3, "exits": 2}}   "bridge": what a program sends there leaves by an exit for `to`
  {"leave": {"hash": "<lookup hash, hex>"}}
"""
import argparse
import asyncio
import json
import logging
import os
import random
import struct
import sys
import time

from ipv8 import configuration
from ipv8.messaging.anonymization import hidden_services
from ipv8.messaging.interfaces import endpoint as endpoint_module
from ipv8.messaging.interfaces.dispatcher import endpoint as dispatcher
from ipv8.messaging.interfaces.udp.endpoint import UDPv4Address
from ipv8_service import IPv8

LOOPBACK = "127.0.0.1"
RELAY, EXIT_BT, EXIT_IPV8, SPEED_TEST = 1, 2, 4, 8
ROLES = {"relay": {RELAY, SPEED_TEST}, "exit": {RELAY, EXIT_BT, EXIT_IPV8, SPEED_TEST}, "client": {SPEED_TEST}}


def say(**event):
    print(json.dumps(event), flush=True)


def address_of(text):
    host, port = text.rsplit(":", 1)
    if not host.startswith("127."):
        raise ValueError("not a loopback address: " + text)
    return UDPv4Address(host, int(port))


def keep_off_the_public_network(server=None):
    """`server`: the one bootstrap server that there is, on loopback."""
    for settings in (configuration.DISPERSY_BOOTSTRAPPER, hidden_services.DISPERSY_BOOTSTRAPPER):
        settings["init"]["dns_addresses"] = []
        settings["init"]["ip_addresses"] = [address_of(server)] if server else []
    endpoint_module.EndpointListener._guess_lan_address = lambda self, addresses: LOOPBACK


class Echoes:
    """A window of numbered datagrams that look like uTP; every echo must be what was sent, byte for byte."""
    WINDOW = 24
    REPEAT_AFTER = 1.5

    def __init__(self, count, size, send):
        self.count, self.size, self.send = count, size, send
        self.next = self.echoed = self.repeated = self.wrong = 0
        self.under_way = {}

    def datagram(self, number):
        body = random.Random(number).randbytes(self.size - 24)
        return b"\x01" + bytes(19) + struct.pack("!I", number) + body

    def tick(self):
        now = time.monotonic()
        for number, sent in self.under_way.items():
            if now - sent >= self.REPEAT_AFTER:
                self.under_way[number] = now
                self.repeated += 1
                self.send(self.datagram(number))
        while self.next < self.count and len(self.under_way) < self.WINDOW:
            self.under_way[self.next] = now
            self.send(self.datagram(self.next))
            self.next += 1

    def on_echo(self, data):
        number = struct.unpack_from("!I", data, 20)[0] if len(data) >= 24 else self.count
        if number >= self.count or data != self.datagram(number):
            self.wrong += 1
        elif self.under_way.pop(number, None) is not None:
            self.echoed += 1
            self.tick()

    async def finish(self, within):
        deadline = time.monotonic() + within
        self.tick()
        while self.next < self.count or self.under_way:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.1)
            self.tick()
        return self.wrong == 0


class Socks5Client(asyncio.DatagramProtocol):
    """A UDP association with the native engine's SOCKS5 server: how Tribler's own downloads use it."""

    def __init__(self, on_data):
        self.on_data = on_data
        self.on_packet = None  # instead: gets the origin's IPv4 address as a number as well
        self.relay = self.writer = self.transport = None

    async def open(self, port):
        reader, self.writer = await asyncio.open_connection(LOOPBACK, port)
        self.writer.write(b"\x05\x01\x00")
        await asyncio.wait_for(reader.readexactly(2), 5)
        self.writer.write(b"\x05\x03\x00\x01" + bytes(6))
        reply = await asyncio.wait_for(reader.readexactly(10), 5)
        if reply[1] != 0:
            raise RuntimeError("the SOCKS5 server refused the association")
        self.relay = (LOOPBACK, struct.unpack("!H", reply[8:])[0])
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, (LOOPBACK, 0))

    def send(self, to, data):
        self.transport.sendto(b"\x00\x00\x00\x01" + bytes(map(int, to[0].split("."))) + struct.pack("!H", to[1]) + data, self.relay)

    def datagram_received(self, data, _):
        if data[3] == 1 and self.on_packet:
            self.on_packet(struct.unpack("!I", data[4:8])[0], data[10:])
        elif data[3] == 1:
            self.on_data(data[10:])

    def close(self):
        self.transport.close()
        self.writer.close()


class Pipe(asyncio.DatagramProtocol):
    """A UDP socket on loopback that stands for the other end of one rendezvous circuit."""

    def __init__(self, on_datagram, program=None):
        self.on_datagram, self.program = on_datagram, program

    async def open(self):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, (LOOPBACK, 0))
        return "%s:%d" % self.transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data, source):
        self.program = source
        self.on_datagram(data)

    def give(self, data):
        if self.program is not None:
            self.transport.sendto(data, self.program)


class HiddenEnd:
    """What a hidden swarm carries, handed to and from a BitTorrent program on loopback: one Pipe per rendezvous circuit. With cells in
    Python the community hands over raw data; the native engine has a SOCKS5 server for it, as Tribler uses it."""

    def __init__(self, node, hops):
        self.node, self.hops, self.seed_to = node, hops, None
        self.pipes = {}  # by circuit id
        self.waiting = {}
        self.socks = None

    async def start(self):
        if not self.node.native:
            return
        self.socks = Socks5Client(None)
        self.socks.on_packet = self.on_data
        await self.socks.open(self.node.tunnels.crypto_endpoint.create_socks5_server(0, self.hops))
        self.name_remote()

    def name_remote(self):
        """Where the native engine gives what comes before the program has sent anything. It knows an association some time after it
        has confirmed it, so one call may come too early."""
        if self.socks:
            local = self.socks.transport.get_extra_info("sockname")
            self.node.tunnels.crypto_endpoint.set_udp_associate_default_remote((LOOPBACK, local[1]), self.hops)

    def send(self, circuit_id, data):
        address = (self.node.tunnels.circuit_id_to_ip(circuit_id), 1024)
        if self.socks:
            return self.socks.send(address, data)
        circuit = self.node.tunnels.circuits.get(circuit_id)
        if circuit is not None and circuit.hops:
            self.node.tunnels.send_data(circuit.hop.address, circuit_id, address, ("0.0.0.0", 0), data)

    def on_data(self, circuit_id, data):
        if circuit_id in self.pipes:
            return self.pipes[circuit_id].give(data)
        if self.seed_to is None:
            return
        self.waiting.setdefault(circuit_id, []).append(data)
        if len(self.waiting[circuit_id]) == 1:
            asyncio.ensure_future(self.add(circuit_id))

    async def add(self, circuit_id):
        pipe = Pipe(lambda data: self.send(circuit_id, data), self.seed_to)
        address = await pipe.open()
        self.pipes[circuit_id] = pipe
        for data in self.waiting.pop(circuit_id, []):
            pipe.give(data)
        return address

    def on_linked(self, hash, address):
        asyncio.ensure_future(self.announce(hash, self.node.tunnels.ip_to_circuit_id(address[0])))

    async def announce(self, hash, circuit_id):
        say(event="bridge", of=hash, address=await self.add(circuit_id))


class Node:
    def __init__(self, role, overlay_id, native, bootstrap):
        self.role, self.native = role, native
        if native:
            import ipv8_rust_tunnels
            dispatcher.INTERFACES["UDPIPv4"] = ipv8_rust_tunnels.Endpoint
        builder = configuration.ConfigBuilder(clean=True)
        builder.set_address(LOOPBACK).set_port(0).set_log_level("CRITICAL").set_working_directory(".").set_walker_interval(0.5)
        builder.add_ephemeral_key("key")
        walk = [configuration.WalkerDefinition(configuration.Strategy.RandomWalk, 20, {"timeout": 3.0})]
        discovery = walk + [configuration.WalkerDefinition(configuration.Strategy.RandomChurn, -1, {}),
                            configuration.WalkerDefinition(configuration.Strategy.PeriodicSimilarity, -1, {})]
        servers = [configuration.BootstrapperDefinition(configuration.Bootstrapper.DispersyBootstrapper,
                                                        configuration.DISPERSY_BOOTSTRAPPER["init"])] if bootstrap else []
        builder.add_overlay("DiscoveryCommunity", "key", discovery, servers, {}, [])
        builder.add_overlay("DHTDiscoveryCommunity", "key", walk, servers, {}, [])
        builder.add_overlay("Tunnels", "key", walk, servers, {}, [])
        node = self

        class Tunnels(hidden_services.HiddenTunnelCommunity):
            community_id = overlay_id

            def on_raw_data(self, circuit, origin, data):
                if circuit.ctype == "DATA":
                    node.on_data(data)
                else:
                    node.on_hidden_data(circuit.circuit_id, data)

        self.ipv8 = IPv8(builder.finalize(), extra_communities={"Tunnels": Tunnels})
        self.tunnels = self.ipv8.overlays[-1]
        self.tunnels.ipv8 = self.ipv8
        self.tunnels.settings.peer_flags = ROLES[role]
        self.on_data = lambda data: None
        self.on_hidden_data = lambda circuit_id, data: None
        self.ends = {}

    async def start(self):
        await self.ipv8.start()
        from ipv8.dht.provider import DHTCommunityProvider
        self.tunnels.settings.dht_provider = self.tunnels.dht_provider = DHTCommunityProvider(self.ipv8.overlays[1], self.address()[1])
        if self.native:
            self.tunnels.crypto_endpoint.set_exit_address((LOOPBACK, 0))

    def address(self):
        return self.ipv8.endpoint.interfaces["UDPIPv4"].get_address()

    def walk_to(self, address):
        for overlay in self.ipv8.overlays:
            overlay.walk_to(address)

    def describe(self):
        return {"role": self.role, "address": "%s:%d" % self.address()[:2], "mid": self.tunnels.my_peer.mid.hex()}

    async def circuit(self, hops, relays, exits, within):
        """A ready data circuit, once enough candidates are known."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            known = len(self.tunnels.get_candidates(RELAY)), len(self.tunnels.get_candidates(EXIT_BT))
            if known[0] < relays or known[1] < exits:
                await asyncio.sleep(0.2)
                continue
            circuit = self.tunnels.create_circuit(hops)
            if circuit is None:
                await asyncio.sleep(0.5)
                continue
            try:
                await asyncio.wait_for(asyncio.shield(circuit.ready), max(1, deadline - time.monotonic()))
            except asyncio.TimeoutError:
                continue
            if circuit.state == "READY":
                return circuit
        return None

    async def transfer(self, hops, to, count, size, relays, exits):
        circuit = await self.circuit(hops, relays, exits, 60)
        if circuit is None:
            return say(event="transfer", ok=False, why="no circuit", candidates=len(self.tunnels.candidates))
        destination = address_of(to)
        socks = None
        if self.native:
            echoes = Echoes(count, size, lambda data: socks.send(destination, data))
            socks = Socks5Client(echoes.on_echo)
            await socks.open(self.tunnels.crypto_endpoint.create_socks5_server(0, hops))
        else:
            echoes = Echoes(count, size, lambda data: self.tunnels.send_data(
                circuit.hop.address, circuit.circuit_id, destination, ("0.0.0.0", 0), data))
            self.on_data = echoes.on_echo
        ok = await echoes.finish(120)
        if socks:
            socks.close()
        say(event="transfer", ok=ok, path=[hop.mid.hex() for hop in circuit.hops], echoed=echoes.echoed, repeated=echoes.repeated,
            wrong=echoes.wrong)
        await self.tunnels.remove_circuit(circuit.circuit_id, "done", remove_now=True, destroy=1)

    async def hidden_end(self, hops, seed_to=None):
        """One per number of hops: the native engine would give the data of all to the association that was there first."""
        if hops not in self.ends:
            self.ends[hops] = HiddenEnd(self, hops)
            await self.ends[hops].start()
        end = self.ends[hops]
        end.seed_to = seed_to
        end.pipes.clear()
        if not self.native:
            self.on_hidden_data = end.on_data
        return end

    async def seed(self, hash, hops, to):
        end = await self.hidden_end(hops, tuple(address_of(to)))
        self.tunnels.join_swarm(bytes.fromhex(hash), hops, seeding=True)
        asyncio.ensure_future(self.keep_introduced(bytes.fromhex(hash), end))

    async def keep_introduced(self, hash, end):
        """As Tribler does it: another introduction point whenever there is none."""
        said = False
        while hash in self.tunnels.swarms:
            end.name_remote()
            here = [c for c in self.tunnels.circuits.values() if c.ctype == "IP_SEEDER" and c.info_hash == hash]
            if not here:
                try:
                    await self.tunnels.create_introduction_point(hash)
                except (asyncio.CancelledError, RuntimeError):
                    pass
            elif not said and any(c.state == "READY" for c in here):
                said = True
                await asyncio.sleep(1)
                say(event="introduced", path=[hop.mid.hex() for hop in here[0].hops])
            await asyncio.sleep(0.5)

    async def forward(self, name, hops, to, relays, exits):
        """A BitTorrent program's datagrams through an exit, to one address and back."""
        circuit = await self.circuit(hops, relays, exits, 60)
        if circuit is None:
            return say(event="bridge", of=name, address=None, candidates=len(self.tunnels.candidates))
        destination = address_of(to)
        if self.native:
            socks = Socks5Client(lambda data: pipe.give(data))
            await socks.open(self.tunnels.crypto_endpoint.create_socks5_server(0, hops))
            pipe = Pipe(lambda data: socks.send(destination, data))
        else:
            pipe = Pipe(lambda data: self.tunnels.send_data(circuit.hop.address, circuit.circuit_id, destination, ("0.0.0.0", 0), data))
            self.on_data = pipe.give
        say(event="bridge", of=name, address=await pipe.open())

    async def fetch(self, hash, hops):
        end = await self.hidden_end(hops)
        self.tunnels.settings.swarm_lookup_interval = 3  # the package's 30 s are kind to a network of thousands
        self.tunnels.join_swarm(bytes.fromhex(hash), hops, callback=lambda address: end.on_linked(hash, address), seeding=False)
        while bytes.fromhex(hash) in self.tunnels.swarms and not end.pipes:
            await self.tunnels.do_peer_discovery()
            await asyncio.sleep(1)


async def mesh(nodes, strangers):
    while True:
        for node in nodes:
            for other in [n.address() for n in nodes if n is not node] + strangers:
                node.walk_to(UDPv4Address(*other[:2]))
        await asyncio.sleep(2)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--overlay", required=True)
    parser.add_argument("--relays", type=int, default=0)
    parser.add_argument("--exits", type=int, default=0)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--native", action="store_true")
    parser.add_argument("--bootstrap", action="store_true", help="nobody is told of anybody: all join by a bootstrap server on loopback")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    server, bootstrap = None, None
    if options.bootstrap:
        import bootstrap_server
        server = bootstrap_server.BootstrapServer()
        bootstrap = await server.open()
    keep_off_the_public_network(bootstrap)
    roles = ["relay"] * options.relays + ["exit"] * options.exits + ["client"] * options.clients
    nodes = [Node(role, bytes.fromhex(options.overlay), options.native, bootstrap) for role in roles]
    for node in nodes:
        await node.start()
    strangers = []
    meshing = asyncio.ensure_future(mesh([] if bootstrap else nodes, strangers))
    say(event="ready", nodes=[node.describe() for node in nodes], bootstrap=bootstrap)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        if "walk" in command:
            strangers += [address_of(text) for text in command["walk"]]
        if "walk_no_more" in command:
            meshing.cancel()
        if "transfer" in command:
            await nodes[-1].transfer(**command["transfer"])
        if "seed" in command:
            await nodes[-1].seed(**command["seed"])
        if "fetch" in command:
            asyncio.ensure_future(nodes[-min(2, options.clients)].fetch(**command["fetch"]))
        if "forward" in command:
            asyncio.ensure_future(nodes[-options.clients].forward(**command["forward"]))
        if "leave" in command:
            for node in nodes:
                node.tunnels.leave_swarm(bytes.fromhex(command["leave"]["hash"]))
    os._exit(0)  # the package's own shutdown waits for circuits that nobody misses


asyncio.run(main())
