# SPDX-License-Identifier: MIT
"""The contract, in Python.

Generated from monitor/abi by
ultravisor.machine.generate_abi. Do not edit: change the header and generate again.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final, NamedTuple
from uuid import UUID

ABI_VERSION: Final = 1
PAGE_SHIFT: Final = 12
PAGE_SIZE_BYTES: Final = 4096
TABLE_ENTRY_COUNT: Final = 512
ROOT_ENTRY_COUNT_32: Final = 4
"""Used entries of a 32-bit guest's root: the others are 0."""
MONITOR_SLOT_FIRST: Final = 256
MONITOR_SLOT_COUNT: Final = 16
ENTRY_PRESENT: Final = 0x1
ENTRY_WRITABLE: Final = 0x2
ENTRY_USER: Final = 0x4
"""64-bit guests: demanded at every level; 32-bit: user mode may too."""
ENTRY_WRITE_THROUGH: Final = 0x8
ENTRY_CACHE_DISABLE: Final = 0x10
ENTRY_ACCESSED: Final = 0x20
ENTRY_DIRTY: Final = 0x40
ENTRY_LARGE: Final = 0x80
"""Never accepted."""
ENTRY_SOFTWARE: Final = 0xE00
"""Free for the guest."""
SELECTOR_MONITOR_CODE: Final = 0x08
SELECTOR_MONITOR_DATA: Final = 0x10
SELECTOR_KERNEL_CODE_32: Final = 0x19
SELECTOR_USER_CODE_32: Final = 0x23
SELECTOR_GUEST_DATA: Final = 0x2B
"""64-bit: all data; 32-bit: user mode's."""
SELECTOR_GUEST_CODE_64: Final = 0x33
SELECTOR_KERNEL_DATA_32: Final = 0x39
SELECTOR_GUEST_FIRST: Final = 0xC0
"""With the ring in the lowest two bits."""
HYPERCALL_VECTOR: Final = 0x82
SYSTEM_CALL_VECTOR: Final = 0x80
VECTOR_EVENT: Final = 256
VECTOR_SYSTEM_CALL: Final = 257
HYPERCALL_STUB_SIZE_BYTES: Final = 32
FRAME_STATE_USER: Final = 0x1
"""User mode was interrupted."""
FRAME_STATE_EVENTS_MASKED: Final = 0x2
"""Events were masked."""
TRAP_MASK_EVENTS: Final = 0x1
"""Enter the handler with events masked."""
TRAP_USER_ALLOWED: Final = 0x2
"""User mode may raise the vector with int n."""
PORT_TIMER: Final = 0
PORT_CONSOLE: Final = 1
PORT_LINK_FIRST: Final = 8
PAGE_MAGIC_START: Final = 0x54535655
"""'UVST'."""
PAGE_MAGIC_SHARED: Final = 0x48535655
"""'UVSH'."""
PAGE_MAGIC_TIME: Final = 0x49545655
"""'UVTI'."""
NOTE_TYPE_IMAGE: Final = 1
"""ELF note, owner 'Ultravisor'."""
NOTE_TYPE_SCENARIO: Final = 2
"""The same owner; images that are tests have it too."""
ENTRY_NO_EXECUTE: Final = 0x8000000000000000
ENTRY_FRAME_MASK: Final = 0x000FFFFFFFFFF000
TRANSLATION_ALL: Final = 0xFFFFFFFFFFFFFFFF
"""A 32-bit caller: 0xffffffff."""
TIME_NEVER: Final = 0xFFFFFFFFFFFFFFFF
PAGE_MAGIC_VIEW: Final = 0x49565655
"""'UVVI'."""
VIEW_BODY_COUNT: Final = 2
SLOT_DONATES: Final = 0x1
CHANNEL_END_WRITABLE: Final = 0x1
VIEW_CHANNEL_END_COUNT: Final = 2
VIEW_DEVICE_ACTIVE: Final = 0x1
PAGE_MAGIC_HOSTED: Final = 0x4F485655
"""'UVHO'."""
HOSTED_PORT: Final = 0xE5
HOSTED_DOORBELL_SIZE_BYTES: Final = 2
HOSTED_AGAIN: Final = 0x1
"""Ring again after the calls, instead of waiting for an event."""
CHANNEL_VERSION_DISK: Final = 1
CHANNEL_VERSION_NETWORK: Final = 1
IO_SLOT_COUNT: Final = 128
IO_SIGNAL_SIZE_BYTES: Final = 64
IO_PAYLOAD_OFFSET: Final = 20480
"""From the channel's beginning to its end: the area of payload."""
IO_CHANNEL_SIZE_MINIMUM_BYTES: Final = 86016
SECTOR_SIZE_BYTES: Final = 512
DISK_FLAG_READ_ONLY: Final = 0x1
DISK_FLAG_DISCARD: Final = 0x2
"""Discard and write_zeroes are known."""
NETWORK_FLAG_LINK_UP: Final = 0x1
NETWORK_FRAME_LIMIT_BYTES: Final = 1514
"""An Ethernet frame, without its check sequence."""
NETWORK_ADDRESS_SIZE_BYTES: Final = 6
CHANNEL_SIGNATURE: Final = 0x4C4E4345
"""'ECNL', as 64 bits."""
CHANNEL_HEADER_SIZE_BYTES: Final = 128
QUEUE_HEADER_SIZE_BYTES: Final = 128
CHANNEL_VERSION_CONTROL: Final = 1
CHANNEL_VERSION_VBUS: Final = 1
CHANNEL_VERSION_COMMAND: Final = 1
CONTROL_CHANNEL_SIZE_BYTES: Final = 36608
"""Without the areas of payload."""
CONTROL_QUEUE_COUNT: Final = 4
CONTROL_MESSAGE_SIZE_BYTES: Final = 128
CONTROL_PACKET_SIZE_BYTES: Final = 80
COMMAND_SIGNAL_SIZE_BYTES: Final = 32
COMMAND_QUEUE_COUNT: Final = 2
CONTROL_QUEUE_REQUEST: Final = 0
"""The partition's answers, and its own messages."""
CONTROL_QUEUE_RESPONSE: Final = 1
"""Replies to the partition's own messages; it only drains them."""
CONTROL_QUEUE_EVENT: Final = 2
"""Messages to the partition."""
CONTROL_QUEUE_EVENT_ACK: Final = 3
"""The partition's acknowledgements, sent before it acts."""
CHANNEL_QUEUE_TO_SERVER: Final = 0
"""The client sends."""
CHANNEL_QUEUE_TO_CLIENT: Final = 1
"""The server sends."""
SEGMENT_STATE_RUNNING: Final = 0xF7
SEGMENT_STATE_PAUSED: Final = 0x77
SEGMENT_STATE_STANDBY: Final = 0x73
CONTROL_PHYSICAL_DEVICE: Final = 0x1

