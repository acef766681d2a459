"""What still works, and what is lost, when things fail?"""

from .elections import (
    Election,
    ElectionDowntime,
    LeaseElection,
    RaftElection,
    election_downtime,
    expected_downtime,
    split_vote_probability,
)

__all__ = [
    "Election",
    "ElectionDowntime",
    "LeaseElection",
    "RaftElection",
    "election_downtime",
    "expected_downtime",
    "split_vote_probability",
]
