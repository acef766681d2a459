"""Replication protocols message by message, many trials at once, and searches over places by plain loops."""

import itertools

import numpy as np


class Network:
    """Messages between places: half the round trip and a random delay; a disk that takes a random time."""

    def __init__(self, trips, message, storage, trials, seed):
        self.trips = np.asarray(trips)
        self.message, self.storage, self.trials = message, storage, trials
        self.rng = np.random.default_rng(seed)

    def send(self, at, a, b, same=False):
        """When a message sent at `at` arrives; a replica sends itself nothing."""
        return at if same else at + self.trips[a, b] / 2 + self.message(self.rng, self.trials)

    def store(self, at):
        return at + self.storage(self.rng, self.trials)

    @property
    def start(self):
        return np.zeros(self.trials)


def kth(times, k):
    """The k-th smallest of several times, trial by trial."""
    return np.sort(np.array(times), axis=0)[k - 1]


def leader_round(net, at, leader, replicas, quorum, store=True):
    """When the leader knows that a quorum has stored (or heard) its message. Replicas are distinct places here."""
    back = []
    for r in replicas:
        there = net.send(at, leader, r, same=r == leader)
        done = net.store(there) if store else there
        back.append(net.send(done, r, leader, same=r == leader))
    return kth(back, quorum)


def led_commit(net, client, leader, replicas, quorum):
    at = net.send(net.start, client, leader)
    return net.send(leader_round(net, at, leader, replicas, quorum), leader, client)


def led_read(net, client, leader, replicas, quorum, near=None):
    """A read that the leader confirms; `near` is a follower that asks for the client."""
    at = net.send(net.start, client, near if near is not None else leader)
    if near is not None:
        at = net.send(at, near, leader, same=near == leader)
    at = leader_round(net, at, leader, replicas, quorum, store=False)
    if near is not None:
        at = net.send(at, leader, near, same=near == leader)
    return net.send(at, near if near is not None else leader, client)


def primary_backup(net, client, primary, replicas, acks):
    at = net.send(net.start, client, primary)
    own = net.store(at)
    back = [net.send(net.store(net.send(at, primary, r)), r, primary) for r in replicas if r != primary]
    done = np.maximum(own, kth(back, acks)) if acks else own
    return net.send(done, primary, client)


def aurora(net, client, writer, copies, quorum, store=True):
    at = net.send(net.start, client, writer)
    back = []
    for copy in copies:
        there = net.send(at, writer, copy)
        back.append(net.send(net.store(there) if store else there, copy, writer))
    return net.send(kth(back, quorum), writer, client)


def chain(net, client, replicas):
    at = net.start
    for a, b in itertools.pairwise([client, *replicas]):
        at = net.store(net.send(at, a, b))
    return net.send(at, replicas[-1], client)


def coordinated(net, client, near, replicas, fast, slow, slow_rate):
    at = net.send(net.start, client, near)
    first = leader_round(net, at, near, replicas, fast)
    second = leader_round(net, first, near, replicas, slow)
    again = net.rng.random(net.trials) < slow_rate
    return net.send(np.where(again, second, first), near, client)


def fast_paxos(net, client, leader, replicas, fast, classic, rate):
    voted = {r: net.store(net.send(net.start, client, r)) for r in replicas}
    quick = kth([net.send(voted[r], r, client) for r in replicas], fast)
    heard = kth([net.send(voted[r], r, leader, same=r == leader) for r in replicas], classic)
    slow = net.send(leader_round(net, heard, leader, replicas, classic), leader, client)
    return np.where(net.rng.random(net.trials) < rate, slow, quick)


def abd(net, client, replicas, rounds):
    """Rounds that the client makes with a majority: whether each stores something."""
    at = net.start
    for store in rounds:
        back = []
        for r in replicas:
            there = net.send(at, client, r)
            back.append(net.send(net.store(there) if store else there, r, client))
        at = kth(back, len(replicas) // 2 + 1)
    return at


def uncertainty(rng, trials, delay, drift, poll):
    """A sawtooth looked at at random."""
    return delay + drift * (rng.random(trials) * poll)


def spanner_round(net, at, leader, replicas, clock, overlapped=True):
    """Paxos and the commit wait: step the clock until its early end has passed the timestamp."""
    paxos = leader_round(net, at, leader, replicas, len(replicas) // 2 + 1)
    error = uncertainty(net.rng, net.trials, *clock)
    begin = at if overlapped else paxos
    latest = begin + error  # the clock is right in the middle of its interval
    return np.maximum(paxos, latest + error)  # until now - error > latest


def spanner_commit(net, client, leader, replicas, clock, overlapped=True):
    at = net.send(net.start, client, leader)
    return net.send(spanner_round(net, at, leader, replicas, clock, overlapped), leader, client)


def two_phase_commit(net, client, groups, parallel=False, per_participant=0.0, clock=None):
    """Groups are pairs of a leader and its replicas, majorities; the first one coordinates."""
    lead = groups[0][0]
    at = net.send(net.start, client, lead) + per_participant * len(groups)
    prepared = []
    for leader, replicas in groups[1:]:
        there = net.send(at, lead, leader)
        done = leader_round(net, there, leader, replicas, len(replicas) // 2 + 1)
        prepared.append(net.send(done, leader, lead))
    begin = at if parallel else np.max([at, *prepared], axis=0)
    if clock is None:
        own = leader_round(net, begin, lead, groups[0][1], len(groups[0][1]) // 2 + 1)
    else:
        own = spanner_round(net, begin, lead, groups[0][1], clock)
    return net.send(np.max([own, *prepared], axis=0), lead, client)


def batch_waits(rng, window, rate, batches):
    """Waiting times of all requests of many batches: a request opens a batch, and some join before it is sent."""
    waits = []
    for _ in range(batches):
        at = 0.0
        while at < window:
            waits.append(window - at)
            at += rng.exponential(1 / rate)
    return np.array(waits)


def placements(between, reach, weights, n, quorum, leaderless=False, read_share=0.0, nearest=False, p=0.0):
    """Every set of places and its objective for the best leader."""
    m, out = len(between), {}
    for members in itertools.combinations(range(m), n):
        found = []
        for leader in members:
            times, shares = [], []
            for row, weight in zip(reach, weights, strict=True):
                near = min(members, key=lambda i, row=row: row[i])
                lead = near if leaderless else leader
                commit = row[lead] + sorted(between[lead][i] for i in members)[quorum - 1]
                read = row[near] if nearest or leaderless else row[leader]
                times += [commit, read]
                shares += [(1 - read_share) * weight, read_share * weight]
            if p:
                order = sorted((t, s) for t, s in zip(times, shares, strict=True) if s > 0)
                total = np.cumsum([s for _, s in order])
                found.append(order[int(np.argmax(total >= p - 1e-12))][0])
            else:
                found.append(sum(t * s for t, s in zip(times, shares, strict=True)))
        out[members] = min(found)
    return out
