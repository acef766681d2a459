"""Ceph's CRUSH maps, stated exactly: buckets, devices, rules and tunables, and what a rule makes of an input."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, localcontext
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple, Never

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..display import Shown
from ..topology import nearest
from ._kernels import crush as kernels

if TYPE_CHECKING:
    import pandas as pd

NONE = kernels.NONE
"""What stands in a place for which a rule finds no item: Ceph's own number for it."""

ONE = 0x10000
"""Weight 1: weights are whole numbers of 1/65536."""

MOST_IDS = 2**20
"""Devices, and buckets, that a map may number."""


class Tunables(NamedTuple):
    """How a rule retries; the defaults are those of the profile "jewel" and all later ones.

    The older ``choose_local_tries`` and ``choose_local_fallback_tries`` have to be 0, as they are since "bobtail".
    """

    choose_total_tries: int = 50
    chooseleaf_descend_once: int = 1
    chooseleaf_vary_r: int = 1
    chooseleaf_stable: int = 1


class Device(NamedTuple):
    """A disk: a leaf of the hierarchy."""

    id: int
    name: str
    device_class: str = ""


class Bucket(NamedTuple):
    """A host, a rack, …: `items` are names of devices or buckets with their weights in 1/65536.

    `class_ids` gives, for each device class, the id of the bucket's shadow that holds only devices of that class.
    """

    id: int
    name: str
    type: str
    items: tuple[tuple[str, int], ...]
    class_ids: tuple[tuple[str, int], ...] = ()

    @property
    def weight(self) -> int:
        """Sum of the weights of its items, in 1/65536."""
        return sum(weight for _, weight in self.items)


