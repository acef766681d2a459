"""Where does a key live?

Placements map keys to nodes, all through one interface: `lookup`, `replicas`, `add`, `remove`, `ownership`.
`balance` tells how evenly one spreads the load, `movement` what a change of nodes moves, `ring_law` what a ring does
before any point is drawn. `Tablets` are key ranges that split and merge, `hot_key_relief` tells what helps against hot
keys, `transaction_fan_out` what several keys cost, `headroom` how many nodes an uneven load needs.

>>> ring = HashRing(Topology.grid(zones=3, nodes=4), vnodes=256)
>>> balance(ring).peak_to_mean, movement(ring, ring.remove("a-1")).needless  # doctest: +SKIP
(1.09, 0.0)
"""

from ..topology import Topology
from .anchor import AnchorHash
from .balance import Balance, BalanceOverSeeds, BalanceReport, balance, balance_over_seeds, balance_report
from .binomial import BinomialHash
from .bounded_load import BoundedAssignment, BoundedLoad
from .cassandra import CassandraRing
from .choices import Dispatch, DispatchQueue, choices_queue_tail, choices_tail, dispatch, dispatch_queue
from .compare import Comparison, compare
from .copysets import Copysets
from .crush import Crush
from .crush_map import CrushMap
from .dx import DxHash
from .fan_out import FanOut, JoinCost, join_cost, traced_fan_out, transaction_fan_out
from .flip import FlipHash
from .headroom import Headroom, headroom
from .hot_keys import (
    HotKeyRelief,
    cache_entries_for_any_workload,
    cache_entries_for_peak,
    hot_key_relief,
    worst_peak_with_cache,
)
from .jump import JumpHash
from .jumpback import JumpBackHash
from .ketama import Ketama
from .maglev import Maglev
from .memento import MementoHash
from .movement import Movement, RebalanceTime, moved_ranges, moved_slots, movement, one_fewer, one_more, rebalance_time
from .multi_probe import MultiProbe
from .neighbours import Neighbours, expected_neighbours, neighbours, outage_rate
from .occupancy import expected_fullest, expected_touched, fullest_law, touched_law
from .partition_table import PartitionTable
from .placement import Placement
from .power import PowerHash
from .redis_slots import RedisSlots
from .rendezvous import Rendezvous
from .ring import HashRing
from .ring_law import (
    expected_peak_to_mean,
    ownership_cv,
    peak_to_mean_cdf,
    peak_to_mean_quantile,
    share_quantile,
    vnodes_for_peak,
)
from .schemes import SCHEMES, build, restore, scheme_options
from .shards import ShardLoads, shard_loads
from .shuffle_sharding import Isolation, ShuffleSharding
from .tablet_placement import TabletPlacement
from .tablets import LIMITS, HotTablets, Limits, Tablets

__all__ = [
    "LIMITS",
    "SCHEMES",
    "AnchorHash",
    "Balance",
    "BalanceOverSeeds",
    "BalanceReport",
    "BinomialHash",
    "BoundedAssignment",
    "BoundedLoad",
    "CassandraRing",
    "Comparison",
    "Copysets",
    "Crush",
    "CrushMap",
    "Dispatch",
    "DispatchQueue",
    "DxHash",
    "FanOut",
    "FlipHash",
    "HashRing",
    "Headroom",
    "HotKeyRelief",
    "HotTablets",
    "Isolation",
    "JoinCost",
    "JumpBackHash",
    "JumpHash",
    "Ketama",
    "Limits",
    "Maglev",
    "MementoHash",
    "Movement",
    "MultiProbe",
    "Neighbours",
    "PartitionTable",
    "Placement",
    "PowerHash",
    "RebalanceTime",
    "RedisSlots",
    "Rendezvous",
    "ShardLoads",
    "ShuffleSharding",
    "TabletPlacement",
    "Tablets",
    "Topology",
    "balance",
    "balance_over_seeds",
    "balance_report",
    "build",
    "cache_entries_for_any_workload",
    "cache_entries_for_peak",
    "choices_queue_tail",
    "choices_tail",
    "compare",
    "dispatch",
    "dispatch_queue",
    "expected_fullest",
    "expected_neighbours",
    "expected_peak_to_mean",
    "expected_touched",
    "fullest_law",
    "headroom",
    "hot_key_relief",
    "join_cost",
    "moved_ranges",
    "moved_slots",
    "movement",
    "neighbours",
    "one_fewer",
    "one_more",
    "outage_rate",
    "ownership_cv",
    "peak_to_mean_cdf",
    "peak_to_mean_quantile",
    "rebalance_time",
    "restore",
    "scheme_options",
    "shard_loads",
    "share_quantile",
    "touched_law",
    "traced_fan_out",
    "transaction_fan_out",
    "vnodes_for_peak",
    "worst_peak_with_cache",
]