MACHINE_MEMORY_MINIMUM_MIB: Final = 64
"""Machine memory, monitor included."""
MACHINE_MEMORY_MAXIMUM_MIB: Final = 8192
"""Machine memory, monitor included."""
PROCESSOR_LIMIT: Final = 8
"""Physical processors."""
PARTITION_LIMIT: Final = 128
"""Partitions, with number 0 never used."""
VIRTUAL_PROCESSOR_LIMIT: Final = 256
"""Of all partitions together."""
SLOT_LIMIT: Final = 128
"""Slots in the cyclic map of one processor."""
EXTENT_LIMIT: Final = 1024
"""Runs of machine frames in a view."""
EVENT_LINK_LIMIT: Final = 1024
"""Directed event links in a view."""
CHANNEL_LIMIT: Final = 1024
"""Channels in a view."""
DEVICE_LIMIT: Final = 64
"""Devices in a view."""
PARTITION_PROCESSOR_LIMIT: Final = 8
"""Virtual processors of one partition."""
PARTITION_EXTENT_LIMIT: Final = 16
"""Extents that fit its start page."""
EVENT_PORT_LIMIT: Final = 64
"""Event ports of one virtual processor."""
TRAP_VECTOR_LIMIT: Final = 32
"""Exception vectors that a guest can handle."""
DESCRIPTOR_LIMIT: Final = 8
"""Segments of its own of a 32-bit virtual processor."""
NAME_LIMIT: Final = 32
"""Bytes of a name, with its final zero."""
COMMAND_LINE_LIMIT: Final = 1024
"""Bytes of a command line, with its final zero."""
SCENARIO_SENTENCE_LIMIT: Final = 128
"""Bytes of a scenario's sentence, with its final zero."""
TABLE_UPDATE_LIMIT: Final = 128
"""Entries in one table_update."""
CONSOLE_LIMIT: Final = 4096
"""Bytes in one console_write or console_read."""
EXIT_REASON_LIMIT: Final = 128
"""Bytes of the reason to exit, with its final zero."""
FRAMES_RELEASE_LIMIT: Final = 512
"""Frames in one frames_release."""
CHANNEL_SLOT_MINIMUM: Final = 64
"""Slots of a queue, of which one stays empty."""
CHANNEL_SLOT_LIMIT: Final = 4096
"""Slots of a queue."""
CHANNEL_SIGNAL_LIMIT: Final = 4096
"""Bytes of a signal."""
CONTROL_MESSAGE_COUNT: Final = 64
"""Slots of each queue of a control channel, as published."""
CONTROL_CRASH_MESSAGE_COUNT: Final = 2
"""Saved messages of a control channel, as published."""
CONTROL_PAYLOAD_LIMIT: Final = 131072
"""Bytes of the payload of a control message."""
HOSTED_CALL_LIMIT: Final = 60
"""Calls of the monitor that it may queue: they fill one page."""
HOSTED_WORK_LIMIT_CYCLES: Final = 1000000000
"""Cycles of work that it may declare."""
VIEW_STEP_FRAME_LIMIT: Final = 64
"""Frames scrubbed, given to an owner or severed."""
VIEW_STEP_TABLE_LIMIT: Final = 8
"""Page tables pinned or severed."""
VIEW_STEP_SCAN_LIMIT: Final = 1024
"""Frames looked at."""
VIEW_STEP_INTERVAL_CYCLES: Final = 8192
"""Between two steps of a processor that is not idle."""
QUANTUM_MINIMUM_CYCLES: Final = 16

GUID_CONTROL: Final = UUID("2b3c2d10-7ef5-4ad8-b966-3448b7386b3d")
"""A partition's control channel."""
GUID_VBUS: Final = UUID("193b331b-c58f-11da-95a9-00e08161165f")
"""A virtual bus."""
GUID_VHBA: Final = UUID("414815ed-c58c-11da-95a9-00e08161165f")
"""A virtual storage adapter."""
GUID_VNIC: Final = UUID("8cd5994d-c58e-11da-95a9-00e08161165f")
"""A virtual network adapter."""
GUID_KEYBOARD: Final = UUID("c73416d0-b0b8-44af-b304-9d2ae99f1b3d")
"""A keyboard."""
GUID_MOUSE: Final = UUID("addf07d4-94a9-46e2-81c3-61abcdbdbd87")
"""A mouse."""
GUID_CONSOLE_VIDEO: Final = UUID("3cd6e705-d6a2-4aa5-ad5c-7b08889dffe2")
"""A console's screen."""
GUID_STORAGE_BUS: Final = UUID("72120008-4aab-11dc-8530-444553544200")
"""The instance of the bus of storage."""
GUID_CONTROL_DIRECTOR: Final = UUID("5b52c5ac-e5f5-4d42-8dff-429eaecd221f")
"""The control director."""
GUID_DIAGNOSTICS_POOL: Final = UUID("b4e79625-aede-4eaa-9e11-d3eddcd4504c")
"""A pool of diagnostics."""
GUID_DIAGNOSTICS: Final = UUID("eea7a573-db82-447c-8716-efbeaaae4858")
"""Diagnostics of a partition."""
GUID_DIAGNOSTICS_ROOT: Final = UUID("e850f968-3263-4484-8ca5-2a35d087a5a8")
"""Diagnostics of the host."""
GUID_NONE: Final = UUID("00000000-0000-0000-0000-000000000000")
"""No type: a channel that is being built."""
GUID_COMMAND: Final = UUID("6f2d3a58-1c94-4e0b-9d57-5a8be3c7f410")
"""A command channel; ours, not published."""
GUID_DISK: Final = UUID("b41b3956-9e49-520f-bf22-b1d5b89bc227")
"""A channel to a disk; ours."""
GUID_NETWORK: Final = UUID("9108d3e7-9b42-533f-ab82-109361fc9b9e")
"""A channel to a network; ours."""
GUID_VIRTIO_BLOCK: Final = UUID("01d1a20d-4782-5ef8-890b-fdf0a1602da4")
"""The registers of a virtio block device; ours."""
GUID_VIRTIO_NETWORK: Final = UUID("d2bca5c5-0d69-5b38-bac8-7006de94b848")
"""The registers of a virtio network device; ours."""
GUID_VIRTIO_CONSOLE: Final = UUID("63279a9e-4fc3-53f7-9580-153300b1461e")
"""The registers of a virtio console; ours."""


class Right(IntFlag):
    """What a view can grant."""

    NONE = 0x0
    CONSOLE = 0x1
    MEMORY = 0x2
    EVENTS = 0x4
    PROCESSORS = 0x8
    TRACE = 0x10
    ALL = 0x1F


class Hypercall(IntEnum):
    """The calls, by number."""

    VERSION = 0
    """Returns ABI_VERSION; the null call that benchmarks time."""
    CONSOLE_WRITE = 1
    """Writes bytes to the partition's console; returns how many were taken."""
    CONSOLE_READ = 2
    """Reads pending console input; returns how many bytes were copied, 0 if none."""
    YIELD = 3
    """Ends the caller's use of its current slot."""
    BLOCK = 4
    """Unmasks events and waits for one; returns at once if one is pending."""
    PARTITION_EXIT = 5
    """Stops the whole partition with an exit code and a reason; does not return."""
    TRAP_HANDLERS_SET = 6
    """Registers handlers for exception vectors; address 0 removes one."""
    CALLBACK_SET = 7
    """Registers the entry for events or for system calls of user mode."""
    KERNEL_STACK_SET = 8
    """Sets the stack on which traps and system calls from user mode arrive."""
    IRET = 9
    """Returns through the trap frame at the stack pointer, to either mode."""
    BASE_SET = 10
    """Sets the FS, the kernel GS or the user GS base; 64-bit guests only."""
    BASE_GET = 11
    """Returns the FS, the kernel GS or the user GS base; 64-bit guests only."""
    TABLE_PIN = 12
    """Validates a frame as a page table of a level and fixes that type."""
    TABLE_UNPIN = 13
    """Drops the table type of a pinned frame that nothing references."""
    TABLE_UPDATE = 14
    """Writes entries of pinned tables, all or none; new references are taken before old ones are
    dropped."""
    MAPPING_UPDATE = 15
    """Writes the level-1 entry that maps one page in the current address space."""
    ROOTS_SET = 16
    """Switches the address space: the kernel's root, and the one for user mode (0: none; always 0
    in 32 bits, where one root serves both)."""
    TRANSLATION_FLUSH = 17
    """Drops the translation of one page, or of all with TRANSLATION_ALL."""
    FRAMES_RELEASE = 18
    """Scrubs unreferenced frames and gives them up for good."""
    EVENT_SEND = 19
    """Marks the port at the other end of a link pending."""
    EVENT_SEND_PROCESSOR = 20
    """Marks a port of a virtual processor of the same partition pending."""
    EVENT_POLL = 21
    """Takes the event callback now if something is pending and unmasked."""
    TIMER_SET = 22
    """Arms the one-shot timer of the caller; 0 disarms it."""
    TIME_GET = 23
    """Returns the guest-visible clock, in cycles."""
    PROCESSOR_START = 24
    """Starts a stopped virtual processor of the same partition."""
    PROCESSOR_STOP = 25
    """Stops a virtual processor of the same partition, the caller included."""
    VIEW_GET = 26
    """Copies a record of the caller's own view; returns its size."""
    MARK = 27
    """Records a mark with the clock, for tracing and measuring."""
    TRACE_SET = 28
    """Lets the caller's partition appear in the host's log, or not."""
    DESCRIPTOR_SET = 29
    """Sets a data segment of the caller's own, or removes it with 0; segment registers that hold
    it follow; 32-bit guests only."""
    WATCHDOG_SET = 30
    """Has the whole partition stopped when the deadline passes before it is set again; 0 disarms
    it."""