class Rule(NamedTuple):
    """A placement rule: `steps` are the words of each step, as in the text of a map."""

    id: int
    name: str
    steps: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class CrushMap(Shown):
    """A CRUSH map as ``crushtool`` knows it, with straw2 buckets and the rjenkins1 hash.

    Parameters
    ----------
    devices : sequence of Device
    types : sequence of str
        Names of the types from the innermost to the outermost; the first is the one of the devices.
    buckets : sequence of Bucket
        Each after the buckets it holds.
    rules : sequence of Rule
    tunables : Tunables

    Examples
    --------
    >>> crush = CrushMap.from_text('''
    ... tunable choose_local_tries 0
    ... tunable choose_local_fallback_tries 0
    ... tunable choose_total_tries 50
    ... tunable chooseleaf_descend_once 1
    ... tunable chooseleaf_vary_r 1
    ... tunable chooseleaf_stable 1
    ... device 0 osd.0
    ... device 1 osd.1
    ... device 2 osd.2
    ... type 0 osd
    ... type 1 root
    ... root default {
    ...     id -1
    ...     alg straw2
    ...     hash 0
    ...     item osd.0 weight 1.000
    ...     item osd.1 weight 1.000
    ...     item osd.2 weight 2.000
    ... }
    ... rule replicated {
    ...     id 0
    ...     type replicated
    ...     step take default
    ...     step choose firstn 0 type osd
    ...     step emit
    ... }
    ... ''')
    >>> crush.place(range(4), 2).tolist()
    [[0, 2], [2, 0], [1, 2], [0, 2]]

    References
    ----------
    Weil, Brandt, Miller and Maltzahn, "CRUSH: controlled, scalable, decentralized placement of replicated data", SC
    2006.
    Ceph documentation, "CRUSH maps" and "Manually editing a CRUSH map".
    """

    devices: tuple[Device, ...]
    types: tuple[str, ...]
    buckets: tuple[Bucket, ...]
    rules: tuple[Rule, ...]
    tunables: Tunables

    def __init__(
        self,
        devices: Sequence[Device],
        types: Sequence[str],
        buckets: Sequence[Bucket],
        rules: Sequence[Rule],
        tunables: Tunables = Tunables(),  # noqa: B008 - immutable
    ) -> None:
        for name, value in zip(
            (field.name for field in fields(self)),
            (tuple(devices), tuple(types), tuple(buckets), tuple(rules), tunables),
            strict=True,
        ):
            object.__setattr__(self, name, value)
        _check_names(self)
        for rule in self.rules:
            self._steps(rule)

    @classmethod
    def from_text(cls, text: str) -> "CrushMap":
        """Read a map in the text form of ``crushtool -d``, with the meaning that ``crushtool -c`` gives it.

        Raises
        ------
        ValueError
            If the text is no such map, or has what is not modelled here: buckets of other algorithms than straw2,
            local retries, or weight sets (``choose_args``). The message names the line.
        """
        return _Reader(text).map()

    def to_text(self) -> str:
        """Return the map in the text form that ``crushtool -c`` reads.

        Examples
        --------
        >>> from scalemodel.placement import Crush
        >>> text = Crush(3).map.to_text()
        >>> CrushMap.from_text(text) == Crush(3).map
        True
        """
        return "\n".join(_written(self)) + "\n"

    @property
    def title(self) -> str:
        """What the map consists of."""
        return f"CRUSH map: {len(self.devices)} devices in {len(self.buckets)} buckets, {len(self.rules)} rules"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per item of a bucket, with its weight."""
        import pandas as pd

        rows = [
            (bucket.type, bucket.name, bucket.id, item, self._ids[item], weight / ONE)
            for bucket in self.buckets
            for item, weight in bucket.items
        ]
        return pd.DataFrame(rows, columns=["type", "bucket", "bucket_id", "item", "item_id", "weight"])

    def place(
        self,
        x: ArrayLike,
        n: int,
        rule: str | int | None = None,
        reweight: Mapping[str, float] | None = None,
    ) -> NDArray[np.int32]:
        """Return the items that a rule chooses for each input, as ``crushtool --test --show-mappings`` prints them.

        Parameters
        ----------
        x : int[m]
            Inputs from 0 to 2^32 - 1: in Ceph the hash of a placement group and its pool.
        n : int
            Items wanted: the size of the pool.
        rule : str or int, optional
            Name or id of the rule; may be left out if there is only one.
        reweight : mapping of str to float, optional
            For devices that were reweighted (``ceph osd reweight``): the part of the inputs that they accept, from 0
            (out) to 1.

        Returns
        -------
        int32[m, n]
            Ids of devices, or of buckets if the rule ends there. `NONE` where no item was found: at the end of the
            row with ``firstn``, in its place with ``indep``.
        """
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(f"the number of items is {n!r}: give an integer of one or more")
        chosen = self._rule(rule)
        devices = np.stack([self._reweights(reweight or {}), np.arange(self._device_ids)], axis=1)
        return kernels.place(_inputs(x), self._steps(chosen), int(n), self._limits, *self._tables, devices)

    @cached_property
    def _ids(self) -> dict[str, int]:
        items: tuple[Device | Bucket, ...] = (*self.devices, *self.buckets)
        return {item.name: item.id for item in items}

    @property
    def _limits(self) -> NDArray[np.int64]:
        tries, *others = self.tunables
        return np.array([tries + 1, 0, *others])  # the tunable counts retries

    @cached_property
    def _tables(self) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float64], NDArray[np.float64]]:
        """The buckets, items, reciprocal weights and draws that the kernels read."""
        kinds = {name: number for number, name in enumerate(self.types)}
        shadows = [_shadow(bucket, name, self) for bucket in self.buckets for name, _ in bucket.class_ids]
        every = (*self.buckets, *shadows)
        ids = self._ids | {shadow.name: shadow.id for shadow in shadows}
        buckets = np.zeros((max((-bucket.id for bucket in every), default=1), 3), np.int64)
        items: list[int] = []
        weights: list[int] = []
        for bucket in every:
            buckets[-1 - bucket.id] = len(items), len(bucket.items), kinds[bucket.type]
            padding = [0] * (-len(bucket.items) % kernels.LANES)
            items += [ids[name] for name, _ in bucket.items] + padding
            weights += [weight for _, weight in bucket.items] + padding
        with np.errstate(divide="ignore"):
            per_weight = 1 / np.array(weights, np.float64)
        return buckets, np.array(items, np.int64).astype(np.uint32), per_weight, draws()

    @property
    def _device_ids(self) -> int:
        return max((device.id for device in self.devices), default=-1) + 1

    def _reweights(self, reweight: Mapping[str, float]) -> NDArray[np.int64]:
        accepts = np.full(self._device_ids, ONE)
        devices = {device.name: device.id for device in self.devices}
        for name, share in reweight.items():
            if name not in devices:
                raise ValueError(f"there is no device {name!r} to reweight{nearest(str(name), devices)}")
            accepts[devices[name]] = accepted(name, share)
        return accepts

    def _rule(self, rule: str | int | None) -> Rule:
        if rule is None and len(self.rules) == 1:
            return self.rules[0]
        for known in self.rules:
            if rule in (known.name, known.id) and not isinstance(rule, bool):
                return known
        names = ", ".join(repr(known.name) for known in self.rules) or "none"
        what = "no rule is named and the map has not just one" if rule is None else f"there is no rule {rule!r}"
        raise ValueError(f"{what}: its rules are {names}")

    def _steps(self, rule: Rule) -> NDArray[np.int64]:
        kinds = {name: number for number, name in enumerate(self.types)}
        rows = [_step(step, rule, self, kinds) for step in rule.steps]
        return np.array(rows, np.int64).reshape(-1, 3)


def accepted(name: str, share: float) -> int:
    """Return the part of the inputs that a device accepts, in 1/65536."""
    if not 0 <= share <= 1:
        raise ValueError(f"the reweight of {name!r} is {share}: give a number from 0 (out) to 1")
    return int(np.float32(share) * np.float32(ONE))


def _inputs(x: ArrayLike) -> NDArray[np.uint32]:
    given = np.asarray(x)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise TypeError(f"the inputs came as {given.dtype}{list(given.shape)}: give integers in one dimension")
    if given.size and (int(given.min()) < 0 or int(given.max()) >= 2**32):
        raise ValueError(f"the inputs run from {given.min()} to {given.max()}: give integers from 0 to 2^32 - 1")
    return np.ascontiguousarray(given, np.uint32)


# --- straws -----------------------------------------------------------------------------------------------------------

EXCESS = 0x147700000
"""What entries of Ceph's table of fine logarithms have above the formula that is written over it."""

