"""Who must answer a read, and who a write; what that costs in load, and what it is worth when nodes fail?

An expression says which sets of nodes are quorums, a `QuorumSystem` pairs read with write quorums, a `Strategy` picks
among them. Load, capacity, latency percentiles, resilience and unavailability are exact.

>>> a, b, c, d, e = map(Node, "abcde")
>>> system = QuorumSystem(reads=a * b + c * d * e)
>>> round(system.capacity(read_fraction=0.5), 3), system.resilience, f"{system.unavailability(0.01).read:.3e}"
(2.182, 1, '5.910e-04')
"""

from .builders import aurora, crumbling_wall, grid, hierarchical, paths, primary_backup, read_one_write_all, tree
from .deployment import Deployment
from .expression import Expression, Node, choose, majority, parse, weighted
from .leader_search import Placements, place_replicas
from .leaderless import ABD, Atlas, EPaxos, FastPaxos
from .levels import LEVELS, Cassandra, DynamoDB, Level
from .protocols import (
    Aurora,
    Batch,
    Chain,
    FlexiblePaxos,
    MultiPaxos,
    PrimaryBackup,
    Protocol,
    Raft,
    compare_protocols,
)
from .replication import Replicated, Replication, ReplicationMixture, StalenessCurve
from .replication_table import replication_table
from .search import Found, ParetoFront, SearchResult, pareto, search
from .spanner import Spanner, TrueTime, TwoPhaseCommit, TwoPhaseFit, fit_two_phase_commit
from .strategy import Strategy
from .system import QuorumSystem
from .unavailability import Thresholds, Unavailability, thresholds
from .wars import Simulated

__all__ = [
    "ABD",
    "LEVELS",
    "Atlas",
    "Aurora",
    "Batch",
    "Cassandra",
    "Chain",
    "Deployment",
    "DynamoDB",
    "EPaxos",
    "Expression",
    "FastPaxos",
    "FlexiblePaxos",
    "Found",
    "Level",
    "MultiPaxos",
    "Node",
    "ParetoFront",
    "Placements",
    "PrimaryBackup",
    "Protocol",
    "QuorumSystem",
    "Raft",
    "Replicated",
    "Replication",
    "ReplicationMixture",
    "SearchResult",
    "Simulated",
    "Spanner",
    "StalenessCurve",
    "Strategy",
    "Thresholds",
    "TrueTime",
    "TwoPhaseCommit",
    "TwoPhaseFit",
    "Unavailability",
    "aurora",
    "choose",
    "compare_protocols",
    "crumbling_wall",
    "fit_two_phase_commit",
    "grid",
    "hierarchical",
    "majority",
    "pareto",
    "parse",
    "paths",
    "place_replicas",
    "primary_backup",
    "read_one_write_all",
    "replication_table",
    "search",
    "thresholds",
    "tree",
    "weighted",
]
