"""What still works, and what is lost, when nodes, zones and links fail?

Probabilities of being down are kept as such, and keep their digits at 1e-18.

>>> f"{k_of_n_unavailability(2, [1e-3, 1e-3, 1e-3]):.6e}"
'2.998000e-06'
>>> f"{durability(ReedSolomon(6, 3), afr=0.02, repair=6 * 3600).nines:.2f}"
'13.59'
"""

from .codes import LRC, Code, ReedSolomon, Replicas
from .copysets import CopysetLoss, SimulatedLoss, copyset_loss, simulate_copyset_loss
from .counts import k_of_n_unavailability, spread_unavailability
from .detectors import FailureDetector, FixedTimeout, PhiAccrual, Swim, compare_detectors
from .durability import Burst, Durability, Repair, durability, latent_errors, mttdl, window_loss_probability
from .elections import (
    Election,
    ElectionDowntime,
    LeaseElection,
    RaftElection,
    election_downtime,
    expected_downtime,
    split_vote_probability,
)
from .failover import ElectionTuning, FailoverBudget, exceeds, failover_budget, losses_within, tune_election
from .failures import Failures, Maintenance, Shared, down_from_afr, down_from_mtbf, down_from_sla
from .lifetimes import SimulatedDurability, simulate_durability
from .nines import SystemUnavailability, replica_nodes, replica_quorums, unavailability
from .partitions import PartitionUnavailability, partition_unavailability
from .slo import (
    ErrorBudget,
    Sla,
    composed_unavailability,
    error_budget,
    fallback,
    miss_probability,
    parallel,
    read_slas,
    series,
)

__all__ = [
    "LRC",
    "Burst",
    "Code",
    "CopysetLoss",
    "Durability",
    "Election",
    "ElectionDowntime",
    "ElectionTuning",
    "ErrorBudget",
    "FailoverBudget",
    "FailureDetector",
    "Failures",
    "FixedTimeout",
    "LeaseElection",
    "Maintenance",
    "PartitionUnavailability",
    "PhiAccrual",
    "RaftElection",
    "ReedSolomon",
    "Repair",
    "Replicas",
    "Shared",
    "SimulatedDurability",
    "SimulatedLoss",
    "Sla",
    "Swim",
    "SystemUnavailability",
    "compare_detectors",
    "composed_unavailability",
    "copyset_loss",
    "down_from_afr",
    "down_from_mtbf",
    "down_from_sla",
    "durability",
    "election_downtime",
    "error_budget",
    "exceeds",
    "expected_downtime",
    "failover_budget",
    "fallback",
    "k_of_n_unavailability",
    "latent_errors",
    "losses_within",
    "miss_probability",
    "mttdl",
    "parallel",
    "partition_unavailability",
    "read_slas",
    "replica_nodes",
    "replica_quorums",
    "series",
    "simulate_copyset_loss",
    "simulate_durability",
    "split_vote_probability",
    "spread_unavailability",
    "tune_election",
    "unavailability",
    "window_loss_probability",
]
