"""Elections, one after the other: a fast way through those that the first candidate wins, and an event loop.

Members are numbered from 0. All randomness is a function of ``(key, election, kind, member, count)``, so the two ways
draw the same numbers, and so does anybody who runs some of the elections only.

``table`` holds two laws, of a message's jitter and of a disk write: `CELLS` + 1 quantiles at equal steps of p, then as
many again at equal steps within the last cell; in between they are interpolated.
"""

import math

import numpy as np

from scalemodel._jit import kernel
from scalemodel._kernels.hashing import splitmix64

CELLS = 4096
ROW = 2 * (CELLS + 1)

# not Python's integers, for each of which numba would compile a helper anew
AGE, TIMEOUT, PHASE, REQUEST, WRITE, REPLY, OWN_WRITE, HEARTBEAT = np.arange(8)
"""What is drawn; the campaign, or the timer, that it is drawn for is the count."""

PRE_ASK, ASK, PRE_YES, YES, NOTICE = np.arange(5)
"""Messages: asking for a vote, granting it, telling of a later term."""

FOLLOWER, PRE_CANDIDATE, CANDIDATE = np.arange(3)

JITTER, DISK = np.arange(2)
NONE, ZERO = np.arange(-1, 1)

U64 = np.uint64
_STEP = U64(0x9E3779B97F4A7C15)
_NEVER = 1e300


@kernel
def uniform(state, kind, member, count):
    """Draw from [0, 1) by number; members are below 64."""
    number = U64(kind + 8 * (member + 64 * count))
    return np.float64(splitmix64(state + number * _STEP) >> U64(11)) * 2.0**-53


@kernel
def drawn(table, law, u):
    """Return the quantile of a law at `u`."""
    at = law * ROW
    x = u * CELLS
    cell = int(x)
    if cell == CELLS - 1:
        x = (x - cell) * CELLS
        cell = int(x)
        at += CELLS + 1
    low = table[at + cell]
    return low + (x - cell) * (table[at + cell + 1] - low)


@kernel
def after(since, timeout, tick, phase):
    """Return when a timer fires that was set at `since`: in ticks, it counts those of its own clock that follow."""
    if tick == 0.0:
        return since + timeout
    return tick * (math.floor(since / tick - phase) + phase + timeout)


@kernel
def timeout_of(state, member, count, low, high, tick):
    """Draw a timeout: of a range, or a whole number of ticks, both ends included."""
    u = uniform(state, TIMEOUT, member, count)
    if tick == 0.0:
        return low[member] + u * (high[member] - low[member])
    return low[member] + math.floor(u * (high[member] - low[member] + 1.0))


@kernel
def set_timer(state, v, since, deadline, timers, low, high, tick, phase):
    """Set the timer of a member, which counts its timers."""
    timeout = timeout_of(state, v, timers[v], low, high, tick)
    deadline[v] = after(since, timeout, tick, phase[v])
    timers[v] += 1


@kernel
def post(times, mail, waiting, number, time, kind, sender, to, term, campaign):
    """Put a message, the `number`-th of its election, on its way, and return how many are; a full post loses it."""
    if waiting == len(times):
        return waiting
    times[waiting] = time
    mail[waiting, 0], mail[waiting, 1], mail[waiting, 2] = kind, sender, to
    mail[waiting, 3], mail[waiting, 4], mail[waiting, 5] = term, campaign, number
    return waiting + 1


@kernel
def insert(ordered, count, value):
    """Put a value in its place among the first `count`, and return how many there are now."""
    k = count
    while k > 0 and ordered[k - 1] > value:
        ordered[k] = ordered[k - 1]
        k -= 1
    ordered[k] = value
    return count + 1


