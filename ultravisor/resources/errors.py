# SPDX-License-Identifier: GPL-2.0-or-later
"""Why the database refuses: one class a reason, so that an asker can tell them apart.

Owns the kinds and their exit codes. Every sentence names the table, the key and the rule.
"""

from __future__ import annotations

from typing import ClassVar

from ultravisor.errors import ExitCode, UltravisorError


class ResourceError(UltravisorError):
    """A transaction was refused, and changed nothing.

    `kind` is the word of the command protocol; `rule` names what was broken.
    """

    kind: ClassVar[str] = "invalid"

    def __init__(self, message: str, rule: str = "", hint: str = "") -> None:
        """Keep the rule apart, for programs."""
        super().__init__(message, hint)
        self.rule = rule or self.kind


class ConflictError(ResourceError):
    """What the transaction read or named has changed since, or is reserved: try again."""

    kind = "conflict"
    exit_code = ExitCode.CONFLICT


class QuotaError(ResourceError):
    """A zone or a partition would use more than its quota."""

    kind = "quota"
    exit_code = ExitCode.POLICY


class OwnershipError(ResourceError):
    """A frame, a slot or a device would have the wrong owner."""

    kind = "ownership"
    exit_code = ExitCode.POLICY


class PolicyError(ResourceError):
    """A zone or a rule of policy forbids it."""

    kind = "policy"
    exit_code = ExitCode.POLICY


class UnknownIdError(ResourceError):
    """No such partition, channel, device, zone, domain or processor."""

    kind = "unknown-id"
    exit_code = ExitCode.NOT_FOUND


class StateError(ResourceError):
    """The thing is not in a state that allows it."""

    kind = "state"


class LimitError(ResourceError):
    """A limit of the machine is reached, or its memory is used up."""

    kind = "limit"


class InvalidError(ResourceError):
    """The request makes no sense, alone or as it stands."""

    kind = "invalid"


class DatabaseError(UltravisorError):
    """The database itself failed; nothing was changed, or only opening it again can tell."""

    exit_code = ExitCode.INTERNAL


class JournalError(UltravisorError):
    """A journal is damaged, of another machine, or in use."""


class HistoryError(UltravisorError):
    """A generation lies before the journal's first or after its last."""

    exit_code = ExitCode.NOT_FOUND
