"""The placement schemes under test, a row for each: how to build it, its slow twin, and what it promises."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from reference import placement as reference

from scalemodel.placement import HashRing, JumpHash, Placement, Rendezvous


@dataclass(frozen=True)
class Scheme:
    make: Callable[..., Any]
    """Builds the placement from nodes and, by keyword, a seed."""
    twin: Callable[[Any], Callable[[int], Iterator[int]]]
    """From the placement to a function from a hashed key to its nodes, from the first to the last."""
    weighted: bool = True
    """Takes weights."""
    any_may_leave: bool = True
    """Otherwise only the last node."""
    monotone: bool = True
    """A change of one node moves keys to or from that node only."""
    steady_lists: bool = True
    """A lost node leaves the order of the others in every preference list."""

    def leaver(self, placement: Placement) -> str:
        """A node that may leave; one in the middle, if possible."""
        return placement.nodes[len(placement.nodes) // 2 if self.any_may_leave else -1]


def ring(placement: HashRing) -> Callable[[int], Iterator[int]]:
    counts = [max(1, round(weight * placement.vnodes)) for weight in placement.topology.weights]
    points = reference.ring_points(placement.nodes, counts, placement.seed)
    return lambda key: reference.ring(key, points)


def rendezvous(placement: Rendezvous) -> Callable[[int], Iterator[int]]:
    return lambda key: reference.rendezvous(key, placement.nodes, placement.topology.weights, placement.seed)


def jump(placement: JumpHash) -> Callable[[int], Iterator[int]]:
    lookup = partial(reference.jump, n=len(placement.nodes), variant=placement.variant)
    return lambda key: reference.hashed_again(key, lookup)


BUCKETS = {"weighted": False, "any_may_leave": False, "steady_lists": False}

SCHEMES = {
    "ring": Scheme(partial(HashRing, vnodes=16), ring),
    "ring of one point": Scheme(partial(HashRing, vnodes=1), ring),
    "rendezvous": Scheme(Rendezvous, rendezvous),
    "jump": Scheme(JumpHash, jump, **BUCKETS),
    "jump of guava": Scheme(partial(JumpHash, variant="guava"), jump, **BUCKETS),
}
