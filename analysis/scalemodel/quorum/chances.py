"""The probability that what is up holds a quorum: exact, and exact in its small tail too.

One walk over an expression without repeated nodes, a sweep over a decision diagram otherwise. Both only add and
multiply probabilities, so that 1e-18 keeps its digits. Many cases are computed at once (times, for a latency).

Failure domains that several parts of a gate share make these parts dependent. The walk goes through what may have
happened to such domains at the innermost gate that spans them; where all parts are nodes, it adds up votes domain by
domain instead, which takes any number of nested domains.

References
----------
Barlow and Heidtmann, "Computing k-out-of-n system reliability", IEEE Transactions on Reliability R-33 (1984).
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._kernels import diagram as kernels
from .diagram import Diagram
from .expression import Expression, Gate, Node, unique_nodes

Floats = NDArray[np.float64]

MOST_SPANNING = 14
"""Failure domains that one gate may condition on: twice the work for each."""


@dataclass(frozen=True)
class Domain:
    """A failure domain: with probability `down` all its members are down together."""

    name: str
    members: frozenset[Node]
    down: float


def tails(expression: Expression, down: Mapping[Node, Floats], up: Mapping[Node, Floats]) -> tuple[Floats, Floats]:
    """Return the probabilities that there is no quorum, and that there is one, when nodes fail independently.

    Parameters
    ----------
    expression : Expression
        The quorums.
    down, up : mapping of Node to float64[cases]
        Probability that the node is down, and that it is up.
    """
    if expression.read_once:
        both = _Walk(down, up, ()).joint(expression, expression, {})
        return both[0, 0], both[1, 1]
    diagram = Diagram.of(expression)
    answers = kernels.probabilities(
        *diagram.arrays(diagram.expression_root),
        np.array([down[node] for node in diagram.nodes]),
        np.array([up[node] for node in diagram.nodes]),
    )
    return answers[0], answers[1]


def joint_tails(first: Expression, second: Expression, down: Mapping[Node, float], domains: Sequence[Domain]) -> Floats:
    """Return ``float64[2, 2]``: the probability for each answer of the first and the second, no before yes."""
    domains = tuple(domain for domain in domains if domain.down > 0)
    if aligned(first, second) and first.read_once:
        given = {node: np.array([p]) for node, p in down.items()}
        up = {node: np.array([1 - p]) for node, p in down.items()}
        try:
            return _Walk(given, up, domains).joint(first, second, {})[:, :, 0]
        except _Spanning:
            pass
    return _by_diagram(first, second, down, domains)


def aligned(first: Expression, second: Expression) -> bool:
    """Tell whether both have the same parts and votes, and differ in thresholds only, as an expression and its dual."""
    if isinstance(first, Node) or isinstance(second, Node):
        return first == second
    assert isinstance(first, Gate)
    assert isinstance(second, Gate)
    return (
        len(first.parts) == len(second.parts)
        and first.votes == second.votes
        and all(map(aligned, first.parts, second.parts))
    )


class _Spanning(Exception):
    """A gate spans too many failure domains."""


class _Walk:
    """The recursion over two aligned expressions; arrays are ``[no or yes, no or yes, cases]``."""

    def __init__(self, down: Mapping[Node, Floats], up: Mapping[Node, Floats], domains: Sequence[Domain]) -> None:
        self.down, self.up, self.domains = down, up, domains

    def joint(self, first: Expression, second: Expression, fallen: Mapping[Domain, NDArray[np.bool_]]) -> Floats:
        """Return the joint probabilities, given for each case which domains are down."""
        if isinstance(first, Node):
            return self._leaf(first, fallen)
        assert isinstance(first, Gate)
        assert isinstance(second, Gate)
        if all(isinstance(part, Node) for part in first.parts):
            counted = self._count(first, second, fallen)
            if counted is not None:
                return counted
        inside = [frozenset(part.leaves()) for part in first.parts]
        spanning = [
            domain
            for domain in self.domains
            if domain not in fallen and sum(not domain.members.isdisjoint(part) for part in inside) > 1
        ]
        if len(spanning) > MOST_SPANNING:
            raise _Spanning
        fallen, weights = self._expand(spanning, fallen)
        state = None
        for one, two, vote in zip(first.parts, second.parts, first.votes, strict=True):
            part = self.joint(one, two, fallen)
            if state is None:
                state = np.zeros((first.kills + 1, second.kills + 1, part.shape[-1]))
                state[0, 0] = 1.0
            state = (
                part[1, 1] * state
                + part[0, 1] * _moved(state, vote, 0)
                + part[1, 0] * _moved(state, 0, vote)
                + part[0, 0] * _moved(state, vote, vote)
            )
        assert state is not None
        lost, kept = state[-1], state[:-1].sum(axis=0)
        answers = np.array([[lost[-1], lost[:-1].sum(axis=0)], [kept[-1], kept[:-1].sum(axis=0)]])
        return answers if weights is None else (answers.reshape(2, 2, -1, len(weights)) * weights).sum(axis=-1)

    def _expand(
        self, domains: Sequence[Domain], fallen: Mapping[Domain, NDArray[np.bool_]]
    ) -> tuple[Mapping[Domain, NDArray[np.bool_]], Floats | None]:
        """Multiply the cases by all that may have happened to the domains, and return what each is worth."""
        if not domains:
            return fallen, None
        states = np.array(list(itertools.product([False, True], repeat=len(domains))))
        chances = np.array([domain.down for domain in domains])
        weights = np.where(states, chances, 1 - chances).prod(axis=1)
        cases = self._cases(fallen)
        more = {domain: np.repeat(state, len(weights)) for domain, state in fallen.items()}
        return more | {domain: np.tile(states[:, i], cases) for i, domain in enumerate(domains)}, weights

    def _cases(self, fallen: Mapping[Domain, NDArray[np.bool_]]) -> int:
        return len(next(iter(fallen.values()))) if fallen else len(next(iter(self.down.values())))

    def _node(self, node: Node, fallen: Mapping[Domain, NDArray[np.bool_]]) -> tuple[Floats, Floats]:
        """Return the probabilities of a node, given the domains that are decided."""
        down, up = self.down[node], self.up[node]
        for domain, state in fallen.items():
            if node in domain.members:
                down, up = np.where(state, 1.0, down), np.where(state, 0.0, up)
        if fallen and len(down) == 1:
            cases = self._cases(fallen)
            down, up = np.broadcast_to(down, cases), np.broadcast_to(up, cases)
        return down, up

    def _leaf(self, node: Node, fallen: Mapping[Domain, NDArray[np.bool_]]) -> Floats:
        down, up = self._node(node, fallen)
        for domain in self.domains:
            if node in domain.members and domain not in fallen:
                down, up = domain.down + (1 - domain.down) * down, (1 - domain.down) * up
        never = np.zeros(len(down))
        return np.array([[down, never], [never, up]])

    def _count(self, first: Gate, second: Gate, fallen: Mapping[Domain, NDArray[np.bool_]]) -> Floats | None:
        """Add up the votes that are down, domain by domain, the innermost first; domains must nest."""
        votes = {part: vote for part, vote in zip(first.parts, first.votes, strict=True) if isinstance(part, Node)}
        here = frozenset(votes)
        open_ = [(domain.members & here, domain.down) for domain in self.domains if domain not in fallen]
        open_ = sorted(((members, p) for members, p in open_ if members), key=lambda pair: len(pair[0]))
        if any(not (a.isdisjoint(b) or a <= b) for i, (a, _) in enumerate(open_) for b, _ in open_[i + 1 :]):
            return None
        most = max(first.kills, second.kills)
        groups: list[tuple[frozenset[Node], Floats]] = []
        loose = set(here)
        for members, p in [*open_, (here, 0.0)]:
            state = np.zeros((1, self._cases(fallen)))
            state[0] = 1.0
            for node in first.parts:
                if node in members and node in loose:
                    assert isinstance(node, Node)
                    down, up = self._node(node, fallen)
                    state = _add(state, np.array([up, *np.zeros((votes[node] - 1, len(up))), down]), most)
            loose -= members
            for group, counts in groups:
                if group <= members:
                    state = _add(state, counts, most)
            groups = [pair for pair in groups if not pair[0] <= members]
            if p:
                state *= 1 - p
                gone = min(sum(votes[node] for node in members), most)
                state = np.concatenate([state, np.zeros((max(gone + 1 - len(state), 0), state.shape[1]))])
                state[gone] += p
            groups.append((members, state))
        ((_, state),) = groups
        state = np.concatenate([state, np.zeros((most + 1 - len(state), state.shape[1]))])
        a, b = first.kills, second.kills
        zero = np.zeros(state.shape[1])
        between = state[min(a, b) : most].sum(axis=0)
        return np.array(
            [[state[most], between if a < b else zero], [between if b < a else zero, state[: min(a, b)].sum(axis=0)]]
        )


def _add(a: Floats, b: Floats, most: int) -> Floats:
    """Add two counts: ``[0..size, cases]``, counts beyond `most` counted as `most`."""
    size = min(len(a) + len(b) - 2, most)
    if len(a) < len(b):
        a, b = b, a
    out = np.zeros((size + 1, a.shape[1]))
    for j, chance in enumerate(b):
        if not chance.any():
            continue
        inside = max(min(len(a), size - j), 0)
        out[j : j + inside] += a[:inside] * chance
        if inside < len(a):
            out[size] += a[inside:].sum(axis=0) * chance
    return out


def _moved(state: Floats, first: int, second: int) -> Floats:
    """Move counts up, those that reach the end staying there."""
    for axis, by in ((0, first), (1, second)):
        if by:
            state = np.moveaxis(state, axis, 0)
            out = np.zeros_like(state)
            by = min(by, len(state) - 1)
            out[by:] = state[: len(state) - by]
            out[-1] += state[len(state) - by :].sum(axis=0)
            state = np.moveaxis(out, 0, axis)
    return state


def _by_diagram(first: Expression, second: Expression, down: Mapping[Node, float], domains: Sequence[Domain]) -> Floats:
    """Make each domain a variable that its members need."""
    order: list[Node] = []
    stand_ins = {domain: Node(f"{domain.name} ") for domain in domains}
    for node in unique_nodes([first, second]):
        for domain in sorted(domains, key=lambda d: -len(d.members)):
            if node in domain.members and stand_ins[domain] not in order:
                order.append(stand_ins[domain])
        order.append(node)
    diagram = Diagram(order)
    chance = dict(down) | {stand_ins[domain]: domain.down for domain in domains}
    probabilities = np.array([[chance[node]] for node in order])

    def root(expression: Expression) -> int:
        return diagram.root(_substituted(expression, domains, stand_ins))

    one, two = root(first), root(second)

    def yes_and_no(at: int) -> Floats:
        if at <= 1:
            return np.array([1.0 - at, float(at)])
        return kernels.probabilities(*diagram.arrays(at), probabilities, 1 - probabilities)[:, 0]

    either = diagram.ite(one, 1, two)
    only_one = diagram.ite(two, 0, one)
    only_two = diagram.ite(one, 0, two)
    return np.array(
        [
            [yes_and_no(either)[0], yes_and_no(only_two)[1]],
            [yes_and_no(only_one)[1], yes_and_no(diagram.both(one, two))[1]],
        ]
    )


def _substituted(expression: Expression, domains: Iterable[Domain], stand_ins: Mapping[Domain, Node]) -> Expression:
    if isinstance(expression, Node):
        needed: Expression = expression
        for domain in domains:
            if expression in domain.members:
                needed = needed * stand_ins[domain]
        return needed
    assert isinstance(expression, Gate)
    parts = tuple(_substituted(part, domains, stand_ins) for part in expression.parts)
    return Gate(expression.k, parts, expression.votes)