class Error(IntEnum):
    """What a call may return, negated."""

    NONE = 0
    """The call succeeded."""
    NO_SUCH_CALL = 1
    """The call number is not in the contract."""
    NOT_PERMITTED = 2
    """The partition's view does not grant the right that this call needs."""
    INVALID_ARGUMENT = 3
    """An argument has a value that the call does not accept."""
    FAULT = 4
    """A pointer argument is not mapped with the access that the call needs."""
    LIMIT = 5
    """A count or a size is above the limit in limits.h."""
    NOT_OWNER = 6
    """A machine frame does not belong to the caller."""
    TYPE_CONFLICT = 7
    """A frame has a type, or a table entry flags, that exclude the request."""
    BUSY = 8
    """The object is in use: references, a running processor, or a second pin."""
    NOT_FOUND = 9
    """No such port, virtual processor, extent or handler."""
    WRONG_STATE = 10
    """The object is not in a state in which the call makes sense."""


class Callback(IntEnum):
    """The entries that callback_set registers."""

    EVENT = 0
    SYSTEM_CALL = 1


class SegmentBase(IntEnum):
    """The bases that base_set and base_get name."""

    FS = 0
    GS_KERNEL = 1
    GS_USER = 2


class ViewRecord(IntEnum):
    """The records that view_get copies."""

    PARTITION = 0
    EXTENT = 1
    LINK = 2
    CHANNEL = 3
    DEVICE = 4


class StopReason(IntEnum):
    """Why a partition is no longer running; the first reason is kept."""

    NONE = 0
    EXIT = 1
    """It asked: exit code and text."""
    UNHANDLED_TRAP = 2
    """A trap without a handler."""
    TRAP_IN_DELIVERY = 3
    """A trap whose frame could not be written."""
    BAD_RETURN = 4
    """Iret through a frame that cannot be loaded."""
    BAD_START = 5
    """Its initial tables or records were refused."""
    UNSUPPORTED = 6
    """Code that the engine would execute wrongly."""
    OPERATOR = 7
    """Stopped from outside, or by its view."""
    REVOKED = 8
    """Its view took away what it still used."""
    WATCHDOG = 9
    """It let the deadline of its own watchdog pass."""


class Verdict(IntEnum):
    """The exit code of an image that is a test; any other end is a crash."""

    SUCCESS = 0
    SKIP = 3
    """What it needs is not there."""
    ERROR = 4
    """It could not bring about what it wanted to test."""
    FAILURE = 5
    """What it tested is not as it should be."""


class PartitionKind(IntEnum):
    """What a partition is."""

    UNUSED = 0
    GUEST = 1
    IO = 2
    HOSTED = 3
    IDLE = 4


class ViewState(IntEnum):
    """What a view wants of a partition."""

    STOPPED = 0
    """Owns its memory; what never ran is not looked at otherwise."""
    RUNNING = 1
    PAUSED = 2
    """Started, but never chosen; timers keep their deadlines."""


class ViewChannelState(IntEnum):
    """Whether the ends of a channel may map it."""

    UNUSED = 0
    MAPPED = 1


class DiskOperation(IntEnum):
    """What a guest asks of a disk."""

    DESCRIBE = 1
    """Answered with capacity, transfer limit and flags."""
    READ = 2
    WRITE = 3
    FLUSH = 4
    """What was acknowledged before it was sent, is kept."""
    DISCARD = 5
    WRITE_ZEROES = 6


class DiskStatus(IntEnum):
    """How a request of a disk went."""

    OK = 0
    IO_ERROR = 1
    UNSUPPORTED = 2
    INVALID = 3
    """A range beyond the disk, or a buffer beyond the area."""
    READ_ONLY = 4
    NO_SPACE = 5
    """Of the host's file."""
    FENCED = 6
    """This path may not reach the disk: the other one does."""


class NetworkOperation(IntEnum):
    """What a signal of a network's channel is."""

    DESCRIBE = 1
    """Answered with address and size limit."""
    SEND = 2
    """Answered when the buffer is the guest's again."""
    POST = 3
    """A buffer to receive into; answered with what came."""
    RECLAIM = 4
    """Every posted buffer is given back, with status cancelled."""
    LINK = 5
    """To the guest, unasked: flags say whether the link is up."""


class NetworkStatus(IntEnum):
    """How a request of a network went."""

    OK = 0
    DROPPED = 1
    INVALID = 2
    CANCELLED = 3
    UNSUPPORTED = 4


class ServerState(IntEnum):
    """Whether the server has built a channel."""

    UNINITIALIZED = 0
    READY = 1


class ClientState(IntEnum):
    """What a client does with a channel, for its boot code and for its system."""

    DETACHED = 0
    DISABLED = 1
    """The server's end refuses it."""
    ATTACHING = 2
    """It looks at the channel."""
    ATTACHED = 3
    BUSY = 4
    """It uses the channel at this moment."""
    OWNED = 5
    """It uses the channel and nobody else will."""


class ClientError(IntFlag):
    """Why a client could not acquire a channel."""

    DISABLED = 0x1
    NOT_ATTACHED = 0x2
    BUSY = 0x4


class ChannelFeature(IntFlag):
    """What the ends of a channel do, and let each other do."""

    INTERRUPTS = 0x1
    """ENABLE_INTS."""
    CLIENT_ENABLES_INTERRUPTS = 0x2
    """DRIVER_ENABLES_INTS."""
    POLLING = 0x8
    """CHANNEL_IS_POLLING: nobody waits for events."""
    CLIENT_MAY_DISABLE = 0x10
    """IOVM_OK_DRIVER_DISABLING_INTS."""
    CLIENT_DISABLES_INTERRUPTS = 0x20
    """DRIVER_DISABLES_INTS."""
    CHECKS_RECEIVE_BUFFERS = 0x40
    """ENHANCED_RCVBUF_CHECKING."""


class QueueError(IntFlag):
    """What one end of a queue found wrong in what the other wrote."""

    HEAD = 0x1
    """The consumer found a head that is no slot."""
    TAIL = 0x2
    """The producer found a tail that is no slot."""


class ControlMessageId(IntEnum):
    """What a control message asks or tells."""

    BUS_CREATE = 0x101
    BUS_DESTROY = 0x102
    BUS_CONFIGURE = 0x104
    BUS_CHANGE_STATE = 0x105
    BUS_CHANGE_STATE_EVENT = 0x106
    DEVICE_CREATE = 0x201
    DEVICE_DESTROY = 0x202
    DEVICE_CONFIGURE = 0x203
    DEVICE_CHANGE_STATE = 0x204
    DEVICE_CHANGE_STATE_EVENT = 0x205
    """From the partition."""
    DEVICE_RECONFIGURE = 0x206
    CHIPSET_INIT = 0x301
    CHIPSET_STOP = 0x302
    CHIPSET_SHUTDOWN = 0x303
    CHIPSET_READY = 0x304
    CHIPSET_SELFTEST = 0x305


