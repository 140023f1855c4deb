# SPDX-License-Identifier: GPL-2.0-or-later
"""Which phase of a path an instruction belongs to.

Owns the table of the monitor's symbols and their phases: the one place that says what is
entry, dispatch, body and so on. Used by whoever attributes cycles; knows neither paths nor
cycles. An address belongs to the nearest symbol before it; a symbol that the table does not
have, of an entry path of the user's own, to the phase of the nearest before it that it has.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from typing import TYPE_CHECKING

from ultravisor.machine.abi import MONITOR_SLOT_COUNT, MONITOR_SLOT_FIRST
from ultravisor.machine.interface import TimingTransition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ultravisor.machine.models import ModelName


class Phase(StrEnum):
    """A part of a path, in the order in which they usually come."""

    GUEST = "guest"
    """The guest's own instructions: the call's stub, and its handlers."""
    ENTRY = "entry"
    """From the instruction or exception that enters until C has the registers."""
    DISPATCH = "dispatch"
    """Finding out what happened, and what to call; the lock."""
    BODY = "body"
    """What was asked for."""
    SCHEDULE = "schedule"
    """Who runs next, until when; the timer."""
    SAVE = "save"
    """Of a switch: the state beyond the general registers."""
    SPACE = "space"
    """Loading roots, dropping translations."""
    RESTORE = "restore"
    """Of a switch: the next one's state."""
    EXIT = "exit"
    """Back to the guest."""
    START = "start"
    """The host's start, and following a new generation of the view; on no path."""


_ENTRY = """
    image_start syscall_entry call_32_entry trap_common timer_entry kick_entry
"""
_DISPATCH = """
    monitor_enter simulated_enter trap_handle trap_sanitise hypercall_dispatch
"""
_BODY = """
    hc_version hc_console_write hc_console_read hc_yield hc_block hc_partition_exit
    hc_trap_handlers_set hc_callback_set hc_kernel_stack_set hc_iret hc_base_set hc_base_get
    hc_table_pin hc_table_unpin hc_table_update hc_mapping_update hc_roots_set
    hc_translation_flush hc_frames_release hc_event_send hc_event_send_processor hc_event_poll
    hc_timer_set hc_time_get hc_processor_start hc_processor_stop hc_view_get hc_mark hc_trace_set
    hc_descriptor_set hc_watchdog_set
    descriptor_of descriptor_selector_is_fresh
    event_send event_wake event_raise event_deliver
    frames_monitor_end frame_take frame_drop frame_settle
    walk guest_memory_check guest_memory_address guest_memory_peek guest_memory_touch
    guest_memory_read guest_memory_write
    partition_stop partition_stop_deserted
    processor_reset processor_start_first processor_context_peek processor_context_size_bytes
    root_take root_drop roots_release
    entry_take entry_drop entry_settle table_pin
    trap_mode_set trap_deliver trap_raise trap_exception trap_system_call
    trap_frame_write trap_frame_read
    view_event_target channel_entry_take channel_entry_drop device_entry_take
    platform_kick platform_code_changed platform_context_reset platform_console_write
    platform_console_read platform_mark platform_panic
"""
_SCHEDULE = """
    monitor_leave processor_depart
    schedule_candidate schedule_deadline schedule_deadline_update schedule_map_check schedule_run
    schedule_woken slots_forgive_yields slots_advance slots_next_use timers_expire
    watchdogs_expire
    schedule_map_follow slots_forget_yields processor_follow
    platform_deadline_set platform_clock_rebate idle_loop
"""
_SAVE = "switch_to floating_point_save"
_SPACE = """
    switch_space root_activate roots_enter platform_root_load platform_translation_flush
"""
_RESTORE = """
    switch_restore selectors_loaded load_selectors descriptors_load floating_point_restore
"""
_EXIT = "leave resume switch_done floating_point_return"
_START = """
    enter_first leave_boot boot_entry simulated_boot monitor_start monitor_first
    start_host start_page_take start_refuse start_partition_records start_partition
    start_is_as_before records_are_good range_add generation_step generation_start generation_begin
    generation_wants generation_notice progress_step monitor_handle_changed grant_channels
    grant_devices device_is_lawful device_is_in_view
    grant_extents grant_pass grant_run revocation_sever revocation_release frame_free
    frame_is_revoked partition_sever partition_leave processor_pause processor_resume
    channel_side_count channel_is_lawful channel_is_in_view
"""
# One for each vector; nobody wants to read them all.
_TRAP_STUBS = {f"trap_{vector}": Phase.ENTRY for vector in range(32)}

