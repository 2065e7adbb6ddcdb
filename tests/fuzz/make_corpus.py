#!/usr/bin/env python3
"""Makes the seed corpora of the tunnel's fuzzers from the recorded vectors: tests/fuzz/make_corpus.py, in the source
tree. Files found by fuzzing are kept beside them under other names."""
import json
import pathlib
import subprocess

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


def octets(data):
    return '"' + "".join(f"\\{byte:03o}" for byte in data) + '"'


def control():
    """Messages of the control stream, by protoc from their text form."""
    key = octets(bytes.fromhex(VECTORS["keys"]["alice"]["public_bin"]))
    secret = octets(bytes.fromhex(VECTORS["keys"]["alice"]["secret_bin"]))
    address = "address { ip: " + octets(bytes([1, 2, 3, 4])) + " port: 7759 }"
    table = "version: 2 k1: 11 k2: 13 table: " + octets([0, 1, 2, 3] * 16) + " former: " + octets([0, 1, 0, 1] * 16)
    share = f"share {{ version: 1 candidates {{ public_key: {key} {address} flags: 3 connectable: true }} own_addresses {{ ip: \"abcd\" port: 9 }} " \
            f"guards {{ public_key: {key} {address} chosen_unix_s: 1 }} }}"
    circuit = f"circuits {{ circuit_id: 5 group: 1 wanted_hops: 1 state: CIRCUIT_READY hops {{ mid: \"01234567890123456789\" {address} flags: 1 }} bytes_up: 7 }}"
    texts = {
        "sync": f"sync {{ {circuit} relays {{ circuit_id: 5 next_circuit_id: 6 }} exits {{ circuit_id: 5 open: true }} "
                "worker { pid: 7 relayed_bytes: 9 drops { key: \"malformed\" value: 3 } } }",
        "removal": "sync { removed_circuits: 5 removed_relays: 5 removed_exits: 5 discovery { peers: 4 wan { ip: \"abcd\" port: 9 } } }",
        "share": "sync { " + share + " }",
        "notify": f"notify {{ kind: GUARDS_CHANGED text: \"month\" guards {{ public_key: {key} {address} }} }}",
        "dead": "circuit_dead { circuit_id: 5 reason: \"destroyed\" }",
        "steer": "steer { " + table + " }",
        "limits": "limits { relay_rate_bytes_per_s: 1 month_bytes_left: 0 max_joined_circuits: 2 }",
        "create": f"create {{ worker_id: 1 max_workers: 4 identity_key: {secret} identity_public: {key} listen {{ ip: \"abcd\" port: 1 }} steer {{ {table} }} "
                  f"settings {{ overlay_id: \"01234567890123456789\" relay: true family: {key} walk_to {{ ip: \"abcd\" port: 1 }} month_bytes: 5 }} {share} }}",
    }
    for name, text in texts.items():
        made = subprocess.run(["protoc", "--encode=cepa.proto.Envelope", f"--proto_path={HERE.parent.parent / 'proto'}", "control.proto"],
                              input=text.encode("ascii"), capture_output=True, check=True).stdout
        save("control_fuzz", name, b"\0" + len(made).to_bytes(4, "big") + made)


def act(action, message=b""):
    """One action of own_hidden_fuzz; see there. `message` begins with its id."""
    message = message or b"\0"
    return bytes([action, message[0]]) + (len(message) - 1).to_bytes(2, "big") + message[1:]


def own_hidden():
    """What reaches our own side of hidden swarms: each message where the honest ones have led."""
    honest, a_downloader, seconds = act(0), act(6), act(4, b"\2")
    for entry in VECTORS["cells"]:
        if entry["name"].startswith(("data-", "ping", "pong")) and "message" in entry:
            for circuit in range(5):
                said = act(3 | circuit << 4, bytes.fromhex(entry["message"]))
                save("own_hidden_fuzz", f"linked-{entry['name']}-{circuit}", (honest + seconds) * 4 + said * 2 + seconds)
    save("own_hidden_fuzz", "seeding", (honest + seconds) * 2 + a_downloader + (honest + seconds) * 2 + act(5) + seconds)
    hash_of_vectors = next(bytes.fromhex(e["message"])[3:23] for e in VECTORS["cells"] if e["name"] == "peers-request")
    for entry in VECTORS["cells"]:
        if not 9 <= entry["msg_id"] <= 20:
            continue
        inner = entry["name"].endswith("(inner)")
        message = bytes.fromhex(entry["unwrapped"][2 * PREFIX:] if inner else entry["message"])
        message = message.replace(hash_of_vectors, b"\x33" * 20)
        for steps in (0, 1, 3):
            save("own_hidden_fuzz", f"{entry['name']}-{steps}", (honest + seconds) * steps + a_downloader
                 + b"".join(act(8 | (2 if inner else 1) | circuit << 4, message) for circuit in range(4)) + seconds)


def main():
    control()
    own_hidden()
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
