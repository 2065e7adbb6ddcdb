#!/usr/bin/env python3
"""Makes the seed corpora of the tunnel's fuzzers from the recorded vectors: tests/fuzz/make_corpus.py, in the source
tree. Files found by fuzzing are kept beside them under other names."""
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = json.loads((HERE.parent / "data" / "ipv8_vectors.json").read_text(encoding="ascii"))
PREFIX, KEY, SIGNATURE = 22, 76, 64


def save(fuzzer, name, data):
    folder = HERE / "corpus" / fuzzer
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("vector-" + "".join(c if c.isalnum() else "-" for c in name))).write_bytes(data)


def body_of(entry):
    """Message id and body of a recorded datagram."""
    packet = bytes.fromhex(entry["packet"])
    start, end = PREFIX + 1, len(packet)
    if entry["signer"]:
        start, end = start + KEY, end - SIGNATURE
    if entry["global_time"] is not None:
        start += 8
    return packet[PREFIX:PREFIX + 1] + packet[start:end]


def main():
    for entry in VECTORS["encodings"]:
        if entry["type"] in ("ip_address", "address"):
            save("address_fuzz", entry["type"] + entry["value"]["type"], bytes.fromhex(entry["hex"]))
    save("address_fuzz", "text", b"[2001:db8::1]:6881")
    for name in ("alice", "bob"):
        save("keys_fuzz", name + "-public", bytes.fromhex(VECTORS["keys"][name]["public_bin"]))
        save("keys_fuzz", name + "-private", bytes.fromhex(VECTORS["keys"][name]["secret_bin"]))
    for entry in VECTORS["handshakes"]:
        save("offer_fuzz", entry["name"], bytes.fromhex(entry["candidates_plain"]))
        save("layer_fuzz", entry["name"], bytes.fromhex(entry["candidates_enc"]))
        save("cell_fuzz", entry["name"] + "-create", bytes.fromhex(entry["create_cell"]))
        save("handshake_fuzz", entry["name"], bytes.fromhex(entry["responder_ephemeral_pk"] + entry["auth"]))
    save("handshake_fuzz", "zero", bytes(64))
    for size in (0, 1, 64, 1400):
        save("cipher_fuzz", f"{size}-bytes", bytes(range(44)) + b"\x08\x10" + b"x" * size)
    for entry in VECTORS["cells"]:
        message = bytes.fromhex(entry["message"] if "message" in entry else entry["unwrapped"][2 * PREFIX:])
        hidden = 9 <= entry["msg_id"] <= 18
        save("hidden_payloads_fuzz" if hidden else "payloads_fuzz", entry["name"], message)
        if entry["name"] in ("data-ipv4", "extend-known", "created"):
            save("cell_fuzz", entry["name"], bytes.fromhex(entry["cell_before_encryption"]))
    save("hidden_payloads_fuzz", "rendezvous-info", b"\0" + bytes.fromhex(VECTORS["hidden"]["e2e_handshake"]["rp_info_plain"]))
    for entry in VECTORS["packets"]:
        if "socket form" not in entry["name"]:
            save("messages_fuzz", entry["name"], body_of(entry))
        if entry["name"] in ("introduction-request", "destroy", "puncture-request", "similarity-request"):
            save("signed_packet_fuzz", entry["name"], bytes.fromhex(entry["packet"]))
    save("signed_packet_fuzz", "server", bytes.fromhex(VECTORS["tracker_response"]["packet"]))
    save("signed_packet_fuzz", "beacon", bytes.fromhex(VECTORS["broadcast_beacon"]["packet"]))
    for entry in VECTORS["dht"]["packets"]:
        save("dht_messages_fuzz", entry["name"], body_of(entry))
    for entry in VECTORS["dht"]["values"]:
        save("dht_messages_fuzz", entry["kind"], b"\0" + bytes.fromhex(entry["value"]))
    save("dht_messages_fuzz", "record", b"\xff" + bytes.fromhex(VECTORS["dht"]["values"][0]["data"]))
    for number, sample in enumerate(VECTORS["exit_policy"]["samples"]):
        if sample["datagram"]:
            save("exit_policy_fuzz", f"{number:02}", bytes.fromhex(sample["datagram"]))
    save("exit_policy_fuzz", "destination", bytes.fromhex("0108080808" + "1ae1"))


if __name__ == "__main__":
    main()
