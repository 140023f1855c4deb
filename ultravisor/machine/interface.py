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
    SKYLAKE = 2
    HASWELL = 3
    IVYBRIDGE = 4
    ZEN4 = 5


class ClockSource(IntEnum):
    """Which clock slots and timers run by."""

    GUEST = 0
    MACHINE = 1


class MachineModel(IntFlag):
    """What the emulated machine lacks around a switch, and a core can count."""

    PCID = 1
    """Loading a root keeps translations, each with its space's tag."""
    GLOBAL = 2
    """The monitor's translations survive it."""
    KPTI = 4
    """The monitor's own root is loaded at entry, the guest's at exit."""
    VERW = 8
    """Buffers are cleared before each exit to a guest."""
    IBRS = 16
    """Speculation control is written at each entry and exit."""
    RETPOLINE = 32
    """No indirect branch of the monitor's is predicted."""
    IBPB = 64
    """Targets are forgotten from one partition to another."""
    L1D = 128
    """The first data cache is emptied from one partition to another."""
    RSB = 256
    """Predicted returns are overwritten from one partition to another."""


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
    HOSTED = 6
    """A program's turn: machine_hosted_done, then machine_run again."""


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


class TraceKind(IntEnum):
    """What one record of a trace is."""

    HYPERCALL = 1
    TRAP = 2
    """Numbers as in the log."""
    INTERRUPT = 3
    """Numbers as of LOG_EVENT."""
    MARK = 4
    """Arguments: id, value, guest cycles."""
    CONSOLE = 5
    """Arguments: the first bytes; result: how many there were."""
    STOP = 6
    """Number: stop reason; arguments: partition, exit code, rip, address."""


class FrameUse(IntEnum):
    """What becomes of a frame."""

    FREE = 0
    OWNED = 1
    """By a partition or channel, but nothing refers to it."""
    REFERENCED = 2
    """Mapped, a table, or a page that the monitor writes."""
    MONITOR = 3


class TimingPath(IntEnum):
    """On whose behalf, and in what, a core spent its cycles."""

    GUEST = 0
    """The partition's own code; of partition 0: idle."""
    HYPERCALL = 1
    """From here on the monitor's, until it leaves to a partition."""
    TRAP = 2
    INTERRUPT = 3
    """A deadline or a kick; of partition 0: the monitor's start."""


class TimingForget(IntFlag):
    """What of a core's knowledge is made useless."""

    CACHES = 1
    """Code and data, down to memory."""
    TRANSLATIONS = 2
    PREDICTORS = 4
    """Branches, targets, returns."""
    UOPS = 8
    """Decoded instructions."""


class TimingIdeal(IntEnum):
    """What a core leaves out, to see what bounds a block."""

    FRONT_END = 1
    PORTS = 2
    DEPENDENCIES = 4
    CODE = 8
    """Code is always in the first cache."""


class TimingCause(IntEnum):
    """Where a core's cycles went; the parts add up."""

    RETIRING = 0
    FRONT_END = 1
    SPECULATION = 2
    """After a branch that was predicted wrongly."""
    CORE = 3
    """Waiting for results and ports."""
    MEMORY = 4
    TRANSITION = 5
    """Serialising instructions, exceptions, interrupts."""


class TimingEvent(IntEnum):
    """What a core counts."""

    INSTRUCTION = 0
    UOP = 1
    """Issue slots."""
    UNKNOWN_INSTRUCTION = 2
    LOAD = 3
    STORE = 4
    FORWARD = 5
    """A load served by a store that was not yet in the cache."""
    BLOCKED_FORWARD = 6
    """A load that had to wait for such a store."""
    DATA_CACHE_MISS = 7
    SECOND_CACHE_MISS = 8
    SHARED_CACHE_MISS = 9
    """Prefetches too."""
    CODE_CACHE_MISS = 10
    DATA_TLB_MISS = 11
    CODE_TLB_MISS = 12
    PAGE_WALK = 13
    BRANCH = 14
    MISPREDICT = 15
    RESTEER = 16
    UOP_CACHE_HIT = 17
    """Windows of 32 or 64 bytes of code."""
    UOP_CACHE_MISS = 18
    TRANSITION = 19
    COHERENCE = 20
    """A line that another processor had."""
    PREFETCH = 21
    """A line that the first cache asked for ahead."""


class TimingTransition(IntEnum):
    """What happens to a core without an instruction, or beside one."""

    EXCEPTION = 0
    INTERRUPT = 1
    CHARGE = 2
    """Value: cycles of a path that nobody executed."""
    ADDRESS_SPACE = 3
    """Value: the tag of the one that is now in force."""
    FLUSH_SPACE = 4
    """Value: the tag whose translations are dropped."""
    FLUSH_PAGE = 5
    """Value: the virtual address."""
    FLUSH_ALL = 6
    IDLE = 7
    """Value: cycles in which nothing ran."""
    ROOT = 8
    """Value: the root that an instruction has loaded."""
    ENTRY_ROOT = 9
    """Value: the root, loaded without an instruction."""
    EXIT_ROOT = 10
    """The same."""
    ENTRY_RESTRICTION = 11
    EXIT_RESTRICTION = 12
    BUFFER_CLEARING = 13
    TARGET_BARRIER = 14
    DATA_CACHE_FLUSH = 15
    RETURN_FILLING = 16


class PartitionState(IntEnum):
    """Whether a partition runs."""

    ABSENT = 0
    RUNNING = 1
    STOPPED = 2
    PAUSED = 3
    READY = 4
