# SPDX-License-Identifier: GPL-2.0-or-later
"""The names of what a core can count that the emulated machine lacks.

Owns the one list, in the order of enum machine_model, what excludes what, and how a list of
names is written: `pcid,global`, or `none`. Whoever lets a person choose takes the names from
here; nothing is loaded for that.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final, Literal, get_args

from ultravisor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

ModelName = Literal["pcid", "global", "kpti", "verw", "ibrs", "retpoline", "ibpb", "l1d", "rsb"]
MODEL_NAMES: Final[tuple[ModelName, ...]] = get_args(ModelName)
Model = tuple[ModelName, ...]
NONE: Final = "none"
# A monitor with a root of its own is in no other space, so nothing of it is global.
EXCLUDING: Final = frozenset({"global", "kpti"})


def model_bits(model: Iterable[ModelName]) -> int:
    """Return the names as bits of enum machine_model."""
    return sum(1 << MODEL_NAMES.index(name) for name in set(model))


def model_text(model: Iterable[str]) -> str:
    """Return the names in their order, joined by commas; `none` where there are none."""
    chosen = set(model)
    return ",".join(name for name in MODEL_NAMES if name in chosen) or NONE


def excludes_itself(model: Iterable[str]) -> bool:
    """Say whether two of the names cannot be in force together."""
    return set(model) >= EXCLUDING


def parse_model(text: str) -> Model:
    """Read `pcid,global` or `none`; raise UsageError for what there is not."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = (NONE, *MODEL_NAMES)
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean `{close[0]}`? " if close else ""
            raise UsageError(f"there is no model `{name}`", f"{hint}models: {', '.join(known)}")
    if not names or (NONE in names and len(set(names)) > 1):
        raise UsageError(
            f"`{text}` is no list of models", f"`none`, or some of {', '.join(MODEL_NAMES)}"
        )
    if excludes_itself(names):
        raise UsageError(
            "`global` and `kpti` exclude each other",
            "a monitor with a root of its own is not global",
        )
    chosen = set(names) - {NONE}
    return tuple(name for name in MODEL_NAMES if name in chosen)