PHASES: dict[str, Phase] = {
    name: phase
    for names, phase in (
        (_ENTRY, Phase.ENTRY),
        (_DISPATCH, Phase.DISPATCH),
        (_BODY, Phase.BODY),
        (_SCHEDULE, Phase.SCHEDULE),
        (_SAVE, Phase.SAVE),
        (_SPACE, Phase.SPACE),
        (_RESTORE, Phase.RESTORE),
        (_EXIT, Phase.EXIT),
        (_START, Phase.START),
    )
    for name in names.split()
} | _TRAP_STUBS

# What happens to the processor without an instruction.
TRANSITION_PHASES: dict[TimingTransition, Phase] = {
    TimingTransition.EXCEPTION: Phase.ENTRY,
    TimingTransition.INTERRUPT: Phase.ENTRY,
    TimingTransition.CHARGE: Phase.BODY,
    TimingTransition.ADDRESS_SPACE: Phase.SPACE,
    TimingTransition.FLUSH_SPACE: Phase.SPACE,
    TimingTransition.FLUSH_PAGE: Phase.SPACE,
    TimingTransition.FLUSH_ALL: Phase.SPACE,
    TimingTransition.IDLE: Phase.SCHEDULE,
    TimingTransition.ROOT: Phase.SPACE,
    TimingTransition.ENTRY_ROOT: Phase.ENTRY,
    TimingTransition.EXIT_ROOT: Phase.EXIT,
    TimingTransition.ENTRY_RESTRICTION: Phase.ENTRY,
    TimingTransition.EXIT_RESTRICTION: Phase.EXIT,
    TimingTransition.BUFFER_CLEARING: Phase.EXIT,
    TimingTransition.TARGET_BARRIER: Phase.SPACE,
    TimingTransition.DATA_CACHE_FLUSH: Phase.SPACE,
    TimingTransition.RETURN_FILLING: Phase.SPACE,
}
# Whose parameter of the model it is that makes it happen.
TRANSITION_MODELS: dict[TimingTransition, ModelName] = {
    TimingTransition.ENTRY_ROOT: "kpti",
    TimingTransition.EXIT_ROOT: "kpti",
    TimingTransition.ENTRY_RESTRICTION: "ibrs",
    TimingTransition.EXIT_RESTRICTION: "ibrs",
    TimingTransition.BUFFER_CLEARING: "verw",
    TimingTransition.TARGET_BARRIER: "ibpb",
    TimingTransition.DATA_CACHE_FLUSH: "l1d",
    TimingTransition.RETURN_FILLING: "rsb",
}


# `syscall`, `int n`: a guest's instructions whose cost is that of entering. `vmcall` is none: it
# does not execute, and what enters is an exception.
_ENTERING_CODES = (b"\x0f\x05", b"\xcd")
SLOT_SHIFT = 39
SLOT_MASK = 0x1FF


def is_monitor(address: int) -> bool:
    """Say whether an address lies in the slots that are the monitor's in every space."""
    slot = address >> SLOT_SHIFT & SLOT_MASK
    return MONITOR_SLOT_FIRST <= slot < MONITOR_SLOT_FIRST + MONITOR_SLOT_COUNT


def transition_text(transition: TimingTransition) -> str:
    """Return how what happens without an instruction is called: `flush all`, `model: verw`."""
    model = TRANSITION_MODELS.get(transition)
    return f"model: {model}" if model else transition.name.lower().replace("_", " ")


def source_name(symbol: str) -> str:
    """Return a function's name without what the compiler adds to a copy: `walk.isra.0`."""
    return symbol.partition(".")[0]


class PhaseMap:
    """The phases of one monitor's text."""

    def __init__(self, symbols: Iterable[tuple[int, str]]) -> None:
        """Take (address, name) of all symbols of the text."""
        # Of several at one address, the last one counts: one that the table has.
        ordered = sorted(symbols, key=lambda row: (row[0], source_name(row[1]) in PHASES, row[1]))
        self._names = dict(ordered)
        self._addresses = list(self._names)
        self._phases = dict(self._attribute())

    def _attribute(self) -> Iterator[tuple[int, Phase]]:
        phase = Phase.ENTRY
        for address, name in self._names.items():
            phase = PHASES.get(source_name(name), phase)
            yield address, phase

    def _nearest(self, address: int) -> int:
        return self._addresses[bisect_right(self._addresses, address) - 1]

    def phase(self, address: int, code: bytes) -> Phase:
        """Return the phase of an instruction; what is not the monitor's is the guest's."""
        if is_monitor(address):
            return self._phases[self._nearest(address)]
        return Phase.ENTRY if code.startswith(_ENTERING_CODES) else Phase.GUEST

    def label(self, address: int) -> str:
        """Return `symbol` or `symbol+0x12` for an address of the monitor."""
        nearest = self._nearest(address)
        offset = address - nearest
        return self._names[nearest] + (f"+{offset:#x}" if offset else "")