class ControlFlag(IntFlag):
    """How a control message is meant, and how it went."""

    FAILED = 0x1
    RESPONSE_EXPECTED = 0x2
    SERVER = 0x4
    """The partition is the serving end of this bus or device."""
    TEST_MESSAGE = 0x8
    PARTIAL_COMPLETION = 0x10
    PRESERVE = 0x20
    WRITER_IN_DIAGNOSTICS = 0x40


class CompletionStatus(IntEnum):
    """How a control message went."""

    SUCCESS = 0
    ALREADY_DONE = 1
    MAP_FAILED = 2
    MEMORY_EXHAUSTED = 3
    ID_UNKNOWN = 4
    ID_INVALID_FOR_CLIENT = 5
    SWITCH_COUNT_NONZERO = 100
    EXPECTED_CHIPSET_INIT = 101
    BUSES_EXHAUSTED = 201
    DEVICES_EXHAUSTED = 202
    PAYLOAD_INVALID = 400
    INITIATOR_INVALID = 401
    TARGET_INVALID = 402
    CLIENT_INVALID = 403
    BUS_INVALID = 500
    DEVICE_INVALID = 501
    CHANNEL_INVALID = 502
    DRIVER_FAILURE = 604
    DRIVER_CALLBACK_FAILURE = 605
    GENERIC_CALLBACK_FAILURE = 606
    DEVICE_ATTACHED = 700
    TYPE_UNKNOWN = 800
    CHANNEL_TOO_SMALL = 801
    SHUTDOWN_FAILED = 1000
    SHUTDOWN_ACTIVE = 1001
    STOP_FAILED_BUS = 1100
    STOP_FAILED_SWITCH = 1101
    DEVICE_TIMEOUT = 1400


class SegmentState(IntFlag):
    """The state of a bus or device, in control messages."""

    ENABLED = 0x1
    ACTIVE = 0x2
    ALIVE = 0x4
    REVOKED = 0x8
    ALLOCATED = 0x10
    KNOWN = 0x20
    READY = 0x40
    OPERATING = 0x80


class ChipsetFeature(IntFlag):
    """What a partition can do, in the answer to chipset_init."""

    REPLY = 1
    HOT_PLUG = 2


class CommandKind(IntEnum):
    """What a signal of a command channel is."""

    REQUEST = 1
    ANSWER = 2


CLIENT_TRANSITIONS: Final[frozenset[tuple[ClientState, ClientState]]] = frozenset(
    {
        (ClientState.DETACHED, ClientState.DISABLED),
        (ClientState.ATTACHING, ClientState.DISABLED),
        (ClientState.ATTACHED, ClientState.DISABLED),
        (ClientState.ATTACHING, ClientState.DETACHED),
        (ClientState.ATTACHED, ClientState.DETACHED),
        (ClientState.DETACHED, ClientState.ATTACHING),
        (ClientState.DETACHED, ClientState.ATTACHED),
        (ClientState.ATTACHING, ClientState.ATTACHED),
        (ClientState.ATTACHED, ClientState.BUSY),
        (ClientState.BUSY, ClientState.ATTACHED),
        (ClientState.DETACHED, ClientState.OWNED),
        (ClientState.DISABLED, ClientState.OWNED),
        (ClientState.ATTACHING, ClientState.OWNED),
        (ClientState.ATTACHED, ClientState.OWNED),
        (ClientState.BUSY, ClientState.OWNED),
    }
)
"""Which changes a channel's client state may go through."""


class Argument(NamedTuple):
    """One argument of a call, in the typed grammar of hypercalls.def."""

    type: str
    name: str
    of: str = ""
    """The structure or enum that the type refers to."""
    counted_by: str = ""
    """The argument that holds the size or the count."""


class Call(NamedTuple):
    """One call: the right it needs, its arguments in register order, its sentence."""

    right: Right
    arguments: tuple[Argument, ...]
    sentence: str


class Field(NamedTuple):
    """A field of a shared structure."""

    name: str
    type: str
    offset: int
    size_bytes: int


class Structure(NamedTuple):
    """A shared structure; the layout is the same at both widths."""

    size_bytes: int
    fields: tuple[Field, ...]