IRREGULAR = dict.fromkeys([0, 1, 203, 216, 222, 233, 237, 238, 239, 243, 244, 245, 246, *range(248, 256)], 0) | {
    56: 5349423543, 127: 978272887, 134: 3588789699, 181: 4007963601, 184: 5423282374, 188: 2201924439,
    193: 3829329163, 198: 2511158352, 199: 2670353282, 200: 3807665761, 207: 5045407005, 210: 4635559705,
    212: 3670382136, 225: 3209098715, 227: 1514328412, 228: 2662093661, 229: 561838798, 231: 3537203756,
    235: 4861920976, 236: 5281046869, 240: 2650193875, 241: 4203558263, 247: 362109481,
}  # fmt: skip
"""The entries with another excess: measured with crushtool 16.2.15, to 100 units, by weighing draws against draws."""


@cache
def draws() -> NDArray[np.float64]:
    """Return ``2^48 - crush_ln(u) + 1/2`` for the 65536 values of a 16-bit hash: the lengths that straw2 divides.

    ``crush_ln(u)`` is 2^44 log2(u + 1) by two tables: for ``1 + k / 128``, and for the rest ``1 + k / 2^15``.
    """
    coarse, fine = np.arange(129, dtype=np.uint64), np.arange(256, dtype=np.uint64)
    reciprocals = -(-(2**48 * 128) // (128 + coarse.astype(object)))  # rounded up
    logs = np.array([_log2(128 + k, 128) for k in range(129)], np.uint64)
    logs[128] = 0xFFFF00000000
    fine_logs = np.array([_log2(2**15 + k, 2**15) + IRREGULAR.get(k, EXCESS) for k in range(len(fine))], np.uint64)

    x = np.arange(1, 65537, dtype=np.uint64)
    shift = np.maximum(15 - np.floor(np.log2(x.astype(np.float64))), 0).astype(np.uint64)
    x <<= shift
    k = (x >> np.uint64(8)) - np.uint64(128)
    rest = (x * reciprocals.astype(np.uint64)[k]) >> np.uint64(48)
    log = ((np.uint64(15) - shift) << np.uint64(44)) + ((logs[k] + fine_logs[rest & np.uint64(255)]) >> np.uint64(4))
    return (2**48 - log.astype(np.int64)) + 0.5


def _log2(numerator: int, denominator: int) -> int:
    """Return ``2^48 log2(numerator / denominator)``, rounded down."""
    with localcontext(prec=40):
        return int(2**48 * (Decimal(numerator) / denominator).ln() / Decimal(2).ln())


# --- a map of names ---------------------------------------------------------------------------------------------------


def _check_names(crush: CrushMap) -> None:
    ids: dict[int, str] = {}
    known: set[str] = set()
    items: tuple[Device | Bucket, ...] = (*crush.devices, *crush.buckets)
    for item in items:
        numbers = [item.id] + ([number for _, number in item.class_ids] if isinstance(item, Bucket) else [])
        for number in numbers:
            right = 0 <= number < MOST_IDS if isinstance(item, Device) else -MOST_IDS <= number < 0
            if not right:
                allowed = f"0 to {MOST_IDS - 1}" if isinstance(item, Device) else f"-{MOST_IDS} to -1"
                raise ValueError(f"the id of {item.name!r} is {number}: give an integer from {allowed}")
            if number in ids:
                raise ValueError(f"{ids[number]!r} and {item.name!r} both have the id {number}: give each its own")
            ids[number] = item.name
        if item.name in known:
            raise ValueError(f"there are two items {item.name!r}: give each a name of its own")
        if isinstance(item, Bucket):
            _check_bucket(item, known, crush.types)
        known.add(item.name)


def _check_bucket(bucket: Bucket, known: set[str], types: tuple[str, ...]) -> None:
    if bucket.type not in types[1:]:
        raise ValueError(f"bucket {bucket.name!r} has the unknown type {bucket.type!r}{nearest(bucket.type, types)}")
    for name, weight in bucket.items:
        if name not in known:
            raise ValueError(
                f"bucket {bucket.name!r} holds the unknown item {name!r}{nearest(name, list(known))}; "
                "devices and buckets come before the bucket that holds them"
            )
        if not 0 <= weight < 2**32:
            raise ValueError(f"{name!r} weighs {weight}/65536 in {bucket.name!r}: give a weight from 0 to 65535")


def _shadow(bucket: Bucket, device_class: str, crush: CrushMap) -> Bucket:
    """Return the part of a bucket that holds devices of one class; inner buckets weigh what is left of them."""
    classes = {device.name: device.device_class for device in crush.devices}
    inner = {b.name: b for b in crush.buckets}
    items = []
    for name, weight in bucket.items:
        if name in classes:
            items += [(name, weight)] * (classes[name] == device_class)
        else:
            part = _shadow(inner[name], device_class, crush)
            items.append((part.name, part.weight))
    ids = dict(bucket.class_ids)
    if device_class not in ids:
        raise ValueError(
            f"bucket {bucket.name!r} has no id for the class {device_class!r}: "
            "give the text that crushtool -d writes, which has them all"
        )
    return Bucket(ids[device_class], f"{bucket.name}~{device_class}", bucket.type, tuple(items))


CHOOSE = {
    ("choose", "firstn"): kernels.CHOOSE_FIRSTN,
    ("choose", "indep"): kernels.CHOOSE_INDEP,
    ("chooseleaf", "firstn"): kernels.CHOOSELEAF_FIRSTN,
    ("chooseleaf", "indep"): kernels.CHOOSELEAF_INDEP,
}
SET = {
    "set_choose_tries": kernels.TRIES,
    "set_chooseleaf_tries": kernels.LEAF_TRIES,
    "set_chooseleaf_vary_r": kernels.VARY_R,
    "set_chooseleaf_stable": kernels.STABLE,
}


def _step(step: tuple[str, ...], rule: Rule, crush: CrushMap, kinds: Mapping[str, int]) -> tuple[int, int, int]:
    """Return the action, the number and the type of a step."""
    match step:
        case ("take", name):
            pass
        case ("take", name, "class", device_class):
            inner = {b.name: b for b in crush.buckets}
            if name in inner:
                return kernels.TAKE, _shadow(inner[name], device_class, crush).id, 0
        case ("choose" | "chooseleaf" as verb, "firstn" | "indep" as mode, number, "type", kind) if kind in kinds:
            return CHOOSE[verb, mode], _whole(number, rule), kinds[kind]
        case ("choose" | "chooseleaf", "firstn" | "indep", _, "type", kind):
            raise ValueError(f"rule {rule.name!r} chooses the unknown type {kind!r}{nearest(kind, kinds)}")
        case (verb, number) if verb in SET:
            return kernels.SET + SET[verb], _whole(number, rule), 0
        case ("emit",):
            return kernels.EMIT, 0, 0
        case _:
            raise ValueError(
                f"rule {rule.name!r} has the step {' '.join(step)!r}: steps are take, choose and chooseleaf firstn or "
                f"indep, emit, {', '.join(SET)}"
            )
    if name not in crush._ids:
        raise ValueError(f"rule {rule.name!r} takes the unknown item {name!r}{nearest(name, crush._ids)}")
    return kernels.TAKE, crush._ids[name], 0


def _whole(word: str, rule: Rule) -> int:
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"rule {rule.name!r} has {word!r} where a whole number belongs") from None


