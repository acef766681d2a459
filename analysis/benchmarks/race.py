"""A race: our code and the peer's on the same work in one run, with equal answers, as a ratio."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Race:
    """Two ways to do the same work.

    `ours` and `peer` return their answers for `our_items` and `peer_items` items; a slow peer may do fewer of them.
    `agree` compares the answers. `hashed` says what of the hashing is inside the timing.
    """

    name: str
    peer_name: str
    hashed: str
    target: float
    ours: Callable[[], Any]
    peer: Callable[[], Any]
    agree: Callable[[Any, Any], bool]
    our_items: int
    peer_items: int

    def run(self, rounds: int = 7) -> dict[str, Any]:
        """Run both in turn and compare medians; a first round warms up and checks the answers."""
        if not self.agree(self.ours(), self.peer()):
            raise AssertionError(f"{self.name}: the answers differ from those of {self.peer_name}")
        ours, peers = [], []
        for _ in range(rounds):
            ours.append(_seconds(self.ours) / self.our_items)
            peers.append(_seconds(self.peer) / self.peer_items)
        ratios = np.array(peers) / np.array(ours)
        return {
            "race": self.name,
            "peer": self.peer_name,
            "hashed": self.hashed,
            "ours_ns": 1e9 * float(np.median(ours)),
            "peer_ns": 1e9 * float(np.median(peers)),
            "ratio": float(np.median(ratios)),
            "ratio_low": float(ratios.min()),
            "ratio_high": float(ratios.max()),
            "target": self.target,
        }


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
