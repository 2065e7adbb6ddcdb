"""A small Internet in network namespaces: public hosts, and hosts behind network address translators made with nftables.

core routes between sites, each in a /24 of its own; a translated site has a router with one public address and hosts in 192.168.0.0/16.
Nothing leads out of it: the core has no other link. The addresses are global ones because the rules for those are what is tested.
Kinds of translation (RFC 4787):
  none                  a public address
  endpoint_independent  one mapping for all destinations; lets in only who was sent to (what most home routers do)
  address_dependent     another port towards every destination (carrier-grade and company networks): punctures miss it
"""
import os
import secrets
import subprocess

KINDS = ("none", "endpoint_independent", "address_dependent")
MASQUERADE = {"endpoint_independent": "masquerade", "address_dependent": "masquerade fully-random"}


def run(command):
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr.strip()[-300:]}")


def possible():
    """Why no lab can be made here; empty when it can."""
    if os.geteuid() != 0:
        return "namespaces with names need root"
    for tool in ("ip", "nft"):
        if subprocess.run(["sh", "-c", f"command -v {tool}"], capture_output=True).returncode != 0:
            return f"{tool} is not installed"
    name = f"cepa{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode != 0:
        return f"no namespaces here: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=False)
    return ""


class Host:
    def __init__(self, namespace, address, public_address, kind):
        self.namespace, self.address, self.public_address, self.kind = namespace, address, public_address, kind
        self.prefix = ["ip", "netns", "exec", namespace]


class NatLab:
    def __init__(self):
        self.mark = f"c{secrets.token_hex(2)}"
        self.namespaces = []
        self.sites = 0
        self.core = self.namespace("core")
        run(f"ip netns exec {self.core} sysctl -qw net.ipv4.ip_forward=1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for name in reversed(self.namespaces):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def namespace(self, name):
        full = f"{self.mark}{name}"
        run(f"ip netns add {full}")
        self.namespaces.append(full)
        run(f"ip -n {full} link set lo up")
        return full

    def link(self, inside, outside, subnet, n):
        """A veth pair; `inside` gets .2 and its default route by way of .1, which is `outside`."""
        a, b = f"{self.mark}i{n}", f"{self.mark}o{n}"
        run(f"ip link add {a} netns {inside} type veth peer name {b} netns {outside}")
        run(f"ip -n {inside} addr add {subnet}.2/24 dev {a} && ip -n {inside} link set {a} up")
        run(f"ip -n {outside} addr add {subnet}.1/24 dev {b} && ip -n {outside} link set {b} up")
        run(f"ip -n {inside} route add default via {subnet}.1")
        return a

    def host(self, kind="none"):
        self.sites += 1
        n = self.sites
        public = f"{40 + n}.{n}.0"  # a /16 of its own
        me = self.namespace(f"h{n}")
        if kind == "none":
            self.link(me, self.core, public, f"{n}")
            return Host(me, f"{public}.2", f"{public}.2", kind)
        router = self.namespace(f"r{n}")
        outside = self.link(router, self.core, public, f"{n}")
        self.link(me, router, f"192.168.{n}", f"{n}x")
        run(f"ip netns exec {router} sysctl -qw net.ipv4.ip_forward=1")
        rules = f"""
table ip nat {{
  chain post {{ type nat hook postrouting priority srcnat; oifname "{outside}" {MASQUERADE[kind]}; }}
}}
table ip filter {{
  chain in {{ type filter hook input priority filter; policy drop; ct state established,related accept; iifname "lo" accept; }}
  chain forward {{ type filter hook forward priority filter; policy drop; oifname "{outside}" accept; ct state established,related accept; }}
}}
"""
        done = subprocess.run(["ip", "netns", "exec", router, "nft", "-f", "-"], input=rules, text=True, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"nft: {done.stderr.strip()[-300:]}")
        return Host(me, f"192.168.{n}.2", f"{public}.2", kind)
