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
]