CALLS: Final[dict[Hypercall, Call]] = {
    Hypercall.VERSION: Call(
        Right.NONE,
        (),
        "Returns ABI_VERSION; the null call that benchmarks time.",
    ),
    Hypercall.CONSOLE_WRITE: Call(
        Right.CONSOLE,
        (
            Argument("in_bytes", "text", counted_by="size_bytes"),
            Argument("size", "size_bytes"),
        ),
        "Writes bytes to the partition's console; returns how many were taken.",
    ),
    Hypercall.CONSOLE_READ: Call(
        Right.CONSOLE,
        (
            Argument("out_bytes", "buffer", counted_by="size_bytes"),
            Argument("size", "size_bytes"),
        ),
        "Reads pending console input; returns how many bytes were copied, 0 if none.",
    ),
    Hypercall.YIELD: Call(
        Right.NONE,
        (),
        "Ends the caller's use of its current slot.",
    ),
    Hypercall.BLOCK: Call(
        Right.NONE,
        (),
        "Unmasks events and waits for one; returns at once if one is pending.",
    ),
    Hypercall.PARTITION_EXIT: Call(
        Right.NONE,
        (
            Argument("value", "code"),
            Argument("in_bytes", "reason", counted_by="size_bytes"),
            Argument("size", "size_bytes"),
        ),
        "Stops the whole partition with an exit code and a reason; does not return.",
    ),
    Hypercall.TRAP_HANDLERS_SET: Call(
        Right.NONE,
        (
            Argument("in_array", "handlers", of="trap_handler", counted_by="count"),
            Argument("count", "count"),
        ),
        "Registers handlers for exception vectors; address 0 removes one.",
    ),
    Hypercall.CALLBACK_SET: Call(
        Right.NONE,
        (
            Argument("choice", "callback", of="callback"),
            Argument("code", "handler"),
        ),
        "Registers the entry for events or for system calls of user mode.",
    ),
    Hypercall.KERNEL_STACK_SET: Call(
        Right.NONE,
        (Argument("stack", "top"),),
        "Sets the stack on which traps and system calls from user mode arrive.",
    ),
    Hypercall.IRET: Call(
        Right.NONE,
        (),
        "Returns through the trap frame at the stack pointer, to either mode.",
    ),
    Hypercall.BASE_SET: Call(
        Right.NONE,
        (
            Argument("choice", "base", of="segment_base"),
            Argument("address", "value"),
        ),
        "Sets the FS, the kernel GS or the user GS base; 64-bit guests only.",
    ),
    Hypercall.BASE_GET: Call(
        Right.NONE,
        (Argument("choice", "base", of="segment_base"),),
        "Returns the FS, the kernel GS or the user GS base; 64-bit guests only.",
    ),
    Hypercall.TABLE_PIN: Call(
        Right.MEMORY,
        (
            Argument("frame", "table"),
            Argument("level", "level"),
        ),
        "Validates a frame as a page table of a level and fixes that type.",
    ),
    Hypercall.TABLE_UNPIN: Call(
        Right.MEMORY,
        (Argument("frame", "table"),),
        "Drops the table type of a pinned frame that nothing references.",
    ),
    Hypercall.TABLE_UPDATE: Call(
        Right.MEMORY,
        (
            Argument("in_array", "updates", of="table_update", counted_by="count"),
            Argument("count", "count"),
        ),
        "Writes entries of pinned tables, all or none; new references are taken before old ones "
        "are dropped.",
    ),
    Hypercall.MAPPING_UPDATE: Call(
        Right.MEMORY,
        (
            Argument("address", "page"),
            Argument("entry", "value"),
        ),
        "Writes the level-1 entry that maps one page in the current address space.",
    ),
    Hypercall.ROOTS_SET: Call(
        Right.MEMORY,
        (
            Argument("frame", "kernel_root"),
            Argument("frame", "user_root"),
        ),
        "Switches the address space: the kernel's root, and the one for user mode (0: none; "
        "always 0 in 32 bits, where one root serves both).",
    ),
    Hypercall.TRANSLATION_FLUSH: Call(
        Right.NONE,
        (Argument("address", "page"),),
        "Drops the translation of one page, or of all with TRANSLATION_ALL.",
    ),
    Hypercall.FRAMES_RELEASE: Call(
        Right.MEMORY,
        (
            Argument("frame", "first"),
            Argument("count", "count"),
        ),
        "Scrubs unreferenced frames and gives them up for good.",
    ),
    Hypercall.EVENT_SEND: Call(
        Right.EVENTS,
        (Argument("port", "port"),),
        "Marks the port at the other end of a link pending.",
    ),
    Hypercall.EVENT_SEND_PROCESSOR: Call(
        Right.PROCESSORS,
        (
            Argument("processor", "processor"),
            Argument("port", "port"),
        ),
        "Marks a port of a virtual processor of the same partition pending.",
    ),
    Hypercall.EVENT_POLL: Call(
        Right.NONE,
        (),
        "Takes the event callback now if something is pending and unmasked.",
    ),
    Hypercall.TIMER_SET: Call(
        Right.NONE,
        (Argument("time", "deadline_cycles"),),
        "Arms the one-shot timer of the caller; 0 disarms it.",
    ),
    Hypercall.TIME_GET: Call(
        Right.NONE,
        (),
        "Returns the guest-visible clock, in cycles.",
    ),
    Hypercall.PROCESSOR_START: Call(
        Right.PROCESSORS,
        (
            Argument("processor", "processor"),
            Argument("in_struct", "context", of="processor_context"),
        ),
        "Starts a stopped virtual processor of the same partition.",
    ),
    Hypercall.PROCESSOR_STOP: Call(
        Right.PROCESSORS,
        (Argument("processor", "processor"),),
        "Stops a virtual processor of the same partition, the caller included.",
    ),
    Hypercall.VIEW_GET: Call(
        Right.NONE,
        (
            Argument("choice", "record", of="view_record"),
            Argument("value", "index"),
            Argument("out_bytes", "buffer", counted_by="size_bytes"),
            Argument("size", "size_bytes"),
        ),
        "Copies a record of the caller's own view; returns its size.",
    ),
    Hypercall.MARK: Call(
        Right.TRACE,
        (
            Argument("value", "id"),
            Argument("value", "value"),
        ),
        "Records a mark with the clock, for tracing and measuring.",
    ),
    Hypercall.TRACE_SET: Call(
        Right.TRACE,
        (Argument("value", "enabled"),),
        "Lets the caller's partition appear in the host's log, or not.",
    ),
    Hypercall.DESCRIPTOR_SET: Call(
        Right.NONE,
        (
            Argument("count", "index"),
            Argument("descriptor", "descriptor"),
        ),
        "Sets a data segment of the caller's own, or removes it with 0; segment registers that "
        "hold it follow; 32-bit guests only.",
    ),
    Hypercall.WATCHDOG_SET: Call(
        Right.NONE,
        (Argument("time", "deadline_cycles"),),
        "Has the whole partition stopped when the deadline passes before it is set again; 0 "
        "disarms it.",
    ),
}
"""Every call of the contract."""

GRAMMAR: Final[dict[Hypercall, tuple[Argument, ...]]] = {
    call: row.arguments for call, row in CALLS.items()
}
"""The typed arguments of every call, in register order."""

