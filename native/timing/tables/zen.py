# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a row of LLVM's models of AMD's Zen cores as ports and macro-operations.

Owns the numbers of our ports for these cores and what is thrown away of LLVM's resources.
Called by derive.py only; it must not know encodings.

LLVM's Zen models differ from those of Intel's cores in three ways. Resources are named by
unit and by kind, several names to the same units. A cycle count on a group of interchangeable
units is a throughput that was measured, often on a chain of dependent instructions: it says
nothing of the units, so no more operations are counted than macro-operations. And loads and
stores of vectors occupy no address unit, which they do on the machine.
"""

from __future__ import annotations

import re

# Ports 0 to 3: ALU; 4: branch; 5 to 7: addresses; 8 to 11: vector; 12, 13: vector to general;
# 14, 15: data of stores.
PORTS = {
    **{f"ALU{i}": frozenset([i]) for i in range(4)},
    "BRU1": frozenset([4]),
    **{f"FP{i}": frozenset([8 + i]) for i in range(4)},
    "FP45": frozenset([12, 13]),
}
LOADS = frozenset([5, 6, 7])
VECTOR_LOADS = frozenset([5, 6])  # three loads a cycle, two of them vectors: SOG 2.12
STORES = frozenset([6, 7])  # two stores a cycle
STORE_DATA = frozenset([14, 15])
VECTOR_STORE_DATA = frozenset([14])  # one store of a vector a cycle: SOG 2.11
# Units that begin the next operation only when they have done this one, from so many cycles on.
DIVIDERS = (frozenset([0]), frozenset([9]))
DIVIDER_CYCLES = 3
PLACEHOLDER_CYCLES = 100
LOAD_COLUMN = slice(20, 27)
STORE_COLUMN = slice(27, 34)
SIDE_COLUMN = slice(34, 41)


def units_of(output: str) -> dict[str, frozenset[int]]:
    """Return the ports of each resource in LLVM's list of them; none where we have no port."""
    found: dict[str, frozenset[int]] = {}
    table = output.partition("Resources:\n")[2].partition("\n\n")[0]
    for name, members in re.findall(r"- Zn\d(\w+):\d+ *(.*)", table):
        parts = [part.strip()[3:] for part in members.split(",") if part.strip()]
        ports = frozenset[int]().union(*(PORTS.get(part, frozenset()) for part in parts))
        found[name] = PORTS.get(name, ports)
    return found


def is_zen(units: dict[str, frozenset[int]]) -> bool:
    """Say whether the resources are those of a Zen core."""
    return "ALU0123" in units


def own_cycles(resources: str, units: dict[str, frozenset[int]]) -> dict[frozenset[int], int]:
    """Return the cycles of each set of ports that are not those of a set within it."""
    cycles: dict[frozenset[int], int] = {}
    for name, count in re.findall(r"Zn\d(\w+)(?:\[(\d+)\])?", resources):
        ports = units[name]
        if ports and not name.startswith("AGU") and name not in ("Int", "FP", "FPOpMask4"):
            cycles[ports] = max(cycles.get(ports, 0), int(count or 1))
    own: dict[frozenset[int], int] = {}
    for group in sorted(cycles, key=lambda ports: (len(ports), sorted(ports))):
        left = cycles[group] - sum(count for ports, count in own.items() if ports < group)
        if left > 0:
            own[group] = left
    return own


def name_of(ports: frozenset[int]) -> str:
    """Return a set of ports as hexadecimal digits."""
    return "".join(f"{port:x}" for port in sorted(ports))


def accesses_of(row: str, resources: str, has_units: bool) -> tuple[bool, bool]:
    """Return whether an instruction loads and stores.

    LLVM's marks are right for what computes with memory, and too many for what has side effects
    and for what only touches memory, such as a prefetch; there the resources say it.
    """
    loads, stores = row[LOAD_COLUMN].strip() == "*", row[STORE_COLUMN].strip() == "*"
    if row[SIDE_COLUMN].strip() == "U" or (loads and stores and not has_units):
        names = re.findall(r"Zn\d(\w+)", resources)
        return loads and "Load" in names, stores and "Store" in names
    return loads, stores


def read_row(
    row: str, macro_ops: int, latency: int, resources: str, units: dict[str, frozenset[int]]
) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Return divider cycles and port groups of one row."""
    own = own_cycles(resources, units)
    if latency == PLACEHOLDER_CYCLES:
        return 0, ((name_of(next(iter(own))), 1),)
    loads, stores = accesses_of(row, resources, bool(own))
    vector = PORTS["FP45"] in own
    if vector and (loads or stores):
        own[PORTS["FP45"]] -= loads + stores
    divider = 0
    groups: dict[frozenset[int], int] = {}
    for ports, cycles in own.items():
        if ports in DIVIDERS and cycles >= DIVIDER_CYCLES:
            divider = cycles
        if ports == PORTS["FP45"] and cycles > macro_ops:
            groups[frozenset([12])] = macro_ops
        elif cycles > 0:
            groups[ports] = 1 if divider else min(cycles, macro_ops)
    if loads:
        groups[VECTOR_LOADS if vector else LOADS] = 1
    if stores:
        groups[STORES] = 1
        groups[VECTOR_STORE_DATA if vector else STORE_DATA] = 1
    return divider, tuple(sorted((name_of(ports), count) for ports, count in groups.items()))
