"""A network of hosts on one machine: Linux network namespaces, and between them a link with limits.

Each host has a TAP device; this process carries the frames from one to another, as fast as the bandwidth
allows and later by the latency. It needs root and /dev/net/tun, and no kernel module for delays.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import select
import struct
import subprocess
import threading
import time
from collections.abc import Sequence

TUNSETIFF, TAP_WITHOUT_HEADER = 0x400454CA, 0x1002
FRAME = 65536


class Network:
    """Hosts `{name}0`, `{name}1`, … with the addresses 10.77.0.1, 10.77.0.2, …

    bandwidth: bytes a second, of each host in each direction; latency: seconds between any two
    carried: bytes so far
    """

    def __init__(self, hosts: int, bandwidth: float, latency: float, name: str = "nets") -> None:
        self.names = [f"{name}{host}" for host in range(hosts)]
        self.bandwidth, self.latency, self.carried = bandwidth, latency, 0
        self._over, self._taps = threading.Event(), [_host(one, i) for i, one in enumerate(self.names)]
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def address(self, host: int) -> str:
        return f"10.77.0.{host + 1}"

    def command(self, host: int, words: Sequence[str]) -> list[str]:
        """A command that runs the words on a host."""
        return ["ip", "netns", "exec", self.names[host], *words]

    def _carry(self) -> None:
        free_out, free_in = [0.0] * len(self._taps), [0.0] * len(self._taps)
        due: list[tuple[float, int, int, bytes]] = []
        ports: dict[bytes, int] = {}
        number = 0
        while not self._over.is_set():
            wait = max(0.0, due[0][0] - time.monotonic()) if due else 0.1
            ready, _, _ = select.select(self._taps, [], [], min(wait, 0.1))
            for tap in ready:
                frame, now, port = os.read(tap, FRAME), time.monotonic(), self._taps.index(tap)
                ports[frame[6:12]] = port
                self.carried += len(frame)
                seconds = len(frame) / self.bandwidth
                sent = free_out[port] = max(now, free_out[port]) + seconds
                known = ports.get(frame[:6])
                for to in [known] if known is not None else set(range(len(self._taps))) - {port}:
                    arrived = free_in[to] = max(sent + self.latency, free_in[to] + seconds)
                    number += 1
                    heapq.heappush(due, (arrived, number, to, frame))
            while due and due[0][0] <= time.monotonic():
                _, _, to, frame = heapq.heappop(due)
                os.write(self._taps[to], frame)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for tap, name in zip(self._taps, self.names, strict=True):
            os.close(tap)
            subprocess.run(["ip", "netns", "delete", name], check=True)


def _host(name: str, number: int) -> int:
    """A namespace with its TAP device, whose other end is returned."""
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), TAP_WITHOUT_HEADER))
    for words in (
        f"ip netns add {name}",
        f"ip link set {name} netns {name}",
        f"ip -n {name} address add 10.77.0.{number + 1}/24 dev {name}",
        f"ip -n {name} link set {name} up",
        f"ip -n {name} link set lo up",
    ):
        subprocess.run(words.split(), check=True)
    return tap
