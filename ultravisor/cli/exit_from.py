# SPDX-License-Identifier: GPL-2.0-or-later
"""`--exit-from`: the exit code of one partition as the command's.

Owns the mapping, which docs/exit-codes.md documents. Called by the boot verb.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import msgspec

from ultravisor.errors import ExitCode, UsageError
from ultravisor.results import ExitResult

if TYPE_CHECKING:
    from ultravisor.plan import HostPlan
    from ultravisor.results import HostResult, PartitionResult

CODE_MAXIMUM = 255
# A guest's code that no process can end with.
CODE_OUTSIDE = 255
CODE_STOPPED = 254
# What the guest said does not count where the run itself is not to be trusted, or was cut off.
OVERRIDING = (ExitCode.INTERNAL, ExitCode.INTERRUPTED)


def require_partition(plan: HostPlan, name: str) -> None:
    """Raise UsageError where no partition has the name."""
    names = [row.configuration.name for row in plan.partitions]
    if name in names:
        return
    close = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean `{close[0]}`?" if close else f"partitions: {', '.join(names)}"
    raise UsageError(f"--exit-from: no partition is named `{name}`", hint)


def exit_as(result: HostResult, name: str) -> HostResult:
    """Return the result with a partition's exit code; one that still runs leaves the run's."""
    partition = result.partition(name)
    if result.exit.code in OVERRIDING or partition.state == "running":
        return result
    reason = f"{result.exit.reason}; {name} {partition.state}"
    return msgspec.structs.replace(result, exit=ExitResult(reason, _code(partition)))


def _code(partition: PartitionResult) -> int:
    if partition.exit_code is None:
        return CODE_STOPPED
    return partition.exit_code if 0 <= partition.exit_code <= CODE_MAXIMUM else CODE_OUTSIDE
