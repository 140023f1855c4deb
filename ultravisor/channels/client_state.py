# SPDX-License-Identifier: GPL-2.0-or-later
"""What a client does with its channel: the states of its boot code and of its system.

Owns acquisition and release by the published rules; the transitions are the contract's. The
server, too, may change a state (to disabled): each operation reads a state once and checks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ultravisor.channels.errors import ChannelError, PeerError
from ultravisor.channels.structures import field_offset
from ultravisor.machine.abi import CLIENT_TRANSITIONS, ClientError, ClientState

if TYPE_CHECKING:
    from ultravisor.channels.memory import ChannelMemory

_BOOT: Final = field_offset("channel_header", "client_state_boot")
_SYSTEM: Final = field_offset("channel_header", "client_state_system")
_ERROR_SYSTEM: Final = field_offset("channel_header", "client_error_system")


class StateError(ChannelError):
    """A change of a client's state that the contract does not know."""


def _read(memory: ChannelMemory, offset: int) -> ClientState:
    value = int.from_bytes(memory.read(offset, 4), "little")
    try:
        return ClientState(value)
    except ValueError as wrong:
        raise PeerError(f"client state {value} at {offset:#x}: there is no such state") from wrong


def _write(memory: ChannelMemory, offset: int, state: ClientState) -> None:
    memory.write(offset, int(state).to_bytes(4, "little"))


def read_state(memory: ChannelMemory) -> ClientState:
    """Return the state of the client's system. Raises PeerError."""
    return _read(memory, _SYSTEM)


def read_boot_state(memory: ChannelMemory) -> ClientState:
    """Return the state of the client's boot code. Raises PeerError."""
    return _read(memory, _BOOT)


def change_state(memory: ChannelMemory, new: ClientState) -> ClientState:
    """Change the state of the client's system and return the old one.

    Raises StateError for a change that is not in CLIENT_TRANSITIONS, PeerError.
    """
    return _change(memory, _SYSTEM, new)


def change_boot_state(memory: ChannelMemory, new: ClientState) -> ClientState:
    """Change the state of the client's boot code and return the old one; as change_state."""
    return _change(memory, _BOOT, new)


def _change(memory: ChannelMemory, offset: int, new: ClientState) -> ClientState:
    old = _read(memory, offset)
    if (old, new) not in CLIENT_TRANSITIONS:
        raise StateError(f"client state at {offset:#x}: from {old.name} to {new.name}")
    _write(memory, offset, new)
    return old


def acquire(memory: ChannelMemory) -> ClientError:
    """Take the channel for the client's system; no error: it is taken.

    The error is left in the header, as published, so that it is reported once. Raises PeerError.
    """
    error = _acquire(memory)
    memory.write(_ERROR_SYSTEM, bytes([error]))
    return error


def _acquire(memory: ChannelMemory) -> ClientError:
    state = _read(memory, _SYSTEM)
    if state is ClientState.DISABLED:
        return ClientError.DISABLED
    if state is ClientState.OWNED:
        return ClientError(0)
    if _read(memory, _BOOT) is ClientState.DISABLED:
        _write(memory, _SYSTEM, ClientState.OWNED)
        return ClientError(0)
    if state is not ClientState.ATTACHED:
        return ClientError.NOT_ATTACHED
    _write(memory, _SYSTEM, ClientState.BUSY)
    if _read(memory, _BOOT) is ClientState.BUSY:
        _write(memory, _SYSTEM, ClientState.ATTACHED)
        return ClientError.BUSY
    return ClientError(0)


def release(memory: ChannelMemory) -> None:
    """Give the channel back; what the system owns, it keeps. Raises StateError, PeerError."""
    state = _read(memory, _SYSTEM)
    if state is ClientState.OWNED:
        return
    if state is not ClientState.BUSY:
        raise StateError(f"client state at {_SYSTEM:#x}: {state.name} is not to be released")
    _write(memory, _SYSTEM, ClientState.ATTACHED)
