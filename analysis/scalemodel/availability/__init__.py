"""What still works, and what is lost, when things fail?"""

from .detectors import FailureDetector, FixedTimeout, PhiAccrual, Swim, compare_detectors
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

__all__ = [
    "Election",
    "ElectionDowntime",
    "ElectionTuning",
    "FailoverBudget",
    "FailureDetector",
    "FixedTimeout",
    "LeaseElection",
    "PhiAccrual",
    "RaftElection",
    "Swim",
    "compare_detectors",
    "election_downtime",
    "exceeds",
    "expected_downtime",
    "failover_budget",
    "losses_within",
    "split_vote_probability",
    "tune_election",
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
from .durability import Burst, Durability, Repair, durability, latent_errors, mttdl, window_loss_probability
from .lifetimes import SimulatedDurability, simulate_durability

__all__ = [
    "LRC",
    "Burst",
    "Code",
    "CopysetLoss",
    "Durability",
    "ReedSolomon",
    "Repair",
    "Replicas",
    "SimulatedDurability",
    "SimulatedLoss",
    "copyset_loss",
    "durability",
    "k_of_n_unavailability",
    "latent_errors",
    "mttdl",
    "simulate_copyset_loss",
    "simulate_durability",
    "spread_unavailability",
    "window_loss_probability",
]