@kernel
def fast(
    state, alive, quorum, willing, base, table, low, high, tick, hold, pre_vote, deadline, lease, phase, least, votes
):
    """Return when the first candidate wins, or -1 if anybody may have come in its way.

    It wins undisturbed if its requests reach everybody's before their timers fire, and those that will not vote for it
    stay quiet until it has won. ``votes`` is room for the answers, ``float64[n]``.
    """
    c = alive[0]
    for v in alive:
        if deadline[v] < deadline[c]:
            c = v
    now = deadline[c]
    asked = ZERO
    if pre_vote:
        got = ZERO
        for v in alive:
            if v != c:
                arrival = now + (base[c, v] + drawn(table, JITTER, uniform(state, REQUEST, v, ZERO)))
                if not willing[c, v] or (hold and arrival < lease[v]):
                    continue
                answer = arrival + (base[v, c] + drawn(table, JITTER, uniform(state, REPLY, v, ZERO)))
                got = insert(votes, got, answer)
        if got < quorum - 1:
            return -1.0
        won = votes[quorum - 2] if quorum > 1 else now
        if won >= now + least:
            return -1.0
        for v in alive:
            if v != c and deadline[v] <= won:
                return -1.0
        now = won
        asked = 1
    sent = now + drawn(table, DISK, uniform(state, OWN_WRITE, c, asked))
    got = ZERO
    for v in alive:
        if v != c:
            arrival = sent + (base[c, v] + drawn(table, JITTER, uniform(state, REQUEST, v, asked)))
            if not willing[c, v] or (hold and arrival < lease[v]):
                continue
            answer = arrival + drawn(table, DISK, uniform(state, WRITE, v, asked))
            answer += base[v, c] + drawn(table, JITTER, uniform(state, REPLY, v, asked))
            got = insert(votes, got, answer)
    if got < quorum - 1:
        return -1.0
    won = votes[quorum - 2] if quorum > 1 else sent
    if won >= now + least:
        return -1.0
    for v in alive:
        if v != c and deadline[v] <= won:
            arrival = sent + (base[c, v] + drawn(table, JITTER, uniform(state, REQUEST, v, asked)))
            if not willing[c, v] or (hold and arrival < lease[v]) or deadline[v] <= arrival:
                return -1.0
    return won


