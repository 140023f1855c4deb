# SPDX-License-Identifier: GPL-2.0-or-later
"""The numbers of the native extension's interface.

Generated from native/native.h and monitor/core/monitor.h by
ultravisor.machine.generate_abi. Do not edit: change the header and generate again.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class NativeError(IntEnum):
    """What a function of the native extension returns."""

    OK = 0
    INVALID = -1
    """An option or argument is outside its range."""
    NO_MEMORY = -2
    """The host or the machine has too little memory."""
    ENGINE = -3
    """The engine failed, or is not the version calibrated for."""
    STATE = -4
    """Not possible in the machine's present state."""
    FILE = -5
    """A file could not be read or written, or is not ours."""
    LIMIT = -6
    """A limit of monitor/abi/limits.h."""


class MonitorBuild(IntEnum):
    """Which build of the monitor runs."""

    NATIVE = 0
    SIMULATED = 1


class TimingModel(IntEnum):
    """Which timing model counts cycles."""

    OFF = 0
    UNIT = 1


class ClockSource(IntEnum):
    """Which clock slots and timers run by."""

    GUEST = 0
    MACHINE = 1


class ExitReason(IntEnum):
    """Why machine_run returned."""

    NONE = 0
    PAUSED = 1
    """The cycles asked for have passed; call machine_run again."""
    HALTED = 2
    """Every partition has stopped."""
    IDLE = 3
    """Some partition lives, but nothing can ever wake it."""
    MONITOR_PANIC = 4
    """We are wrong: text in machine_error()."""
    ENGINE_FAILURE = 5
    """The engine is wrong: text in machine_error()."""


class LogCategory(IntFlag):
    """What the log records."""

    HYPERCALL = 1
    TRAP = 2
    SWITCH = 4
    EVENT = 8
    PARTITION = 16
    MARK = 32


class LogNumber(IntEnum):
    """What is in the log beside calls and exceptions."""

    TIMER = 0
    """LOG_EVENT."""
    KICK = 1
    SYSTEM_CALL = 257
    """LOG_TRAP."""
    INTERRUPT = 1024
    """LOG_TRAP: + n of `int n`."""


class PartitionState(IntEnum):
    """Whether a partition runs."""

    ABSENT = 0
    RUNNING = 1
    STOPPED = 2
