"""A bootstrap server on loopback, written from docs/protocol.md, section 6: the package carries none. Its key and signatures are of the
deployed servers' kind (sect163k1), made with the package's own key classes.

It answers introduction-requests (246) of whatever overlay, introduces one other peer of the same overlay and has that one puncture.
"""
import asyncio
import random
import socket
import struct

from ipv8.keyvault.crypto import default_eccrypto

REQUEST, RESPONSE, PUNCTURE_REQUEST = 246, 245, 250
MOST_PEERS = 100
NOBODY = bytes(6)
SUPPORTS_NEW_STYLE = 0x10


def packed(address):
    return socket.inet_aton(address[0]) + struct.pack("!H", address[1])


class BootstrapServer(asyncio.DatagramProtocol):
    def __init__(self):
        self.key = default_eccrypto.generate_key("very-low")
        self.public = self.key.pub().key_to_bin()
        self.peers = {}  # (prefix, address) -> LAN address as it was reported, the newest last
        self.time = 0
        self.requests = 0
        self.transport = None

    async def open(self):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        return "%s:%d" % self.transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data, source):
        if len(data) < 25 or data[:2] != b"\x00\x02" or data[22] != REQUEST:
            return
        key_size = struct.unpack_from("!H", data, 23)[0]
        body = 25 + key_size + 8
        if len(data) < body + 21 + 64:
            return
        key = default_eccrypto.key_from_public_bin(data[25:25 + key_size])
        signature = key.get_signature_length()
        if not key.verify(data[-signature:], data[:-signature]):
            return
        self.requests += 1
        prefix, lan, identifier = data[:22], data[body + 6:body + 12], data[body + 19:body + 21]
        others = [peer for peer in self.peers if peer[0] == prefix and peer[1] != source]
        self.peers.pop((prefix, source), None)
        self.peers[prefix, source] = lan
        while len(self.peers) > MOST_PEERS:
            self.peers.pop(next(iter(self.peers)))
        introduced = random.choice(others) if others else None
        self.respond(prefix, source, identifier, introduced)
        if introduced:
            self.time += 1
            self.transport.sendto(prefix + bytes([PUNCTURE_REQUEST]) + struct.pack("!Q", self.time) + lan + packed(source) + identifier,
                                  introduced[1])

    def respond(self, prefix, to, identifier, introduced):
        self.time += 1
        own = packed(self.transport.get_extra_info("sockname")[:2])
        named = self.peers[introduced] + packed(introduced[1]) if introduced else NOBODY + NOBODY
        packet = (prefix + bytes([RESPONSE]) + struct.pack("!H", len(self.public)) + self.public + struct.pack("!Q", self.time) + packed(to)
                  + own + own + named + bytes([SUPPORTS_NEW_STYLE]) + identifier)
        self.transport.sendto(packet + self.key.signature(packet), to)
