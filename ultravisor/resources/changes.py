# SPDX-License-Identifier: GPL-2.0-or-later
"""What a commit did, as typed records: for the views, for watches and for the log.

Owns the two records only; `transaction.py` and `history.py` make them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ultravisor.resources.records import Record


class Change(msgspec.Struct, frozen=True):
    """One record that a commit inserted, updated or deleted."""

    table: str
    key: tuple[int | str, ...]
    before: Record | None
    """None where the commit inserted it."""
    after: Record | None
    """None where the commit deleted it."""


class Commit(msgspec.Struct, frozen=True):
    """An acknowledged transaction."""

    generation: int
    values: tuple[Any, ...]
    """What each operation answered, in their order: numbers, ids, extents, or None."""
    changes: tuple[Change, ...]
    """In the order they were made; empty in a repeated answer."""
    revokes: bool
    """Something left a view: frames, a channel, a partition. All processors must
    acknowledge before what was revoked is handed on."""
    repeated: bool = False
    """The request had been committed before: this is its stored answer."""
