# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a path to a medium can be: what a policy cannot know before there is a host.

Owns the refusals alone, a pure function of the facts. Called by the reconciler and by the
explanation of policies, before the planner places the path as any channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ultravisor.partitions.media import DEVICE_KINDS
from ultravisor.partitions.planner import Refusal

if TYPE_CHECKING:
    from ultravisor.partitions.facts import Facts
    from ultravisor.partitions.media import PathDefinition

UNKNOWN_KIND: Final = "physical"
"""The kind of a device of which a policy is explained that is known by its name only."""


def refuse_path(facts: Facts, path: PathDefinition) -> Refusal | None:
    """Say why there can be no path to a port; None: there can."""
    device = facts.device_named(path.port)
    if device is None:
        known = ", ".join(sorted(row.name for row in facts.devices)) or "none"
        sentence = f"`{path.medium}`: no device is named `{path.port}`; the host has: {known}"
        return Refusal("unknown-id", sentence)
    if device.kind not in {DEVICE_KINDS[path.table], UNKNOWN_KIND}:
        sentence = f"`{path.medium}`: `{path.port}` is of kind {device.kind}, and no {path.table}"
        return Refusal("invalid", sentence)
    return None
