# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine: one emulated host, as the native extension runs it.

Owns the lifetime of the C machine and the conversion of records; every method is one
call of native/native.h. Called by ultravisor.host. It must not know configurations,
images as files, or people.

An engine failure can abort the process: ultravisor.supervised runs a host in a child.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self
from weakref import WeakSet

from ultravisor.errors import HostedAccessError, MachineError
from ultravisor.machine.abi import StopReason
from ultravisor.machine.cycle_records import (
    WINDOW_ROW,
    Step,
    TimingStatistics,
    WindowInstruction,
    WindowRow,
    read_statistics,
    read_step,
    read_window_instruction,
    read_window_row,
)
from ultravisor.machine.interface import (
    ExitReason,
    LogCategory,
    NativeError,
    PartitionState,
    TimingPath,
)
from ultravisor.machine.native import check, ffi, last_error, lib, raise_error, require_engine
from ultravisor.machine.records import (
    TRACE_RECORD,
    ConsoleChunk,
    DroppedRecords,
    LogRecord,
    MachineExit,
    MachineOptions,
    MarkRecord,
    PartitionOptions,
    PartitionStatistics,
    ProcessorStatistics,
    TraceRecord,
    TurnRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from ultravisor.machine._native import CData
    from ultravisor.machine.interface import TimingForget

SIGN_BIT = 1 << 63
ADDRESS_LIMIT = 1 << 64


class MachineSnapshot:
    """The whole state of a machine at one moment, in memory."""

    def __init__(self, machine: Machine, handle: CData) -> None:
        self.machine = machine
        self._handle: CData | None = handle

    def __del__(self) -> None:
        self.free()

    @property
    def handle(self) -> CData:
        """Return the C snapshot; it must not have been freed."""
        if self._handle is None:
            raise MachineError("the snapshot has been freed")
        return self._handle

    def free(self) -> None:
        """Give the snapshot's memory back; the machine stays as it is."""
        if self._handle is not None and not self.machine.closed:
            lib.machine_snapshot_free(self.machine.handle, self._handle)
        self._handle = None


class Machine:
    """One emulated host; a context manager. Used by one thread at a time."""

    def __init__(self, options: MachineOptions) -> None:
        """Make a machine without partitions; raise what makes that impossible."""
        require_engine()
        record = ffi.new("struct machine_options *")
        record.memory_size_bytes = options.memory_size_bytes
        record.seed = options.seed
        record.clock_frequency_hz = options.clock_frequency_hz
        record.interleave_cycles = options.interleave_cycles
        record.processor_count = options.processor_count
        record.monitor_build = options.monitor
        record.timing = options.timing
        record.clock = options.clock
        record.model = options.model
        record.check_refusals = options.check_refusals
        record.device_frame_count = options.device_frame_count
        place = ffi.new("struct machine **")
        check(lib.machine_create(record, place))
        self._handle: CData | None = ffi.gc(place[0], lib.machine_destroy)
        self._snapshots: WeakSet[MachineSnapshot] = WeakSet()
        self.options = options

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Say whether the machine is gone."""
        return self._handle is None

    @property
    def handle(self) -> CData:
        """Return the C machine; it must not have been closed."""
        if self._handle is None:
            raise MachineError("the machine has been closed")
        return self._handle

    def close(self) -> None:
        """Give everything back; closing twice is allowed."""
        if self._handle is None:
            return
        for snapshot in list(self._snapshots):
            snapshot.free()
        handle, self._handle = self._handle, None
        # Removing the destructor makes the order explicit: destroyed here, once.
        ffi.gc(handle, None)
        lib.machine_destroy(handle)

    def error(self) -> str:
        """Return the last failure in a sentence."""
        return last_error(self.handle)

    def monitor_load(self, image: bytes, entry_address: int) -> None:
        """Load the simulated monitor's image, flat, as linked."""
        data = ffi.from_buffer("uint8_t[]", image)
        self._check(lib.machine_monitor_load(self.handle, data, len(image), entry_address))

    def partition_add(self, options: PartitionOptions) -> int:
        """Add a partition before the boot; return its number."""
        kept: list[CData] = []
        segments = segment_records(options, kept)
        record = partition_record(options, kept)
        return self._check(
            lib.machine_partition_add(self.handle, record, segments, len(options.segments))
        )

    def slot_add(
        self,
        *,
        processor: int,
        partition: int,
        virtual_processor: int,
        quantum_cycles: int,
        donates: bool = False,
    ) -> None:
        """Add a slot at the end of a processor's cyclic map."""
        self._check(
            lib.machine_slot_add(
                self.handle, processor, partition, virtual_processor, quantum_cycles, donates
            )
        )

    def link_add(
        self,
        *,
        partition: int,
        port: int,
        target_partition: int,
        target_port: int,
        target_processor: int = 0,
    ) -> None:
        """Add a directed event link."""
        self._check(
            lib.machine_link_add(
                self.handle, partition, port, target_partition, target_port, target_processor
            )
        )

    def boot(self) -> None:
        """Start the monitor; no partition, slot or link can be added afterwards."""
        self._check(lib.machine_boot(self.handle))

    def run(self, until_cycles: int) -> MachineExit:
        """Run until the clocks reach `until_cycles`, or nothing is left to run."""
        record = ffi.new("struct machine_exit *")
        self._check(lib.machine_run(self.handle, until_cycles, record))
        reason = ExitReason(record.reason)
        turn = None
        if reason == ExitReason.HOSTED:
            turn = TurnRecord(record.partition, record.time_cycles, record.page_address)
        return MachineExit(reason, record.processor, record.clock_cycles, turn)

    def hosted_read(self, partition: int, address: int, size_bytes: int) -> bytes:
        """Read a hosted partition's own memory, during its program's turn."""
        if not 0 <= address < ADDRESS_LIMIT or not (
            0 <= size_bytes <= self.options.memory_size_bytes
        ):
            raise HostedAccessError(f"there are no {size_bytes} bytes at {address:#x}")
        buffer = ffi.new("uint8_t[]", size_bytes)
        code = lib.machine_hosted_read(self.handle, partition, address, buffer, size_bytes)
        if code < 0:
            self._raise_hosted(code)
        return bytes(ffi.buffer(buffer, size_bytes))

    def hosted_write(self, partition: int, address: int, data: bytes) -> None:
        """Write what a hosted partition could write itself, during its program's turn."""
        if not 0 <= address < ADDRESS_LIMIT:
            raise HostedAccessError(f"there is no address {address:#x}")
        buffer = ffi.from_buffer("uint8_t[]", data)
        code = lib.machine_hosted_write(self.handle, partition, address, buffer, len(data))
        if code < 0:
            self._raise_hosted(code)

    def hosted_done(self, work_cycles: int) -> None:
        """End the turn; the cycles are charged as if the partition had executed them."""
        self._check(lib.machine_hosted_done(self.handle, work_cycles))

    def _raise_hosted(self, code: int) -> NoReturn:
        if code == NativeError.INVALID:
            raise HostedAccessError(self.error())
        raise_error(code, self.handle)

    def input(self, partition: int, data: bytes, at_cycles: int) -> None:
        """Give a partition console input, seen once processor 0's clock is at `at_cycles`."""
        buffer = ffi.from_buffer("uint8_t[]", data)
        self._check(lib.machine_input(self.handle, partition, at_cycles, buffer, len(data)))

    def partition_stop(self, partition: int) -> None:
        """Stop a partition from outside."""
        self._check(lib.machine_partition_stop(self.handle, partition))

    def consoles(self) -> Iterator[ConsoleChunk]:
        """Take what partitions wrote since the last time, oldest first."""
        record = ffi.new("struct console_chunk *")
        while lib.machine_console_next(self.handle, record):
            data = bytes(ffi.buffer(record.data, record.size_bytes)) if record.size_bytes else b""
            yield ConsoleChunk(record.clock_cycles, record.partition, data)

    def log(self) -> Iterator[LogRecord]:
        """Take what was logged since the last time, oldest first."""
        record = ffi.new("struct log_record *")
        while lib.machine_log_next(self.handle, record):
            first, second, third = record.arguments
            yield LogRecord(
                clock_cycles=record.clock_cycles,
                category=LogCategory(record.category),
                processor=record.processor,
                virtual_processor=record.virtual_processor,
                number=record.number,
                arguments=(first, second, third),
                result=record.result,
            )

    def log_set(self, categories: LogCategory) -> None:
        """Choose what is logged from now on."""
        lib.machine_log_set(self.handle, int(categories))

    def marks(self) -> Iterator[MarkRecord]:
        """Take the marks that guests set since the last time, oldest first."""
        record = ffi.new("struct mark_record *")
        while lib.machine_mark_next(self.handle, record):
            yield MarkRecord(
                clock_cycles=record.clock_cycles,
                guest_cycles=record.guest_cycles,
                id=record.id,
                value=record.value,
                partition=record.partition,
                virtual_processor=record.virtual_processor,
            )

    def trace_set(self, enabled: bool) -> None:
        """Choose whether everything that a trace needs is recorded from now on."""
        lib.machine_trace_set(self.handle, enabled)

    def trace(self) -> Iterator[TraceRecord]:
        """Take what was recorded for a trace since the last time, in the order of execution."""
        place = ffi.new("const struct trace_record **")
        count = lib.machine_trace_take(self.handle, place)
        data = bytes(ffi.buffer(place[0], count * TRACE_RECORD.size)) if count else b""
        return map(TraceRecord._make, TRACE_RECORD.iter_unpack(data))

    def dropped(self) -> DroppedRecords:
        """Take the counts of what found no room in the queues since the last time."""
        record = ffi.new("struct dropped_records *")
        if not lib.machine_dropped_take(self.handle, record):
            # Asked often, and nearly always so.
            return DroppedRecords(0, 0, 0, {})
        return DroppedRecords(
            log_records=record.log_records,
            trace_records=record.trace_records,
            marks=record.marks,
            console_bytes=_counted(record.console_bytes),
        )

    def processor_statistics(self, processor: int) -> ProcessorStatistics:
        """Return a physical processor's counters."""
        record = ffi.new("struct processor_statistics *")
        self._check(lib.machine_processor_statistics(self.handle, processor, record))
        return ProcessorStatistics(
            guest_cycles=record.guest_cycles,
            machine_cycles=record.machine_cycles,
            idle_cycles=record.idle_cycles,
            clock_cycles=record.clock_cycles,
            switches=record.switches,
            virtual_processor=record.virtual_processor,
        )

    def path_costs(self) -> dict[str, int]:
        """Return the cycles assumed for each path of the native monitor; none when simulated."""
        record = ffi.new("struct path_costs *")
        self._check(lib.machine_path_costs(self.handle, record))
        names = ("hypercall", "trap", "interrupt", "world_switch")
        return {name: int(getattr(record, name)) for name in names if getattr(record, name)}

    def partition_statistics(self, partition: int) -> PartitionStatistics:
        """Return a partition's state and counters."""
        record = ffi.new("struct partition_statistics *")
        self._check(lib.machine_partition_statistics(self.handle, partition, record))
        return PartitionStatistics(
            state=PartitionState(record.state),
            stop_reason=StopReason(record.stop_reason),
            stop_vector=record.stop_vector,
            stop_error_code=record.stop_error_code,
            stop_rip=record.stop_rip,
            stop_address=record.stop_address,
            stop_text=ffi.string(record.stop_text, 128).decode("utf-8", "replace"),
            exit_code=_signed(record.exit_code),
            work=record.work,
            events_sent=record.events_sent,
            events_delivered=record.events_delivered,
            system_calls=record.system_calls,
            hypercalls=_counted(record.hypercalls),
            traps=_counted(record.traps),
        )

    def timing_statistics(
        self, processor: int, partition: int, path: TimingPath
    ) -> TimingStatistics:
        """Return what a processor's core counted; partition 0 is the monitor's own."""
        record = ffi.new("struct timing_statistics *")
        self._check(lib.machine_timing_statistics(self.handle, processor, partition, path, record))
        return read_statistics(record)

    def timing_forget(self, processor: int, what: TimingForget) -> None:
        """Make what a processor's core has learnt useless; TimingForget's values are ORed."""
        self._check(lib.machine_timing_forget(self.handle, processor, what))

    def window_open(self, processor: int, first_instruction: int, instruction_count: int) -> None:
        """Record instructions of a processor's core, counted from now; one window at a time."""
        self._check(
            lib.machine_window_open(self.handle, processor, first_instruction, instruction_count)
        )

    def window_instructions(self) -> tuple[WindowInstruction, ...]:
        """Return the instructions that the window has recorded so far."""
        return tuple(read_window_instruction(row) for row in self._window() if row.transition == 0)

    def window_rows(self) -> tuple[WindowRow, ...]:
        """Return what the window has recorded so far, with what each of it took."""
        return tuple(read_window_row(row) for row in self._window())

    def _window(self) -> Iterator[CData]:
        place = ffi.new("const struct window_instruction **")
        count = lib.machine_window_instructions(self.handle, place)
        return (place[0][i] for i in range(count))

    def window_data(self) -> bytes:
        """Return the same rows as they lie in memory: WINDOW_ROW of cycle_records."""
        place = ffi.new("const struct window_instruction **")
        count = lib.machine_window_instructions(self.handle, place)
        return bytes(ffi.buffer(place[0], count * WINDOW_ROW.size)) if count else b""

    def window_steps(self) -> tuple[Step, ...]:
        """Return the micro-ops of the window's instructions."""
        place = ffi.new("const struct timing_step **")
        count = lib.machine_window_steps(self.handle, place)
        return tuple(read_step(place[0][i]) for i in range(count))

    def state_hash(self) -> int:
        """Return the canonical hash of the whole host."""
        return int(lib.machine_state_hash(self.handle))

    def partition_hash(self, partition: int) -> int:
        """Return the canonical hash of one partition."""
        return int(lib.machine_partition_hash(self.handle, partition))

    def guest_read(self, partition: int, address: int, size_bytes: int) -> bytes:
        """Read memory as the partition's kernel sees it; stop at what is not mapped."""
        buffer = ffi.new("uint8_t[]", size_bytes)
        count = lib.machine_guest_read(self.handle, partition, address, buffer, size_bytes)
        return bytes(ffi.buffer(buffer, count))

    def memory_read(self, machine_address: int, size_bytes: int) -> bytes:
        """Read machine memory as it is; raise MachineError where there is none."""
        buffer = ffi.new("uint8_t[]", size_bytes)
        if lib.machine_memory_read(self.handle, machine_address, buffer, size_bytes) != size_bytes:
            raise MachineError(f"{size_bytes} bytes at {machine_address:#x}: not machine memory")
        return bytes(ffi.buffer(buffer, size_bytes))

    def snapshot(self) -> MachineSnapshot:
        """Keep the whole state in memory."""
        place = ffi.new("struct machine_snapshot **")
        self._check(lib.machine_snapshot_take(self.handle, place))
        snapshot = MachineSnapshot(self, place[0])
        self._snapshots.add(snapshot)
        return snapshot

    def restore(self, snapshot: MachineSnapshot) -> None:
        """Go back to a snapshot of this machine."""
        if snapshot.machine is not self:
            raise MachineError("the snapshot was taken of another machine")
        self._check(lib.machine_snapshot_restore(self.handle, snapshot.handle))

    def dirty_frames(self) -> int:
        """Count the frames that changed since the last snapshot was taken or restored."""
        return int(lib.machine_dirty_frames(self.handle))

    def write(self, path: Path | str) -> None:
        """Write the whole state to a file."""
        self._check(lib.machine_snapshot_write(self.handle, _path(path)))

    def read(self, path: Path | str) -> None:
        """Read a state; the machine must have the same options and partitions, not yet run."""
        self._check(lib.machine_snapshot_read(self.handle, _path(path)))

    def run_plain(self, partition: int) -> int:
        """Run a partition to its exit in a bare engine; return the CPU time in nanoseconds.

        For benchmarks: without hooks, preemption or monitor. The machine must just have
        booted, and is good for nothing else afterwards.
        """
        cpu_ns = ffi.new("uint64_t *")
        self._check(lib.machine_run_plain(self.handle, partition, cpu_ns))
        return int(cpu_ns[0])

    def run_hooked(self, partition: int) -> int:
        """Do the same with hooks that count every block and every access to memory."""
        cpu_ns = ffi.new("uint64_t *")
        self._check(lib.machine_run_hooked(self.handle, partition, cpu_ns))
        return int(cpu_ns[0])

    def _check(self, code: int) -> int:
        return check(code, self.handle)


def segment_records(options: PartitionOptions, kept: list[CData]) -> CData:
    """Return the C records of an image's segments; `kept` holds what they point at."""
    segments = ffi.new("struct image_segment[]", len(options.segments))
    for record, segment in zip(segments, options.segments, strict=True):
        data = ffi.from_buffer("uint8_t[]", segment.data)
        kept.append(data)
        record.address = segment.address
        record.size_bytes = segment.size_bytes
        record.data_size_bytes = len(segment.data)
        record.data = data
        record.writable = segment.writable
        record.executable = segment.executable
    return segments


def partition_record(options: PartitionOptions, kept: list[CData]) -> CData:
    """Fill the C record; `kept` holds what it points at."""
    name = ffi.new("char[]", options.name.encode())
    command_line = ffi.new("char[]", options.command_line.encode())
    processors = ffi.new("uint32_t[]", list(options.processors))
    kept += [name, command_line, processors]
    record = ffi.new("struct partition_options *")
    record.name = name
    record.command_line = command_line
    record.memory_size_bytes = options.memory_size_bytes
    record.entry_address = options.entry_address
    record.kind = options.kind
    record.width = options.width
    record.rights = int(options.rights)
    record.virtual_processor_count = len(options.processors)
    record.processors = processors
    return record


def _counted(counters: Any) -> dict[int, int]:
    return {number: count for number, count in enumerate(counters) if count}


def _signed(value: int) -> int:
    return value - 2 * SIGN_BIT if value >= SIGN_BIT else value


def _path(path: Path | str) -> CData:
    return ffi.new("char[]", str(Path(path)).encode())
