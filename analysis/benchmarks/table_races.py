"""Partition tables against OpenStack Swift's builder, at no worse balance and movement."""

from copy import deepcopy

import numpy as np
from race import Race
from swift.common.ring.builder import RingBuilder  # type: ignore[import-untyped]

from scalemodel.placement import PartitionTable

POWER, DEVICES = 14, 40


def races() -> list[Race]:
    return [build(), rebalance()]


def build() -> Race:
    return Race(
        f"partition table 2^{POWER} x 3 over {DEVICES}, build",
        "Swift's RingBuilder",
        "nothing; equal balance",
        10,
        lambda: PartitionTable(DEVICES, 2**POWER),
        lambda: rebalanced(swift(DEVICES)),
        lambda ours, its: even(ours, its),
        1,
        1,
    )


def rebalance() -> Race:
    table, builder = PartitionTable(DEVICES, 2**POWER), rebalanced(swift(DEVICES))
    before = assigned(builder)
    builder.pretend_min_part_hours_passed()
    add(builder, DEVICES)

    def no_worse(ours: PartitionTable, its: RingBuilder) -> bool:
        moved = sum(len(set(new) - set(old)) for old, new in zip(before, assigned(its), strict=True))
        return even(ours, its) and len(table.transfers(ours)) <= moved

    return Race(
        f"partition table 2^{POWER} x 3 over {DEVICES}, one node more",
        "Swift's RingBuilder",
        "nothing; equal balance, no more moves",
        10,
        lambda: table.add("new"),
        lambda: rebalanced(deepcopy(builder)),
        no_worse,
        1,
        1,
    )


def swift(devices: int) -> RingBuilder:
    builder = RingBuilder(POWER, 3, 0)
    for device in range(devices):
        add(builder, device)
    return builder


def add(builder: RingBuilder, device: int) -> None:
    where = {"region": 1, "zone": device, "ip": f"10.0.0.{device}", "port": 6200, "device": "d"}
    builder.add_dev({"id": device, "weight": 100.0, **where})


def rebalanced(builder: RingBuilder) -> RingBuilder:
    builder.rebalance(seed=0)
    return builder


def assigned(builder: RingBuilder) -> list[list[int]]:
    return np.array([list(row) for row in builder._replica2part2dev]).T.tolist()


def even(ours: PartitionTable, its: RingBuilder) -> bool:
    return bool(ours.deviation <= its.get_balance() / 100 + 1e-9)
