"""Elections, event by event with a heap: messages and timers as objects, in plain Python."""

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Draw = Callable[[str, int, int], float]
"""A uniform number by what it is for, whom, and which of these."""


@dataclass
class Member:
    deadline: float = 0.0
    lease: float = -math.inf
    phase: float = 0.0
    term: int = 0
    voted: "int | None" = None
    role: str = "follower"
    timers: int = 0
    granted: int = 0
    campaign: int = -1


@dataclass
class Group:
    """A group, in the words of `RaftElection`; laws are quantile functions, delays a matrix."""

    members: int
    alive: "list[int]"
    leader: "int | None"
    low: "list[float]"
    high: "list[float]"
    heartbeat: float
    jitter: Callable[[float], float]
    disk: Callable[[float], float]
    delays: "list[list[float]]"
    logs: "list[int]"
    priorities: "list[int]"
    tick: float = 0.0
    hold: "float | None" = None
    pre_vote: bool = False
    reset_by_term: bool = False
    ballots: bool = False
    commit: bool = False
    state: "dict[int, Member]" = field(default_factory=dict)

    @property
    def quorum(self) -> int:
        return self.members // 2 + 1

    def willing(self, candidate: int, voter: int) -> bool:
        if self.logs[candidate] != self.logs[voter]:
            return self.logs[candidate] > self.logs[voter]
        return self.priorities[candidate] >= self.priorities[voter]

    def later(self, since: float, timeout: float, member: Member) -> float:
        if not self.tick:
            return since + timeout
        return self.tick * (math.floor(since / self.tick - member.phase) + member.phase + timeout)

    def set_timer(self, v: int, since: float, draw: Draw) -> None:
        member = self.state[v]
        u = draw("timeout", v, member.timers)
        if self.tick:
            timeout = self.low[v] + math.floor(u * (self.high[v] - self.low[v] + 1))
        else:
            timeout = self.low[v] + u * (self.high[v] - self.low[v])
        member.deadline = self.later(since, timeout, member)
        member.timers += 1

    def elect(self, draw: Draw, limit: float) -> "tuple[float, int]":
        """Return when somebody leads (or commits), and its term."""
        age = self.heartbeat * draw("age", 0, 0)
        self.state = {v: Member() for v in self.alive}
        for v, member in self.state.items():
            if self.tick:
                member.phase = draw("phase", v, 0)
            heard = 0.0
            if self.leader is not None:
                heard = self.delays[self.leader][v] + self.jitter(draw("heartbeat", v, 0)) - age
                if self.hold is not None:
                    member.lease = self.later(heard, self.hold, member)
            self.set_timer(v, heard, draw)
        post: list = []  # (time, number, kind, from, to, term, campaign)
        numbers, campaigns = itertools.count(), itertools.count()

        def ask(c: int, now: float, in_earnest: bool) -> None:
            member, which = self.state[c], next(campaigns)
            term = member.term + 1
            if self.ballots:
                term = (member.term // self.members + 1) * self.members + c
            member.role, member.granted, member.campaign = "pre-candidate", 1, which
            if in_earnest:
                member.role, member.term, member.voted = "candidate", term, c
                now += self.disk(draw("own write", c, which))
            for v in self.alive:
                if v != c:
                    arrival = now + self.delays[c][v] + self.jitter(draw("request", v, which))
                    kind = "vote?" if in_earnest else "would you?"
                    heapq.heappush(post, (arrival, next(numbers), kind, c, v, term, which))

        while True:
            timer = min(self.alive, key=lambda v: (self.state[v].deadline, v))
            if min(self.state[timer].deadline, post[0][0] if post else math.inf) > limit:
                return limit, -1
            if not post or self.state[timer].deadline < post[0][0]:
                now = self.state[timer].deadline
                self.set_timer(timer, now, draw)
                self.state[timer].lease = -math.inf
                ask(timer, now, not self.pre_vote)
                continue
            now, _, kind, c, v, term, which = heapq.heappop(post)
            member = self.state[v]

            def answer(what: str, told: int, when: float, c=c, v=v, which=which) -> None:
                when += self.delays[v][c] + self.jitter(draw("reply", v, which))
                heapq.heappush(post, (when, next(numbers), what, v, c, told, which))

            if kind in ("vote?", "would you?") and now < member.lease:
                continue
            if kind == "would you?":
                if self.willing(c, v) and (term > member.term or (term == member.term and member.voted is None)):
                    answer("would", term, now)
                elif term <= member.term:
                    answer("later term", member.term, now)
            elif kind == "vote?" and term < member.term:
                answer("later term", member.term, now)
            elif kind in ("vote?", "later term"):
                reset = False
                if term > member.term:
                    member.term, member.voted, member.role = term, None, "follower"
                    if kind == "vote?":
                        member.lease = -math.inf
                    reset = self.reset_by_term
                if kind == "vote?" and member.voted is None and self.willing(c, v):
                    member.voted, reset = c, True
                    answer("vote", term, now + self.disk(draw("write", v, which)))
                if reset:
                    self.set_timer(v, now, draw)
            elif which == member.campaign:
                wanted = {"would": "pre-candidate", "vote": "candidate"}[kind]
                if member.role == wanted:
                    member.granted += 1
                    if member.granted == self.quorum and kind == "would":
                        self.set_timer(v, now, draw)
                        ask(v, now, in_earnest=True)
                    elif member.granted == self.quorum:
                        if self.commit:
                            now += self.first_commit(v, draw, next(campaigns))
                        return now, member.term // (self.members if self.ballots else 1)

    def first_commit(self, leader: int, draw: Draw, which: int) -> float:
        done = []
        for v in self.alive:
            took = self.disk(draw("write", v, which))
            if v != leader:
                there, back = self.jitter(draw("request", v, which)), self.jitter(draw("reply", v, which))
                took += self.delays[leader][v] + there + self.delays[v][leader] + back
            done.append(took)
        return sorted(done)[self.quorum - 1]


def split_vote(voters: int, members: int, delay: float, steps: int = 20_000) -> float:
    """The chance that too many others time out before the first one's request arrives, by integration over it."""
    rivals = voters - members // 2
    total = 0.0
    for k in range(steps):
        first = (k + 0.5) / steps
        near = min(1.0, delay / (1 - first))
        tail = sum(math.comb(voters - 1, j) * near**j * (1 - near) ** (voters - 1 - j) for j in range(rivals, voters))
        total += voters * (1 - first) ** (voters - 1) * tail / steps
    return total


def detection_times(
    interval: float, timeout: float, delay: Callable[[], float], loss: float, random: Callable[[], float], trials: int
) -> "list[float]":
    """Crash a sender of heartbeats at random times, and wait until the timeout has passed since the last arrival."""
    times = []
    for _ in range(trials):
        age = interval * random()
        arrivals = [-age - k * interval + delay() for k in range(60) if random() >= loss]
        times.append(max(0.0, max(arrivals) + timeout))
    return times


def mistakes(
    interval: float, timeout: float, delay: Callable[[], float], loss: float, random: Callable[[], float], beats: int
) -> float:
    """Watch a healthy sender, and return how often, per second, silence lasts longer than the timeout."""
    arrivals = sorted(k * interval + delay() for k in range(beats) if random() >= loss)
    return sum(b - a > timeout for a, b in itertools.pairwise(arrivals)) / (beats * interval)


def swim_detection(members: int, random: "np.random.Generator", trials: int, in_turn: bool) -> "list[float]":
    """Periods from a failure to the end of the first probe; all others probe once a period, at times of their own."""
    times = []
    for _ in range(trials):
        soonest = math.inf
        for _ in range(members - 1):
            others = members - 1
            phase = float(random.random())  # until this member's next probe
            if in_turn:
                here = int(random.integers(others))  # the place in its round of the next probe
                rounds = [int(random.integers(others)) for _ in range(2)]
                periods = rounds[0] - here if rounds[0] >= here else others - here + rounds[1]
            else:
                periods = int(random.geometric(1 / others)) - 1
            soonest = min(soonest, phase + periods)
        times.append(soonest + 1)
    return times


def compound_poisson_exceeds(
    size: Callable[[], float], losses: float, budget: float, random: "np.random.Generator", trials: int
) -> float:
    """How often so many losses, as chance has them, are longer than a budget in all."""
    return sum(sum(size() for _ in range(random.poisson(losses))) > budget for _ in range(trials)) / trials
