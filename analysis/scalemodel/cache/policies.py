"""The replacement policies: a row per policy, with its kernel, its parameters and the paper it is written from.

Papers speak of pages of one size. Here, with byte sizes, room is made until the object fits; parts of a cache and
ghosts are measured in bytes; and an object larger than the part that it would enter passes the cache by.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..topology import nearest
from ._kernels import lists, queues, ranked
from .admission import Admission, Probability

if TYPE_CHECKING:
    import pandas as pd

Options = Mapping[str, float]


@dataclass(frozen=True)
class Policy:
    """A replacement policy.

    Attributes
    ----------
    name : str
    kernel : callable
        See `scalemodel.cache._kernels`.
    what : str
        What it evicts, and where it departs from its paper or from libcachesim.
    paper : str
    options : mapping of str to float
        Its parameters with their defaults.
    values : callable
        Turns the options into the parameters of the kernel.
    limits : mapping of str to (float, float)
        Lowest and highest value of each option.
    parts : callable
        Turns the options and the size of the smallest object into the shares of the cache that must hold it, by name.
    admission : callable, optional
        Turns the options into an admission that is part of the policy.
    random : bool
        Whether it draws, so that the seed matters.
    """

    name: str
    kernel: Callable[..., Any]
    what: str
    paper: str
    options: Options = field(default_factory=dict)
    values: Callable[[Options], list[float]] = lambda options: [float(value) for value in options.values()] or [0.0]
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    parts: Callable[[Options, int], dict[str, float]] = lambda options, unit: {}
    admission: Callable[[Options], Admission] | None = None
    random: bool = False

    def smallest(self, options: Options, unit: int = 1) -> int:
        """Smallest size at which every part has room for an object of `unit`."""
        return max([unit, *(math.ceil(unit / share - 1e-9) for share in self.parts(options, unit).values())])


_ROWS = (
    Policy("fifo", queues.fifo, "Evicts what was stored first.", "folklore"),
    Policy(
        "random",
        ranked.sampled,
        "Evicts any, drawn uniformly.",
        "L. Belady, 'A study of replacement algorithms for a virtual-storage computer', IBM Systems Journal 1966",
        values=lambda options: [ranked.ANY, 1, 0],
        random=True,
    ),
    Policy("lru", queues.lru, "Evicts what was used last the longest ago.", "folklore"),
    Policy(
        "lfu",
        lists.lfu,
        "Evicts what was used least often since it was stored; of equals, what reached its count first.",
        "folklore; in constant time as K. Shah et al., 'An O(1) algorithm for implementing the LFU scheme', 2010",
    ),
    Policy(
        "clock",
        queues.clock,
        "FIFO whose objects get another round for each use, of which `bits` bits are kept. Objects come with none.",
        "F. Corbató, 'A paging experiment with the Multics system', 1968; counters: A. Smith, 1978",
        {"bits": 1},
        values=lambda options: [2.0 ** options["bits"] - 1],
        limits={"bits": (1, 7)},
    ),
    Policy(
        "slru",
        lists.slru,
        "LRU in segments of equal shares: a hit lifts an object by one segment, overflow sinks by one. "
        "Until the cache is full, new objects go to the lowest segment that has room. Equals libcachesim at sizes that "
        "the segments divide evenly, else within 0.1 points: there what is left over belongs to the lowest segment.",
        "R. Karedla, J. Love, B. Wherry, 'Caching strategies to improve disk system performance', Computer 1994",
        {"segments": 4},
        values=lambda options: [1 / options["segments"]] * int(options["segments"]),
        limits={"segments": (1, 64)},
        parts=lambda options, unit: {"segment": 1 / options["segments"]},
    ),
    Policy(
        "2q",
        lists.two_queues,
        "A FIFO for what is new, an LRU for what returns after it left the FIFO (the full version of the paper).",
        "T. Johnson, D. Shasha, '2Q: a low overhead high performance buffer management replacement algorithm', "
        "VLDB 1994",
        {"a1in": 0.25, "a1out": 0.5},
        limits={"a1in": (0.0001, 1), "a1out": (0, 100)},
        parts=lambda options, unit: {"queue A1in": options["a1in"]},
    ),
    Policy(
        "arc",
        lists.arc,
        "Balances recency and frequency by hits among what it evicted. With byte sizes a ghost hit moves the target by "
        "its bytes (the paper has pages only; libcachesim moves it by one and differs by up to 2.5 points).",
        "N. Megiddo, D. Modha, 'ARC: a self-tuning, low overhead replacement cache', FAST 2003, figure 4",
    ),
    Policy(
        "lirs",
        lists.lirs,
        "Keeps what has the shortest time between its last two uses. As many evicted objects as `ghosts` caches "
        "hold are "
        "remembered (no bound in the paper; libcachesim counts them otherwise: within 0.02 points).",
        "S. Jiang, X. Zhang, 'LIRS: an efficient low inter-reference recency set replacement policy', SIGMETRICS 2002",
        {"hir": 0.01, "ghosts": 1.0},
        limits={"hir": (0.0001, 0.99), "ghosts": (0, 1e9)},
        parts=lambda options, unit: (
            {"LIR part": 0.5 * (1 - options["hir"])} | ({} if unit == 1 else {"HIR part": options["hir"]})
        ),
    ),
    Policy(
        "sieve",
        queues.sieve,
        "FIFO with a hand that passes over, in place, what was used since it last came by.",
        "Y. Zhang et al., 'SIEVE is simpler than LRU', NSDI 2024",
    ),
    Policy(
        "s3fifo",
        queues.s3fifo,
        "A small FIFO that lets only what was used `threshold` times into the main one, and a FIFO of ghosts. "
        "An object as large as the small queue makes room but does not enter, as in libcachesim; until the first "
        "eviction, what finds the small queue full goes to the main one.",
        "J. Yang et al., 'FIFO queues are all you need for cache eviction', SOSP 2023, algorithm 1",
        {"small": 0.1, "ghost": 0.9, "threshold": 2},
        limits={"small": (0.0001, 0.9999), "ghost": (0, 100), "threshold": (1, 3)},
        parts=lambda options, unit: {
            "small queue": options["small"] * (1 if unit == 1 else unit / (unit + 1)),
            "main queue": 1 - options["small"],
        },
    ),
    Policy(
        "wtinylfu",
        lists.w_tinylfu,
        "An LRU window before an SLRU, whose entrance a frequency sketch guards: a candidate must be worth more "
        "than all "
        "that it would displace. The window is rounded up; there is no doorkeeper. libcachesim's evicts several "
        "objects "
        "per insertion (its issue 162): never worse by over one point by objects or three by bytes.",
        "G. Einziger, R. Friedman, B. Manes, 'TinyLFU: a highly efficient cache admission policy', ACM TOS 2017; "
        "sizes: "
        "G. Einziger et al., 'Lightweight robust size aware cache management', ACM TOS 2022",
        {"window_share": 0.01, "protected": 0.8, "sample": 10},
        limits={"window_share": (0, 0.99), "protected": (0, 1), "sample": (0.01, 1e6)},
        parts=lambda options, unit: (
            {"main part": 0.5}
            | ({} if unit == 1 or not options["window_share"] else {"window": options["window_share"]})
        ),
    ),
    Policy(
        "gdsf",
        ranked.gdsf,
        "Evicts the least use count times size^(cost - 1) plus the age at its last use; of equals, the least recently "
        "used. `cost` 0 counts misses, 1 missed bytes. Within 0.1 points of libcachesim, which breaks ties "
        "otherwise (three "
        "in caches of a few dozen objects of unlike sizes).",
        "L. Cherkasova, 'Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching policy', 1998",
        {"cost": 0},
        limits={"cost": (0, 2)},
    ),
    Policy(
        "lruk",
        ranked.lru_k,
        "Evicts what was used `k` uses ago the longest ago; first what has fewer uses, by LRU. What is evicted is "
        "forgotten.",
        "E. O'Neil, P. O'Neil, G. Weikum, 'The LRU-K page replacement algorithm', SIGMOD 1993",
        {"k": 2},
        limits={"k": (1, 16)},
    ),
    Policy(
        "qlru",
        queues.lru,
        "LRU that stores a missed object with probability `q`.",
        "M. Garetto, E. Leonardi, V. Martina, 'A unified approach to the analysis of caching systems', 2016",
        {"q": 0.1},
        limits={"q": (0, 1)},
        admission=lambda options: Probability(options["q"]),
        random=True,
    ),
    Policy(
        "klru",
        lists.k_lru,
        "LRU behind k - 1 LRU lists of names of the same size: a list takes what the one before it knew.",
        "M. Garetto, E. Leonardi, V. Martina, 'A unified approach to the analysis of caching systems', 2016",
        {"k": 2},
        limits={"k": (1, 16)},
    ),
    Policy(
        "lecar",
        lists.lecar,
        "Evicts as LRU or as LFU, drawn by weights that learn from the return of what each evicted.",
        "G. Vietri et al., 'Driving cache replacement with ML-based LeCaR', HotStorage 2018",
        {"weight": 0.5, "rate": 0.45, "discount": 0.005, "history": 0.5},
        limits={"weight": (0.01, 0.99), "rate": (0, 10), "discount": (1e-12, 1), "history": (0, 10)},
        random=True,
    ),
    Policy(
        "hyperbolic",
        ranked.sampled,
        "Evicts the least uses per time in the cache and per byte, among `samples` drawn.",
        "A. Blankstein, S. Sen, M. Freedman, 'Hyperbolic caching', USENIX ATC 2017",
        {"samples": 64},
        values=lambda options: [ranked.LEAST_USED, options["samples"], 1],
        limits={"samples": (1, 10_000)},
        random=True,
    ),
    Policy(
        "belady",
        ranked.belady,
        "Evicts what is used next the farthest in the future: the least misses possible with objects of one size.",
        "L. Belady, 'A study of replacement algorithms for a virtual-storage computer', IBM Systems Journal 1966",
    ),
    Policy(
        "beladysize",
        ranked.sampled,
        "Evicts the greatest time to the next use times size, among `samples` drawn.",
        "as libcachesim's BeladySize; the offline optimum is hard: D. Berger et al., SIGMETRICS 2018",
        {"samples": 128},
        values=lambda options: [ranked.FARTHEST_BYTES, options["samples"], 1],
        limits={"samples": (1, 10_000)},
        random=True,
    ),
)

POLICIES: dict[str, Policy] = {row.name: row for row in _ROWS}
"""All policies by name."""

_ALIASES = {"twoq": "2q", "min": "belady", "opt": "belady", "tinylfu": "wtinylfu", "secondchance": "clock"}
_WHOLE = ("bits", "segments", "k", "samples", "threshold")


def policy(name: str, **options: float) -> tuple[Policy, dict[str, float]]:
    """Find a policy and complete its options.

    Examples
    --------
    >>> policy("S3-FIFO", small=0.2)[1]
    {'small': 0.2, 'ghost': 0.9, 'threshold': 2}

    Raises
    ------
    ValueError
        There is no such policy or option, or the option is out of bounds; the message names the nearest.
    """
    plain = "".join(c for c in str(name).lower() if c.isalnum())
    found = POLICIES.get(_ALIASES.get(plain, plain))
    if found is None:
        hint = nearest(plain, POLICIES) or f"; there are {', '.join(POLICIES)}"
        raise ValueError(f"there is no cache policy {name!r}{hint}")
    for option, value in options.items():
        if option not in found.options:
            hint = nearest(option, found.options) or f"; it has {', '.join(found.options) or 'none'}"
            raise ValueError(f"the policy {found.name!r} has no option {option!r}{hint}")
        low, high = found.limits[option]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"{option} of {found.name} is {value!r}: give a number from {low:g} to {high:g}")
        if option in _WHOLE and value != int(value):
            raise ValueError(f"{option} of {found.name} is {value!r}: give a whole number")
    return found, {**found.options, **options}


def catalogue() -> "pd.DataFrame":
    """Return the policies as a table: name, what each does, its options and the paper.

    Examples
    --------
    >>> catalogue().loc[0, "policy"]
    'fifo'
    """
    import pandas as pd

    rows = [
        {
            "policy": row.name,
            "what": row.what,
            "options": ", ".join(f"{name}={value:g}" for name, value in row.options.items()),
            "paper": row.paper,
        }
        for row in _ROWS
    ]
    return pd.DataFrame(rows)