STRUCTURES: Final[dict[str, Structure]] = {
    "page_header": Structure(
        16,
        (
            Field("magic", "uint32_t", 0, 4),
            Field("version", "uint16_t", 4, 2),
            Field("reserved0", "uint16_t", 6, 2),
            Field("size_bytes", "uint32_t", 8, 4),
            Field("reserved1", "uint32_t", 12, 4),
        ),
    ),
    "extent": Structure(
        24,
        (
            Field("guest_frame", "uint64_t", 0, 8),
            Field("machine_frame", "uint64_t", 8, 8),
            Field("frame_count", "uint64_t", 16, 8),
        ),
    ),
    "start_page": Structure(
        1576,
        (
            Field("header", "struct page_header", 0, 16),
            Field("partition", "uint32_t", 16, 4),
            Field("virtual_processor_count", "uint32_t", 20, 4),
            Field("extent_count", "uint32_t", 24, 4),
            Field("reserved0", "uint32_t", 28, 4),
            Field("memory_size_bytes", "uint64_t", 32, 8),
            Field("random_seed", "uint64_t", 40, 8),
            Field("clock_frequency_hz", "uint64_t", 48, 8),
            Field("direct_map_address", "uint64_t", 56, 8),
            Field("hypercall_page_address", "uint64_t", 64, 8),
            Field("time_page_address", "uint64_t", 72, 8),
            Field("shared_pages_address", "uint64_t", 80, 8),
            Field("image_address", "uint64_t", 88, 8),
            Field("image_end_address", "uint64_t", 96, 8),
            Field("stack_top_address", "uint64_t", 104, 8),
            Field("kernel_root_frame", "uint64_t", 112, 8),
            Field("first_free_guest_frame", "uint64_t", 120, 8),
            Field("control_channel_address", "uint64_t", 128, 8),
            Field("name", "char[32]", 136, 32),
            Field("extents", "struct extent[16]", 168, 384),
            Field("command_line", "char[1024]", 552, 1024),
        ),
    ),
    "shared_page": Structure(
        40,
        (
            Field("header", "struct page_header", 0, 16),
            Field("events_masked", "uint32_t", 16, 4),
            Field("reserved0", "uint32_t", 20, 4),
            Field("events_pending", "uint64_t", 24, 8),
            Field("events_disabled", "uint64_t", 32, 8),
        ),
    ),
    "time_page": Structure(
        40,
        (
            Field("header", "struct page_header", 0, 16),
            Field("sequence", "uint64_t", 16, 8),
            Field("time_cycles", "uint64_t", 24, 8),
            Field("clock_frequency_hz", "uint64_t", 32, 8),
        ),
    ),
    "trap_frame": Structure(
        96,
        (
            Field("rax", "uint64_t", 0, 8),
            Field("rcx", "uint64_t", 8, 8),
            Field("r11", "uint64_t", 16, 8),
            Field("vector", "uint64_t", 24, 8),
            Field("error_code", "uint64_t", 32, 8),
            Field("fault_address", "uint64_t", 40, 8),
            Field("state", "uint64_t", 48, 8),
            Field("rip", "uint64_t", 56, 8),
            Field("cs", "uint64_t", 64, 8),
            Field("rflags", "uint64_t", 72, 8),
            Field("rsp", "uint64_t", 80, 8),
            Field("ss", "uint64_t", 88, 8),
        ),
    ),
    "trap_frame_32": Structure(
        48,
        (
            Field("eax", "uint32_t", 0, 4),
            Field("ecx", "uint32_t", 4, 4),
            Field("edx", "uint32_t", 8, 4),
            Field("vector", "uint32_t", 12, 4),
            Field("error_code", "uint32_t", 16, 4),
            Field("fault_address", "uint32_t", 20, 4),
            Field("state", "uint32_t", 24, 4),
            Field("eip", "uint32_t", 28, 4),
            Field("cs", "uint32_t", 32, 4),
            Field("eflags", "uint32_t", 36, 4),
            Field("esp", "uint32_t", 40, 4),
            Field("ss", "uint32_t", 44, 4),
        ),
    ),
    "trap_handler": Structure(
        16,
        (
            Field("vector", "uint32_t", 0, 4),
            Field("flags", "uint32_t", 4, 4),
            Field("address", "uint64_t", 8, 8),
        ),
    ),
    "table_update": Structure(
        16,
        (
            Field("entry_address", "uint64_t", 0, 8),
            Field("value", "uint64_t", 8, 8),
        ),
    ),
    "processor_context": Structure(
        32,
        (
            Field("rip", "uint64_t", 0, 8),
            Field("rsp", "uint64_t", 8, 8),
            Field("rdi", "uint64_t", 16, 8),
            Field("kernel_root_frame", "uint64_t", 24, 8),
        ),
    ),
    "processor_context_32": Structure(
        72,
        (
            Field("edi", "uint32_t", 0, 4),
            Field("esi", "uint32_t", 4, 4),
            Field("ebp", "uint32_t", 8, 4),
            Field("esp", "uint32_t", 12, 4),
            Field("ebx", "uint32_t", 16, 4),
            Field("edx", "uint32_t", 20, 4),
            Field("ecx", "uint32_t", 24, 4),
            Field("eax", "uint32_t", 28, 4),
            Field("eip", "uint32_t", 32, 4),
            Field("eflags", "uint32_t", 36, 4),
            Field("cs", "uint32_t", 40, 4),
            Field("ss", "uint32_t", 44, 4),
            Field("ds", "uint32_t", 48, 4),
            Field("es", "uint32_t", 52, 4),
            Field("fs", "uint32_t", 56, 4),
            Field("gs", "uint32_t", 60, 4),
            Field("kernel_root_frame", "uint64_t", 64, 8),
        ),
    ),
    "image_note": Structure(
        24,
        (
            Field("abi_version", "uint32_t", 0, 4),
            Field("width", "uint32_t", 4, 4),
            Field("entry_address", "uint64_t", 8, 8),
            Field("memory_size_bytes", "uint64_t", 16, 8),
        ),
    ),
    "scenario_note": Structure(
        144,
        (
            Field("abi_version", "uint32_t", 0, 4),
            Field("expected_stop", "uint32_t", 4, 4),
            Field("expected_vector", "uint32_t", 8, 4),
            Field("reserved0", "uint32_t", 12, 4),
            Field("sentence", "char[128]", 16, 128),
        ),
    ),
    "view_partition": Structure(
        160,
        (
            Field("id", "uint32_t", 0, 4),
            Field("kind", "uint32_t", 4, 4),
            Field("width", "uint32_t", 8, 4),
            Field("rights", "uint32_t", 12, 4),
            Field("first_extent", "uint32_t", 16, 4),
            Field("extent_count", "uint32_t", 20, 4),
            Field("first_virtual_processor", "uint32_t", 24, 4),
            Field("virtual_processor_count", "uint32_t", 28, 4),
            Field("entry_address", "uint64_t", 32, 8),
            Field("stack_top_address", "uint64_t", 40, 8),
            Field("start_page_address", "uint64_t", 48, 8),
            Field("hypercall_frame", "uint64_t", 56, 8),
            Field("time_frame", "uint64_t", 64, 8),
            Field("shared_first_frame", "uint64_t", 72, 8),
            Field("kernel_root_frame", "uint64_t", 80, 8),
            Field("table_first_frame", "uint64_t", 88, 8),
            Field("table_counts", "uint32_t[4]", 96, 16),
            Field("name", "char[32]", 112, 32),
            Field("state", "uint32_t", 144, 4),
            Field("incarnation", "uint32_t", 148, 4),
            Field("control_channel", "uint32_t", 152, 4),
            Field("reserved0", "uint32_t", 156, 4),
        ),
    ),
    "view_virtual_processor": Structure(
        16,
        (
            Field("partition", "uint32_t", 0, 4),
            Field("index", "uint32_t", 4, 4),
            Field("processor", "uint32_t", 8, 4),
            Field("reserved0", "uint32_t", 12, 4),
        ),
    ),
    "view_extent": Structure(
        32,
        (
            Field("partition", "uint32_t", 0, 4),
            Field("reserved0", "uint32_t", 4, 4),
            Field("guest_frame", "uint64_t", 8, 8),
            Field("machine_frame", "uint64_t", 16, 8),
            Field("frame_count", "uint64_t", 24, 8),
        ),
    ),
    "view_channel_end": Structure(
        24,
        (
            Field("partition", "uint32_t", 0, 4),
            Field("port", "uint32_t", 4, 4),
            Field("guest_frame", "uint64_t", 8, 8),
            Field("flags", "uint32_t", 16, 4),
            Field("reserved0", "uint32_t", 20, 4),
        ),
    ),
    "view_channel": Structure(
        72,
        (
            Field("id", "uint32_t", 0, 4),
            Field("state", "uint32_t", 4, 4),
            Field("machine_frame", "uint64_t", 8, 8),
            Field("frame_count", "uint64_t", 16, 8),
            Field("ends", "struct view_channel_end[2]", 24, 48),
        ),
    ),
    "view_device": Structure(
        40,
        (
            Field("id", "uint32_t", 0, 4),
            Field("partition", "uint32_t", 4, 4),
            Field("port", "uint32_t", 8, 4),
            Field("flags", "uint32_t", 12, 4),
            Field("machine_frame", "uint64_t", 16, 8),
            Field("frame_count", "uint64_t", 24, 8),
            Field("guest_frame", "uint64_t", 32, 8),
        ),
    ),
    "view_link": Structure(
        24,
        (
            Field("partition", "uint32_t", 0, 4),
            Field("port", "uint32_t", 4, 4),
            Field("target_partition", "uint32_t", 8, 4),
            Field("target_port", "uint32_t", 12, 4),
            Field("target_processor", "uint32_t", 16, 4),
            Field("reserved0", "uint32_t", 20, 4),
        ),
    ),
    "view_slot": Structure(
        24,
        (
            Field("virtual_processor", "uint32_t", 0, 4),
            Field("flags", "uint32_t", 4, 4),
            Field("start_cycles", "uint64_t", 8, 8),
            Field("quantum_cycles", "uint64_t", 16, 8),
        ),
    ),
    "view_processor": Structure(
        3088,
        (
            Field("slot_count", "uint32_t", 0, 4),
            Field("reserved0", "uint32_t", 4, 4),
            Field("period_cycles", "uint64_t", 8, 8),
            Field("slots", "struct view_slot[128]", 16, 3072),
        ),
    ),
    "view_body": Structure(
        182944,
        (
            Field("processor_count", "uint32_t", 0, 4),
            Field("virtual_processor_count", "uint32_t", 4, 4),
            Field("extent_count", "uint32_t", 8, 4),
            Field("link_count", "uint32_t", 12, 4),
            Field("clock_frequency_hz", "uint64_t", 16, 8),
            Field("channel_count", "uint32_t", 24, 4),
            Field("device_count", "uint32_t", 28, 4),
            Field("partitions", "struct view_partition[128]", 32, 20480),
            Field("virtual_processors", "struct view_virtual_processor[256]", 20512, 4096),
            Field("extents", "struct view_extent[1024]", 24608, 32768),
            Field("links", "struct view_link[1024]", 57376, 24576),
            Field("processors", "struct view_processor[8]", 81952, 24704),
            Field("channels", "struct view_channel[1024]", 106656, 73728),
            Field("devices", "struct view_device[64]", 180384, 2560),
        ),
    ),
    "view_region": Structure(
        365920,
        (
            Field("header", "struct page_header", 0, 16),
            Field("generation", "uint64_t", 16, 8),
            Field("reserved0", "uint64_t", 24, 8),
            Field("bodies", "struct view_body[2]", 32, 365888),
        ),
    ),
    "hosted_call": Structure(
        64,
        (
            Field("number", "uint64_t", 0, 8),
            Field("arguments", "uint64_t[5]", 8, 40),
            Field("result", "int64_t", 48, 8),
            Field("reserved0", "uint64_t", 56, 8),
        ),
    ),
    "hosted_page": Structure(
        4096,
        (
            Field("header", "struct page_header", 0, 16),
            Field("events", "uint64_t", 16, 8),
            Field("result_count", "uint32_t", 24, 4),
            Field("call_count", "uint32_t", 28, 4),
            Field("flags", "uint32_t", 32, 4),
            Field("reserved0", "uint32_t", 36, 4),
            Field("turn_count", "uint64_t", 40, 8),
            Field("direct_map_address", "uint64_t", 48, 8),
            Field("start_page_address", "uint64_t", 56, 8),
            Field("free_address", "uint64_t", 64, 8),
            Field("memory_size_bytes", "uint64_t", 72, 8),
            Field("reserved1", "uint64_t[6]", 80, 48),
            Field("text", "char[128]", 128, 128),
            Field("calls", "struct hosted_call[60]", 256, 3840),
        ),
    ),
    "disk_signal": Structure(
        64,
        (
            Field("request", "uint64_t", 0, 8),
            Field("operation", "uint32_t", 8, 4),
            Field("status", "uint32_t", 12, 4),
            Field("sector", "uint64_t", 16, 8),
            Field("sector_count", "uint32_t", 24, 4),
            Field("payload_offset", "uint32_t", 28, 4),
            Field("capacity_sectors", "uint64_t", 32, 8),
            Field("transfer_limit_sectors", "uint32_t", 40, 4),
            Field("flags", "uint32_t", 44, 4),
            Field("reserved0", "uint64_t[2]", 48, 16),
        ),
    ),
    "network_signal": Structure(
        64,
        (
            Field("request", "uint64_t", 0, 8),
            Field("operation", "uint32_t", 8, 4),
            Field("status", "uint32_t", 12, 4),
            Field("payload_offset", "uint32_t", 16, 4),
            Field("size_bytes", "uint32_t", 20, 4),
            Field("flags", "uint32_t", 24, 4),
            Field("address", "uint8_t[6]", 28, 6),
            Field("reserved0", "uint8_t[6]", 34, 6),
            Field("reserved1", "uint64_t[3]", 40, 24),
        ),
    ),
    "guid": Structure(
        16,
        (
            Field("time_low", "uint32_t", 0, 4),
            Field("time_middle", "uint16_t", 4, 2),
            Field("time_high", "uint16_t", 6, 2),
            Field("rest", "uint8_t[8]", 8, 8),
        ),
    ),
    "channel_header": Structure(
        128,
        (
            Field("signature", "uint64_t", 0, 8),
            Field("legacy_state", "uint32_t", 8, 4),
            Field("header_size_bytes", "uint32_t", 12, 4),
            Field("size_bytes", "uint64_t", 16, 8),
            Field("features", "uint64_t", 24, 8),
            Field("type", "struct guid", 32, 16),
            Field("partition_handle", "uint64_t", 48, 8),
            Field("handle", "uint64_t", 56, 8),
            Field("queues_offset", "uint64_t", 64, 8),
            Field("version", "uint32_t", 72, 4),
            Field("partition_index", "uint32_t", 76, 4),
            Field("zone", "struct guid", 80, 16),
            Field("client_string_offset", "uint32_t", 96, 4),
            Field("client_state_boot", "uint32_t", 100, 4),
            Field("client_command_state", "uint32_t", 104, 4),
            Field("client_state_system", "uint32_t", 108, 4),
            Field("characteristic", "uint32_t", 112, 4),
            Field("server_command_state", "uint32_t", 116, 4),
            Field("server_state", "uint32_t", 120, 4),
            Field("client_error_boot", "uint8_t", 124, 1),
            Field("client_error_system", "uint8_t", 125, 1),
            Field("filler", "uint8_t", 126, 1),
            Field("recover_channel", "uint8_t", 127, 1),
        ),
    ),
    "signal_queue_header": Structure(
        128,
        (
            Field("version", "uint32_t", 0, 4),
            Field("type", "uint32_t", 4, 4),
            Field("size_bytes", "uint64_t", 8, 8),
            Field("slots_offset", "uint64_t", 16, 8),
            Field("features", "uint64_t", 24, 8),
            Field("sent_count", "uint64_t", 32, 8),
            Field("overflow_count", "uint64_t", 40, 8),
            Field("signal_size_bytes", "uint32_t", 48, 4),
            Field("slot_count", "uint32_t", 52, 4),
            Field("signal_limit", "uint32_t", 56, 4),
            Field("head", "uint32_t", 60, 4),
            Field("received_count", "uint64_t", 64, 8),
            Field("tail", "uint32_t", 72, 4),
            Field("reserved1", "uint32_t", 76, 4),
            Field("reserved2", "uint64_t", 80, 8),
            Field("client_queue", "uint64_t", 88, 8),
            Field("interrupt_count", "uint64_t", 96, 8),
            Field("empty_count", "uint64_t", 104, 8),
            Field("error_flags", "uint32_t", 112, 4),
            Field("filler", "uint8_t[12]", 116, 12),
        ),
    ),
    "control_message_header": Structure(
        48,
        (
            Field("id", "uint32_t", 0, 4),
            Field("message_size_bytes", "uint32_t", 4, 4),
            Field("segment_index", "uint32_t", 8, 4),
            Field("completion_status", "uint32_t", 12, 4),
            Field("flags", "uint32_t", 16, 4),
            Field("reserved", "uint32_t", 20, 4),
            Field("message_handle", "uint64_t", 24, 8),
            Field("payload_offset", "uint64_t", 32, 8),
            Field("payload_limit_bytes", "uint32_t", 40, 4),
            Field("payload_size_bytes", "uint32_t", 44, 4),
        ),
    ),
    "control_message": Structure(
        128,
        (
            Field("header", "struct control_message_header", 0, 48),
            Field("packet", "uint8_t[80]", 48, 80),
        ),
    ),
    "control_create_bus": Structure(
        56,
        (
            Field("bus", "uint32_t", 0, 4),
            Field("device_count", "uint32_t", 4, 4),
            Field("channel_address", "uint64_t", 8, 8),
            Field("channel_size_bytes", "uint64_t", 16, 8),
            Field("device_type", "struct guid", 24, 16),
            Field("instance", "struct guid", 40, 16),
        ),
    ),
    "control_destroy_bus": Structure(
        8,
        (
            Field("bus", "uint32_t", 0, 4),
            Field("reserved", "uint32_t", 4, 4),
        ),
    ),
    "control_configure_bus": Structure(
        24,
        (
            Field("bus", "uint32_t", 0, 4),
            Field("reserved", "uint32_t", 4, 4),
            Field("guest_handle", "uint64_t", 8, 8),
            Field("interrupt_handle", "uint64_t", 16, 8),
        ),
    ),
    "control_bus_change_state": Structure(
        8,
        (
            Field("bus", "uint32_t", 0, 4),
            Field("state", "uint16_t", 4, 2),
            Field("reserved", "uint16_t", 6, 2),
        ),
    ),
    "control_interrupt": Structure(
        24,
        (
            Field("send_handle", "uint64_t", 0, 8),
            Field("receive_handle", "uint64_t", 8, 8),
            Field("vector", "uint32_t", 16, 4),
            Field("shared", "uint8_t", 20, 1),
            Field("reserved", "uint8_t[3]", 21, 3),
        ),
    ),
    "control_create_device": Structure(
        80,
        (
            Field("bus", "uint32_t", 0, 4),
            Field("device", "uint32_t", 4, 4),
            Field("channel_address", "uint64_t", 8, 8),
            Field("channel_size_bytes", "uint64_t", 16, 8),
            Field("type", "struct guid", 24, 16),
            Field("instance", "struct guid", 40, 16),
            Field("interrupt", "struct control_interrupt", 56, 24),
        ),
    ),
    "control_device": Structure(
        8,
        (
            Field("bus", "uint32_t", 0, 4),
            Field("device", "uint32_t", 4, 4),
        ),
    ),
    "control_device_change_state": Structure(
        20,
        (
            Field("bus", "uint32_t", 0, 4),
            Field("device", "uint32_t", 4, 4),
            Field("state", "uint16_t", 8, 2),
            Field("flags", "uint16_t[4]", 10, 8),
            Field("reserved", "uint16_t", 18, 2),
        ),
    ),
    "control_init_chipset": Structure(
        16,
        (
            Field("bus_count", "uint32_t", 0, 4),
            Field("switch_count", "uint32_t", 4, 4),
            Field("features", "uint32_t", 8, 4),
            Field("platform", "uint32_t", 12, 4),
        ),
    ),
    "control_selftest": Structure(
        8,
        (
            Field("options", "uint32_t", 0, 4),
            Field("test", "uint32_t", 4, 4),
        ),
    ),
    "control_parameters": Structure(
        72,
        (
            Field("total_size_bytes", "uint32_t", 0, 4),
            Field("header_size_bytes", "uint32_t", 4, 4),
            Field("connection_offset", "uint32_t", 8, 4),
            Field("connection_size_bytes", "uint32_t", 12, 4),
            Field("initiator_offset", "uint32_t", 16, 4),
            Field("initiator_size_bytes", "uint32_t", 20, 4),
            Field("target_offset", "uint32_t", 24, 4),
            Field("target_size_bytes", "uint32_t", 28, 4),
            Field("client_offset", "uint32_t", 32, 4),
            Field("client_size_bytes", "uint32_t", 36, 4),
            Field("name_offset", "uint32_t", 40, 4),
            Field("name_size_bytes", "uint32_t", 44, 4),
            Field("id", "struct guid", 48, 16),
            Field("revision", "uint32_t", 64, 4),
            Field("reserved", "uint32_t", 68, 4),
        ),
    ),
    "control_channel": Structure(
        36608,
        (
            Field("header", "struct channel_header", 0, 128),
            Field("gp_control", "uint64_t", 128, 8),
            Field("gp_partition_tables", "uint64_t", 136, 8),
            Field("gp_diagnostics", "uint64_t", 144, 8),
            Field("gp_boot_romdisk", "uint64_t", 152, 8),
            Field("gp_boot_ramdisk", "uint64_t", 160, 8),
            Field("gp_acpi_table", "uint64_t", 168, 8),
            Field("gp_control_channel", "uint64_t", 176, 8),
            Field("gp_diagnostics_romdisk", "uint64_t", 184, 8),
            Field("gp_nvram", "uint64_t", 192, 8),
            Field("request_payload_offset", "uint64_t", 200, 8),
            Field("event_payload_offset", "uint64_t", 208, 8),
            Field("request_payload_size_bytes", "uint32_t", 216, 4),
            Field("event_payload_size_bytes", "uint32_t", 220, 4),
            Field("control_channel_size_bytes", "uint32_t", 224, 4),
            Field("nvram_channel_size_bytes", "uint32_t", 228, 4),
            Field("message_size_bytes", "uint32_t", 232, 4),
            Field("message_count", "uint32_t", 236, 4),
            Field("gp_smbios_table", "uint64_t", 240, 8),
            Field("gp_physical_smbios_table", "uint64_t", 248, 8),
            Field("gp_reserved", "uint8_t[2688]", 256, 2688),
            Field("firmware_image_base", "uint64_t", 2944, 8),
            Field("firmware_entry_point", "uint64_t", 2952, 8),
            Field("firmware_image_size_bytes", "uint64_t", 2960, 8),
            Field("firmware_boot_base", "uint64_t", 2968, 8),
            Field("image_base", "uint64_t", 2976, 8),
            Field("image_size_bytes", "uint64_t", 2984, 8),
            Field("prototype_control_channel_offset", "uint64_t", 2992, 8),
            Field("partition_handle", "uint64_t", 3000, 8),
            Field("restore_action", "uint16_t", 3008, 2),
            Field("dump_action", "uint16_t", 3010, 2),
            Field("nvram_fail_count", "uint16_t", 3012, 2),
            Field("saved_crash_message_count", "uint16_t", 3014, 2),
            Field("saved_crash_message_offset", "uint32_t", 3016, 4),
            Field("installation_error", "uint32_t", 3020, 4),
            Field("installation_text", "uint32_t", 3024, 4),
            Field("installation_remaining_steps", "uint16_t", 3028, 2),
            Field("tool_action", "uint8_t", 3030, 1),
            Field("reserved1", "uint8_t", 3031, 1),
            Field("efi_visor_indication", "uint64_t", 3032, 8),
            Field("sp_reserved", "uint32_t", 3040, 4),
            Field("reserved2", "uint8_t[28]", 3044, 28),
            Field("request_queue", "struct signal_queue_header", 3072, 128),
            Field("response_queue", "struct signal_queue_header", 3200, 128),
            Field("event_queue", "struct signal_queue_header", 3328, 128),
            Field("event_ack_queue", "struct signal_queue_header", 3456, 128),
            Field("request_messages", "struct control_message[64]", 3584, 8192),
            Field("response_messages", "struct control_message[64]", 11776, 8192),
            Field("event_messages", "struct control_message[64]", 19968, 8192),
            Field("event_ack_messages", "struct control_message[64]", 28160, 8192),
            Field("saved_crash_messages", "struct control_message[2]", 36352, 256),
        ),
    ),
    "vbus_device_information": Structure(
        256,
        (
            Field("device_type", "char[16]", 0, 16),
            Field("driver_name", "char[16]", 16, 16),
            Field("strings", "char[96]", 32, 96),
            Field("reserved", "uint8_t[128]", 128, 128),
        ),
    ),
    "vbus_header_information": Structure(
        128,
        (
            Field("size_bytes", "uint32_t", 0, 4),
            Field("device_information_size_bytes", "uint32_t", 4, 4),
            Field("device_information_count", "uint32_t", 8, 4),
            Field("chipset_information_offset", "uint32_t", 12, 4),
            Field("bus_information_offset", "uint32_t", 16, 4),
            Field("device_information_offset", "uint32_t", 20, 4),
            Field("reserved", "uint8_t[104]", 24, 104),
        ),
    ),
    "vbus_channel": Structure(
        768,
        (
            Field("header", "struct channel_header", 0, 128),
            Field("header_information", "struct vbus_header_information", 128, 128),
            Field("chipset_information", "struct vbus_device_information", 256, 256),
            Field("bus_information", "struct vbus_device_information", 512, 256),
        ),
    ),
    "command_channel": Structure(
        448,
        (
            Field("header", "struct channel_header", 0, 128),
            Field("request_queue", "struct signal_queue_header", 128, 128),
            Field("response_queue", "struct signal_queue_header", 256, 128),
            Field("request_payload_offset", "uint64_t", 384, 8),
            Field("response_payload_offset", "uint64_t", 392, 8),
            Field("request_payload_size_bytes", "uint32_t", 400, 4),
            Field("response_payload_size_bytes", "uint32_t", 404, 4),
            Field("reserved", "uint8_t[40]", 408, 40),
        ),
    ),
    "command_signal": Structure(
        32,
        (
            Field("request", "uint64_t", 0, 8),
            Field("payload_offset", "uint64_t", 8, 8),
            Field("payload_size_bytes", "uint32_t", 16, 4),
            Field("kind", "uint32_t", 20, 4),
            Field("reserved", "uint64_t", 24, 8),
        ),
    ),
}
"""Every shared structure of the contract."""
