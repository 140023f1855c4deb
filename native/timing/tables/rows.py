# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes many encodings as few rows, of which an encoding matches exactly one.

Owns what an encoding is, how fields that make no difference are dropped, and the proof that
nothing is lost by it. Called by derive.py and by the tests of the tables; it must not know
LLVM, nor what a row's timing means.

The encodings of an opcode are parted by one optional field after the other, as the branches of
a tree. A field is dropped where no two of its values disagree on an encoding that they both
have. So two rows of an opcode always differ in the field at which they were parted, and no
search can meet the wrong one first. Which field parts a branch is that branch's own matter: the
one that leaves the fewest rows.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY = 15
# What may make no difference; all fields before these are always given.
OPTIONAL_FIELDS = ("prefix", "wide", "long", "reg", "rm")


@dataclass(frozen=True, slots=True)
class Encoding:
    """What tells one form from another; `ANY` where a field does not matter."""

    code32: int
    vex: int
    map: int
    opcode: int
    memory: int
    prefix: int
    wide: int
    long: int
    reg: int
    rm: int


# The name of LLVM's instruction, and its class on every core of a family.
Row = tuple[str, tuple[str, ...]]


def values_of(encoding: Encoding) -> tuple[int, ...]:
    """Return the fields in the order in which rows are sorted and searched."""
    return tuple(getattr(encoding, name) for name in Encoding.__slots__)


def opcode_of(encoding: Encoding) -> tuple[int, ...]:
    """Return the fields that every row gives."""
    return values_of(encoding)[: -len(OPTIONAL_FIELDS)]


def without(forms: dict[Encoding, Row], field: str) -> dict[Encoding, Row] | None:
    """Return the forms without a field; None where it makes a difference."""
    merged: dict[Encoding, Row] = {}
    for encoding, row in forms.items():
        if merged.setdefault(replace(encoding, **{field: ANY}), row)[1] != row[1]:
            return None
    return merged


def split(forms: dict[Encoding, Row], field: str) -> dict[int, dict[Encoding, Row]]:
    """Return the forms apart by the values of a field."""
    branches: dict[int, dict[Encoding, Row]] = {}
    for encoding, row in forms.items():
        branches.setdefault(getattr(encoding, field), {})[encoding] = row
    return branches


def parted(
    forms: dict[Encoding, Row], fields: tuple[str, ...] = OPTIONAL_FIELDS
) -> dict[Encoding, Row]:
    """Return the rows of one opcode, or of a branch that other fields were parted at."""
    for field in fields:
        forms = without(forms, field) or forms
    found = forms
    for field in fields:
        branches = split(forms, field)
        if len(branches) > 1:
            rest = tuple(name for name in fields if name != field)
            rows: dict[Encoding, Row] = {}
            for branch in branches.values():
                rows |= parted(branch, rest)
            found = min(found, rows, key=len)
    return found


def merge(forms: dict[Encoding, Row]) -> dict[Encoding, Row]:
    """Return all forms as few rows."""
    opcodes: dict[tuple[int, ...], dict[Encoding, Row]] = {}
    for encoding, row in forms.items():
        opcodes.setdefault(opcode_of(encoding), {})[encoding] = row
    rows: dict[Encoding, Row] = {}
    for members in opcodes.values():
        rows |= parted(members)
    return rows


def matches(row: Encoding, encoding: Encoding) -> bool:
    """Say whether there is an encoding that both stand for."""
    pairs = zip(values_of(row), values_of(encoding), strict=True)
    return all(a == b or ANY in (a, b) for a, b in pairs)


def overlapping(rows: Iterable[Encoding]) -> list[tuple[Encoding, Encoding]]:
    """Return the pairs of rows that one encoding matches."""
    opcodes: dict[tuple[int, ...], list[Encoding]] = {}
    for row in rows:
        opcodes.setdefault(opcode_of(row), []).append(row)
    pairs = (pair for members in opcodes.values() for pair in itertools.combinations(members, 2))
    return [pair for pair in pairs if matches(*pair)]


def found_wrongly(forms: dict[Encoding, Row], rows: dict[Encoding, Row]) -> list[Encoding]:
    """Return the forms that do not match exactly one row, the one that says their timing."""
    opcodes: dict[tuple[int, ...], list[Encoding]] = {}
    for row in rows:
        opcodes.setdefault(opcode_of(row), []).append(row)
    wrong = []
    for encoding, (_, timing) in forms.items():
        found = [row for row in opcodes.get(opcode_of(encoding), []) if matches(row, encoding)]
        if [rows[row][1] for row in found] != [timing]:
            wrong.append(encoding)
    return wrong
