# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong outside the guests, and the exit code that says so.

Owns the exception classes and the documented exit codes. Raised everywhere, turned
into a message and an exit code by ultravisor.cli. It must not import anything of
the project: every other module imports it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """How the command ends; documented in `ultravisor --help`."""

    OK = 0
    GUEST_FAILED = 1
    USAGE = 2
    CONFIGURATION = 3
    POLICY = 4
    CONFLICT = 5
    NOT_FOUND = 6
    BUDGET = 7
    MISSING_EXTRA = 69
    INTERNAL = 70
    INTERRUPTED = 130


class UltravisorError(Exception):
    """The operator, or something that the operator named, is wrong.

    `message` says what is wrong and names the file, line or offset; `hint` says what
    to do about it.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.CONFIGURATION

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep the message and the hint apart, so that a caller can show both."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            # Where Python itself shows the exception, it shows this too.
            self.add_note(hint)


class ConfigurationError(UltravisorError):
    """A configuration cannot be read, or asks for what cannot be."""


class ImageError(UltravisorError):
    """An image is not one that can be booted."""


class RecordError(UltravisorError):
    """A run record cannot be read, or its inputs are no longer the same."""


class SnapshotError(UltravisorError):
    """A snapshot file is damaged, or of another host or version."""


class NotFoundError(UltravisorError):
    """A file or a name does not exist."""

    exit_code = ExitCode.NOT_FOUND


class PolicyRefusal(UltravisorError):
    """A policy, a quota or an owner's right forbids what was ordered."""

    exit_code = ExitCode.POLICY


class ConflictRefusal(UltravisorError):
    """Something else has changed what was ordered: try again."""

    exit_code = ExitCode.CONFLICT


class OutputError(UltravisorError):
    """An output cannot be written."""

    exit_code = ExitCode.USAGE


class UsageError(UltravisorError):
    """An argument makes no sense, alone or with the others."""

    exit_code = ExitCode.USAGE


class MissingExtraError(UltravisorError):
    """An optional part of the installation is missing."""

    exit_code = ExitCode.MISSING_EXTRA


class MachineError(UltravisorError):
    """The machine refused an operation that its configuration allowed."""

    exit_code = ExitCode.INTERNAL


class EngineError(MachineError):
    """The engine failed, or is not the version that the machine was calibrated for."""


class HostedError(MachineError):
    """A program of a hosted partition asked for what it must not; contained like any other."""


class HostedAccessError(HostedError):
    """It reached for memory that is not its own, or that it may not write."""


class HostedLimitError(HostedError):
    """It queued more than a turn has room for."""


class HostedCallError(HostedError):
    """It queued a call that is not for programs, or with impossible arguments."""


class SupervisedFailure(MachineError):
    """The child that ran the machine died; `replay_path` is the file that replays it."""

    def __init__(self, message: str, hint: str = "", replay_path: str = "") -> None:
        """Keep where the replay file is, if one could be written."""
        super().__init__(message, hint)
        self.replay_path = replay_path
