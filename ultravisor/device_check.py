# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of devices: what goes with which kind, and what the host's files must be.

Owns the rules between the rows of [[device]], and the look at host files before anything starts.
Called by configuration_check, which opens nothing, and by whoever is about to make a host.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ultravisor.errors import ConfigurationError
from ultravisor.machine.abi import DEVICE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.configuration import DeviceConfiguration

SECTOR_SIZE_BYTES = 512
MIB = 1 << 20
# Of native/devices/switch.h.
SWITCH_PORT_LIMIT = 16
KEYS_OF_KIND = {
    "block": ("file", "size_mib", "read_only"),
    "network": ("switch", "pcap", "address"),
    "console": (),
}


class Refuse(Protocol):
    """How a configuration's checker makes an error with file, line and key."""

    def __call__(
        self, table: str, index: int | None, key: str, message: str, hint: str = ""
    ) -> ConfigurationError:
        """Return the error."""


def check_devices(rows: Sequence[DeviceConfiguration], refuse: Refuse) -> None:
    """Check what the types alone cannot say; raise what `refuse` returns."""
    names: dict[str, str] = {}
    count = 0
    for index, row in enumerate(rows):
        _check_keys(index, row, refuse)
        for name in (row.name, *row.device_names):
            if name in names:
                message = f"`{names[name]}` and `{row.name}` make two of the name `{name}`"
                raise refuse("device", index, "name", message, "give each its own name")
        names |= dict.fromkeys((row.name, *row.device_names), row.name)
        count += row.port_count
        if count > DEVICE_LIMIT:
            message = f"{count} devices; the limit is {DEVICE_LIMIT}"
            raise refuse("device", index, "ports", message, "each port is a device")
    _check_files(rows, refuse)
    _check_switches(rows, refuse)


def _check_keys(index: int, row: DeviceConfiguration, refuse: Refuse) -> None:
    for kind, keys in KEYS_OF_KIND.items():
        wrong = [key for key in keys if kind != row.kind and getattr(row, key)]
        if wrong:
            hint = f"a {row.kind} takes: {', '.join(KEYS_OF_KIND[row.kind]) or 'none of its own'}"
            raise refuse("device", index, wrong[0], f"`{row.name}` is no {kind}", hint)
    if row.kind == "console" and row.port_count != 1:
        raise refuse("device", index, "ports", "a console has one port")
    if row.kind == "block" and row.file is None:
        if row.size_mib is None:
            message = f"`{row.name}` has neither a file nor a size"
            raise refuse("device", index, "size_mib", message, "give file, or size_mib, or both")
        if row.read_only:
            message = "a disk in memory that nobody writes has nothing in it"
            raise refuse("device", index, "read_only", message, "give it a file")
    if row.kind == "network" and row.address_bytes[0] & 1:
        message = f"{row.address} is the address of a group"
        raise refuse("device", index, "address", message, "the first byte of a card's is even")


def _check_files(rows: Sequence[DeviceConfiguration], refuse: Refuse) -> None:
    """Refuse a file that two things are: all ports of a disk are one, and all of a switch."""
    users: dict[str, tuple[str, str]] = {}
    for index, row in enumerate(rows):
        # The same switch may name its capture twice.
        user = (row.name, "") if row.kind == "block" else ("", row.switch_name)
        for key, path in (("file", row.file), ("pcap", row.pcap)):
            if path is None:
                continue
            other = users.setdefault(path, user)
            if other != user:
                name = other[0] or f"switch {other[1]}"
                message = f"{path} is the file of `{name}` already"
                raise refuse("device", index, key, message, "give each its own file")


def _check_switches(rows: Sequence[DeviceConfiguration], refuse: Refuse) -> None:
    ports: dict[str, int] = {}
    captures: dict[str, str] = {}
    cards: dict[tuple[str, bytes], str] = {}
    for index, row in enumerate(rows):
        if row.kind != "network":
            continue
        switch = row.switch_name
        ports[switch] = ports.get(switch, 0) + row.port_count
        if ports[switch] > SWITCH_PORT_LIMIT:
            message = f"switch `{switch}` gets {ports[switch]} ports; it has {SWITCH_PORT_LIMIT}"
            raise refuse("device", index, "switch", message, "make another switch")
        if row.pcap is not None and captures.setdefault(switch, row.pcap) != row.pcap:
            message = f"switch `{switch}` writes {captures[switch]} already"
            raise refuse("device", index, "pcap", message, "a switch has one capture")
        other = cards.setdefault((switch, row.address_bytes), row.name)
        if other != row.name:
            message = f"`{other}` has the address {row.address_bytes.hex(':')} already"
            raise refuse("device", index, "address", message, "give each card its own")