# --- the text form ----------------------------------------------------------------------------------------------------

UNSET = {
    "choose_local_tries": 2,
    "choose_local_fallback_tries": 5,
    "choose_total_tries": 19,
    "chooseleaf_descend_once": 0,
    "chooseleaf_vary_r": 0,
    "chooseleaf_stable": 0,
}
"""What tunables are when the text does not state them: those of the oldest releases."""

IGNORED = ("straw_calc_version", "allowed_bucket_algs")
"""Tunables of other bucket algorithms and of the compiler."""


class _Reader:
    """Reads the words of a map one after the other, and knows the line of each."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"the map came as {type(text).__name__}: give its text, as a str")
        self.words = [
            (word, number)
            for number, line in enumerate(text.splitlines(), 1)
            for word in re.findall(r"[{}]|[^\s{}]+", line.partition("#")[0])
        ]
        self.at = 0
        self.tunables = dict(UNSET)
        self.devices: list[Device] = []
        self.types: dict[int, str] = {}
        self.buckets: list[Bucket] = []
        self.rules: list[Rule] = []
        self.weights: dict[str, int] = {}

    def map(self) -> CrushMap:
        while self.at < len(self.words):
            match self.word():
                case "tunable":
                    name = self.word()
                    self.tunables[name] = self.whole()
                case "device":
                    number, name = self.whole(), self.word()
                    device_class = self.word(2) if self.peek() == "class" else ""
                    self.devices.append(Device(number, name, device_class))
                    self.weights[name] = ONE
                case "type":
                    number = self.whole()
                    self.types[number] = self.word()
                case "rule":
                    self.rule()
                case "choose_args":
                    self.fail("the map has weight sets (choose_args): take them out, or turn them into weights")
                case kind if kind in self.types.values() and kind != self.types.get(0):
                    self.bucket(kind)
                case word:
                    self.fail(f"{word!r} is no tunable, device, rule, nor a type that was named")
        self.check_tunables()
        if 0 not in self.types:
            self.fail("the map has no type 0, that of the devices: add type 0 osd")
        names = [self.types[number] for number in sorted(self.types)]
        chosen = Tunables(**{name: self.tunables[name] for name in Tunables._fields})
        return CrushMap(self.devices, names, self.buckets, self.rules, chosen)

    def check_tunables(self) -> None:
        if unknown := [name for name in self.tunables if name not in UNSET and name not in IGNORED]:
            raise ValueError(f"the map has an unknown tunable {unknown[0]!r}{nearest(unknown[0], UNSET)}")
        for name in ("choose_local_tries", "choose_local_fallback_tries"):
            if self.tunables[name]:
                raise ValueError(
                    f"the map has {name} {self.tunables[name]} (the oldest default, if it is not stated): only 0 is "
                    "modelled, as in all profiles since bobtail; set it with crushtool or ceph osd crush tunables"
                )

    def bucket(self, kind: str) -> None:
        name = self.word()
        number: int | None = None
        class_ids: list[tuple[str, int]] = []
        items: list[tuple[str, int]] = []
        for key in self.block():
            match key:
                case "id":
                    value = self.whole()
                    if self.peek() == "class":
                        class_ids.append((self.word(2), value))
                    else:
                        number = value
                case "alg":
                    if (alg := self.word()) != "straw2":
                        self.fail(f"bucket {name!r} is of {alg!r}: only straw2 is modelled")
                case "hash":
                    if (hash_ := self.word()) not in ("0", "rjenkins1"):
                        self.fail(f"bucket {name!r} has the hash {hash_!r}: only rjenkins1, number 0, is known")
                case "item":
                    items.append(self.item(name))
                case _:
                    self.fail(f"bucket {name!r} has {key!r}: there are id, alg, hash and item")
        if number is None:
            self.fail(f"bucket {name!r} has no id: give it one, such as id -{len(self.buckets) + 1}")
        bucket = Bucket(number, name, kind, tuple(items), tuple(class_ids))
        self.weights[name] = bucket.weight
        self.buckets.append(bucket)

    def item(self, bucket: str) -> tuple[str, int]:
        name = self.word()
        if name not in self.weights:
            hint = nearest(name, self.weights)
            self.fail(f"bucket {bucket!r} holds {name!r}, which no line before has made{hint}")
        weight = self.weights[name]
        if self.peek() == "weight":
            given = self.word(2)
            try:
                weight = int(np.float32(given) * np.float32(ONE))  # as the C of crushtool does
            except (ValueError, OverflowError):
                self.fail(f"{name!r} has the weight {given!r}: give a number")
        if not 0 <= weight < 2**32:
            self.fail(f"{name!r} weighs {weight / ONE:g} in {bucket!r}: give a weight from 0 to 65535")
        return name, weight

    def rule(self) -> None:
        name = "" if self.peek() == "{" else self.word()
        number = len(self.rules)
        steps: list[tuple[str, ...]] = []
        for key in self.block():
            match key:
                case "id" | "ruleset":
                    number = self.whole()
                case "type" | "min_size" | "max_size":
                    self.word()
                case "step":
                    line = self.words[self.at][1] if self.at < len(self.words) else 0
                    step = []
                    while (
                        self.at < len(self.words)
                        and self.words[self.at][1] == line
                        and self.peek() not in ("step", "}")
                    ):
                        step.append(self.word())
                    steps.append(tuple(step))
                case _:
                    self.fail(f"rule {name!r} has {key!r}: there are id, type, min_size, max_size and step")
        self.rules.append(Rule(number, name or f"rule-{number}", tuple(steps)))

    def block(self) -> Iterator[str]:
        """Yield the words that begin the entries between braces; the caller reads the rest of each entry."""
        if self.word() != "{":
            self.fail("a brace { belongs here")
        while (word := self.word()) != "}":
            yield word

    def peek(self) -> str:
        return self.words[self.at][0] if self.at < len(self.words) else ""

    def word(self, number: int = 1) -> str:
        """Return the word that comes `number`-th."""
        self.at += number
        if self.at > len(self.words):
            self.at = len(self.words)
            self.fail("the text ends in the middle")
        return self.words[self.at - 1][0]

    def whole(self) -> int:
        word = self.word()
        try:
            return int(word)
        except ValueError:
            self.fail(f"{word!r} stands where a whole number belongs")

    def fail(self, what: str) -> Never:
        line = self.words[self.at - 1][1] if self.words else 1
        raise ValueError(f"line {line} of the map: {what}")


def _written(crush: CrushMap) -> Iterator[str]:
    yield "# begin crush map"
    yield from ("tunable choose_local_tries 0", "tunable choose_local_fallback_tries 0")
    for name, value in crush.tunables._asdict().items():
        yield f"tunable {name} {value}"
    yield from ("tunable straw_calc_version 1", "", "# devices")
    for device in crush.devices:
        yield f"device {device.id} {device.name}" + f" class {device.device_class}" * bool(device.device_class)
    yield from ("", "# types")
    for number, name in enumerate(crush.types):
        yield f"type {number} {name}"
    yield from ("", "# buckets")
    for bucket in crush.buckets:
        yield f"{bucket.type} {bucket.name} {{"
        yield f"\tid {bucket.id}"
        for device_class, number in bucket.class_ids:
            yield f"\tid {number} class {device_class}"
        yield from ("\talg straw2", "\thash 0\t# rjenkins1")
        for item, weight in bucket.items:
            yield f"\titem {item} weight {Decimal(weight) / ONE:f}"
        yield "}"
    yield from ("", "# rules")
    for rule in crush.rules:
        indep = any("indep" in step for step in rule.steps)
        yield f"rule {rule.name} {{"
        yield f"\tid {rule.id}"
        yield f"\ttype {'erasure' if indep else 'replicated'}"
        yield from ("\tmin_size 1", "\tmax_size 10")
        for step in rule.steps:
            yield f"\tstep {' '.join(step)}"
        yield "}"
    yield from ("", "# end crush map")