@kernel
def follow(
    state, alive, quorum, willing, base, table, low, high, tick, holds, pre_vote, stride, resets_by_term, limit,
    deadline, lease, phase, term, voted, role, timers, granted, campaign, times, mail,
):  # fmt: skip
    """Follow one election event by event; return its end (-1 if past `limit`), its winner and its campaigns."""
    for v in alive:
        term[v] = role[v] = granted[v] = 0
        voted[v] = campaign[v] = -1
        timers[v] = 1
    asked = waiting = number = ZERO
    while True:
        # the earliest message, of those at one time the first sent; else a timer
        at, now, who = NONE, _NEVER, NONE
        for k in range(waiting):
            if times[k] < now or (times[k] == now and mail[k, 5] < mail[at, 5]):
                at, now = k, times[k]
        for v in alive:
            if deadline[v] < now:
                now, who = deadline[v], v
        if now > limit:
            return -1.0, NONE, asked
        candidate, earnest = NONE, not pre_vote or quorum == 1
        if who >= 0:
            set_timer(state, who, now, deadline, timers, low, high, tick, phase)
            lease[who] = -_NEVER
            candidate = who
        else:
            kind, c, v, of, camp = mail[at, 0], mail[at, 1], mail[at, 2], mail[at, 3], mail[at, 4]
            waiting -= 1
            times[at] = times[waiting]
            for k in range(6):
                mail[at, k] = mail[waiting, k]
            answer, told, when, reset = NONE, of, now, False
            if kind <= ASK:
                if holds and now < lease[v]:
                    continue
                if of < term[v] or (kind == PRE_ASK and of == term[v] and (voted[v] >= 0 or not willing[c, v])):
                    answer, told = NOTICE, term[v]
                elif kind == PRE_ASK:
                    if willing[c, v]:
                        answer = PRE_YES
                else:
                    if of > term[v]:
                        term[v], voted[v], role[v] = of, -1, FOLLOWER
                        lease[v] = -_NEVER
                        reset = resets_by_term
                    if voted[v] < 0 and willing[c, v]:
                        voted[v] = c
                        reset = True
                        answer = YES
                        when += drawn(table, DISK, uniform(state, WRITE, v, camp))
                if answer >= 0:
                    when += base[v, c] + drawn(table, JITTER, uniform(state, REPLY, v, camp))
                    waiting = post(times, mail, waiting, number, when, answer, v, c, told, camp)
                    number += 1
            elif kind == NOTICE:
                if of > term[v]:
                    term[v], voted[v], role[v] = of, -1, FOLLOWER
                    reset = resets_by_term
            elif camp == campaign[v] and role[v] == (PRE_CANDIDATE if kind == PRE_YES else CANDIDATE):
                granted[v] += 1
                if granted[v] == quorum:
                    if kind == YES:
                        return now, v, asked
                    candidate, earnest, reset = v, True, True
            if reset:
                set_timer(state, v, now, deadline, timers, low, high, tick, phase)
        if candidate >= 0:
            c, kind, sent = candidate, PRE_ASK, now
            role[c] = PRE_CANDIDATE
            of = (term[c] // stride + 1) * stride + c % stride
            if earnest:
                term[c], voted[c], role[c], kind = of, c, CANDIDATE, ASK
                sent += drawn(table, DISK, uniform(state, OWN_WRITE, c, asked))
                if quorum == 1:
                    return sent, c, asked + 1
            granted[c], campaign[c] = 1, asked
            for v in alive:
                if v != c:
                    arrival = sent + (base[c, v] + drawn(table, JITTER, uniform(state, REQUEST, v, asked)))
                    waiting = post(times, mail, waiting, number, arrival, kind, c, v, of, asked)
                    number += 1
            asked += 1


@kernel
def first_commit(state, alive, quorum, base, table, leader, asked, votes):
    """Return how long the new leader's first entry takes to the disks of a quorum, its own among them."""
    got = ZERO
    for v in alive:
        answer = drawn(table, DISK, uniform(state, WRITE, v, asked))
        if v != leader:
            there = base[leader, v] + drawn(table, JITTER, uniform(state, REQUEST, v, asked))
            answer += there + base[v, leader] + drawn(table, JITTER, uniform(state, REPLY, v, asked))
        got = insert(votes, got, answer)
    return votes[quorum - 1]


@kernel
def run(
    key,
    alive,
    leader,
    quorum,
    willing,
    base,
    table,
    low,
    high,
    tick,
    heartbeat,
    hold,
    pre_vote,
    stride,
    resets_by_term,
    commits,
    limit,
    skip_fast,
    seconds,
    terms,
):
    """Fill in the seconds until there is a leader (or a first commit) and the terms that took, per election.

    Parameters
    ----------
    key : uint64
        Of the stream.
    alive : int64[m]
        Who takes part.
    leader : int
        Who is lost at time 0, its last heartbeat at most `heartbeat` ago; -1 if all start at time 0 instead.
    willing : bool[n, n]
        Whether the first may get the vote of the second.
    base : float64[n, n]
        One-way delays in seconds, to which jitter is added.
    low, high : float64[n]
        Timeouts in seconds, or in ticks where `tick` is not 0.
    hold : float64[1] or float64[0]
        How long after a heartbeat voters ignore candidates, as a timeout; empty if they do not.
    stride : int
        1 for Raft's terms; more for ballots that differ between members, as Paxos has.
    resets_by_term : bool
        Whether a later term sets the timer anew, also where the vote is not granted.
    limit : float
        Elections that take longer end there, with -1 terms.
    """
    n = len(base)
    capacity = 64 * n
    times = np.empty(capacity)
    mail = np.empty((capacity, 6), np.int64)  # kind, sender, to, term, campaign, number
    deadline, lease, phase, votes = np.empty(n), np.empty(n), np.zeros(n), np.empty(n)
    term, voted, role = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    timers, granted, campaign = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    holds = len(hold) > 0
    held = hold[0] if holds else 0.0
    least = low[alive[0]]
    for v in alive:
        least = min(least, low[v])
    if tick > 0.0:
        least = (least - 1.0) * tick
    for i in range(len(seconds)):
        state = splitmix64(key + U64(i) * _STEP)
        age = heartbeat * uniform(state, AGE, ZERO, ZERO)
        for v in alive:
            if tick > 0.0:
                phase[v] = uniform(state, PHASE, v, ZERO)
            heard = 0.0
            lease[v] = -_NEVER
            if leader >= 0:
                heard = base[leader, v] + drawn(table, JITTER, uniform(state, HEARTBEAT, v, ZERO)) - age
                if holds:
                    lease[v] = after(heard, held, tick, phase[v])
            deadline[v] = after(heard, timeout_of(state, v, ZERO, low, high, tick), tick, phase[v])
        now = -1.0
        if not skip_fast:
            now = fast(
                state, alive, quorum, willing, base, table, low, high, tick, holds, pre_vote, deadline, lease, phase,
                least, votes,
            )  # fmt: skip
        asked = ZERO + 2 if pre_vote else ZERO + 1
        terms[i] = 1
        winner = NONE
        if now >= 0.0:
            if commits:
                winner = alive[0]
                for v in alive:
                    if deadline[v] < deadline[winner]:
                        winner = v
        else:
            now, winner, asked = follow(
                state, alive, quorum, willing, base, table, low, high, tick, holds, pre_vote, stride, resets_by_term,
                limit, deadline, lease, phase, term, voted, role, timers, granted, campaign, times, mail,
            )  # fmt: skip
            if winner < 0:
                seconds[i], terms[i] = limit, -1
                continue
            terms[i] = term[winner] // stride
        if commits:
            now += first_commit(state, alive, quorum, base, table, winner, asked, votes)
        seconds[i] = now