def check_outsides(rows: Sequence[DeviceConfiguration], outsides: Sequence[str]) -> None:
    """Check that switches can be joined to the outside; raise ConfigurationError."""
    ports: dict[str, int] = {}
    for row in rows:
        if row.kind == "network":
            ports[row.switch_name] = ports.get(row.switch_name, 0) + row.port_count
    for index, name in enumerate(outsides):
        if name not in ports:
            hint = f"there are {', '.join(ports)}" if ports else "[[device]] of a network makes one"
            raise ConfigurationError(f"no switch is named `{name}`", hint)
        if name in outsides[:index]:
            message = f"switch `{name}` is joined to the outside twice"
            raise ConfigurationError(message, "a switch has one port to the outside")
        if ports[name] >= SWITCH_PORT_LIMIT:
            message = f"switch `{name}` has no port left for the outside: cards take all of them"
            raise ConfigurationError(message, f"a switch has {SWITCH_PORT_LIMIT} ports")


def check_host_files(rows: Sequence[DeviceConfiguration]) -> None:
    """Look at the files of devices, so that errors come before anything starts.

    Raises ConfigurationError.
    """
    for index, row in enumerate(rows):
        where = f"device[{index}] `{row.name}`"
        if row.file is not None:
            _check_disk(where, row, Path(row.file))
        if row.pcap is not None:
            _check_written(f"{where}: pcap", Path(row.pcap))
    _check_aliases(rows)


def _check_aliases(rows: Sequence[DeviceConfiguration]) -> None:
    """Refuse one file under several names: two disks would write it at once."""
    seen: dict[tuple[int, int], tuple[str, str]] = {}
    for row in rows:
        for path in (row.file, row.pcap):
            if path is None or not Path(path).exists():
                continue
            found = Path(path).stat()
            name, other = seen.setdefault((found.st_dev, found.st_ino), (row.name, path))
            if other != path:
                message = f"device `{row.name}`: {path} is the same file as {other} of `{name}`"
                raise ConfigurationError(message, "give each its own file")


def _check_disk(where: str, row: DeviceConfiguration, path: Path) -> None:
    where = f"{where}: file {path}"
    try:
        found = path.stat()
    except FileNotFoundError:
        if row.read_only or row.size_mib is None:
            hint = "a missing file is made where size_mib says how large, and read_only does not"
            raise ConfigurationError(f"{where}: no such file", hint) from None
        _check_written(where, path)
        return
    except OSError as failure:
        raise ConfigurationError(f"{where}: {failure.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        what = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise ConfigurationError(f"{where}: is {what}", "a disk is a regular file")
    _check_size(where, row, found.st_size)
    if not os.access(path, os.R_OK):
        raise ConfigurationError(f"{where}: may not be read")
    if not row.read_only and not os.access(path, os.W_OK):
        hint = "read_only = true makes it a disk that guests only read"
        raise ConfigurationError(f"{where}: may not be written", hint)


def _check_size(where: str, row: DeviceConfiguration, size_bytes: int) -> None:
    if size_bytes == 0 or size_bytes % SECTOR_SIZE_BYTES:
        message = f"{where}: {size_bytes} bytes are no whole number of sectors"
        raise ConfigurationError(message, f"a disk is at least one sector of {SECTOR_SIZE_BYTES}")
    if row.size_mib is not None and size_bytes != row.size_mib * MIB:
        message = f"{where}: has {size_bytes} bytes, and size_mib says {row.size_mib} MiB"
        raise ConfigurationError(message, "leave size_mib out: an existing file has its own size")


def _check_written(where: str, path: Path) -> None:
    """Check the place of a file that will be made or written anew."""
    if path.is_dir():
        raise ConfigurationError(f"{where}: {path} is a directory", "name a file")
    if not path.parent.is_dir():
        raise ConfigurationError(f"{where}: {path.parent} is no folder", "make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigurationError(f"{where}: {path} may not be written")
