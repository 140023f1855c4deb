# SPDX-License-Identifier: GPL-2.0-or-later
"""A TAP interface of the host: the far end of a switch's port to the outside.

Owns the descriptor and its errors. A living host polls it between two pieces of its machine, stamps
what has come and writes it to its input log (ultravisor.machine.devices: frame_in, take_frames), so
that a replay needs no TAP. It must not know switches, machines or logs.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from typing import Self

from ultravisor.errors import UltravisorError

DEVICE = "/dev/net/tun"
NAME_LIMIT_BYTES = 15
FRAME_MINIMUM_BYTES = 14
FRAME_LIMIT_BYTES = 1514
READ_LIMIT_FRAMES = 256

# linux/if_tun.h: an interface of Ethernet frames, without a header of its own before each.
TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
REQUEST = struct.Struct("<16sH22x")

HINTS = {
    errno.EPERM: "it needs the right CAP_NET_ADMIN, or an interface that was made for this user: "
    "ip tuntap add dev {name} mode tap user $USER",
    errno.EACCES: "this user may not open it: ask who administers the host, or run as that user",
    errno.ENOENT: "the host has no TUN/TAP driver: modprobe tun",
    errno.ENODEV: "the host has no TUN/TAP driver: modprobe tun",
    errno.ENXIO: "the host has no TUN/TAP driver: modprobe tun",
    errno.EBUSY: "another process uses the interface",
    errno.EINVAL: "the interface exists and is no TAP interface",
}


class Tap:
    """An interface by which Ethernet frames come and go, never waiting for either."""

    def __init__(self, descriptor: int, name: str) -> None:
        """Take a descriptor that gives and takes a whole frame a call; it is closed by `close`."""
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self.name = name
        self.lost_count = 0
        """Frames that the host did not take, and ones that are none of Ethernet's."""

    @classmethod
    def open(cls, name: str, device: str = DEVICE) -> Self:
        """Attach to the host's TAP interface of a name, or make it for as long as it is open.

        UltravisorError says what is missing and what to do: a wrong name, a right, the driver, or
        an interface that is in use.
        """
        _check_name(name)
        try:
            descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise _refusal(name, device, error) from error
        try:
            fcntl.ioctl(descriptor, TUNSETIFF, REQUEST.pack(name.encode(), IFF_TAP | IFF_NO_PI))
        except OSError as error:
            os.close(descriptor)
            raise _refusal(name, device, error) from error
        return cls(descriptor, name)

    def fileno(self) -> int:
        """Return the descriptor, for whoever waits on several."""
        return self._descriptor

    def read(self, limit: int = READ_LIMIT_FRAMES) -> list[bytes]:
        """Return the frames that have come, oldest first, at most `limit`; the others wait.

        UltravisorError when the interface is gone.
        """
        frames: list[bytes] = []
        while len(frames) < limit:
            try:
                frame = os.read(self._descriptor, FRAME_LIMIT_BYTES + 1)
            except BlockingIOError:
                break
            except OSError as error:
                raise self._loss(error) from error
            if not frame:
                break
            if FRAME_MINIMUM_BYTES <= len(frame) <= FRAME_LIMIT_BYTES:
                frames.append(frame)
            else:
                self.lost_count += 1
        return frames

    def write(self, frame: bytes) -> bool:
        """Send a frame; False when the host has no room for it: it is lost, as on any wire.

        UltravisorError when the interface is gone.
        """
        try:
            os.write(self._descriptor, frame)
        except OSError as error:
            # An interface that is down says EIO.
            if error.errno not in (errno.EAGAIN, errno.ENOBUFS, errno.EIO):
                raise self._loss(error) from error
            self.lost_count += 1
            return False
        return True

    def close(self) -> None:
        """Let go of it; an interface that was made by `open` is gone."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        """Return it, to be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _loss(self, error: OSError) -> UltravisorError:
        return UltravisorError(f"TAP interface {self.name} is lost: {os.strerror(_number(error))}")


def _check_name(name: str) -> None:
    """Refuse what the host would cut or misread as a pattern."""
    if (
        not name.isascii()
        or not 0 < len(name) <= NAME_LIMIT_BYTES
        or any(letter in "/%:" or letter.isspace() or not letter.isprintable() for letter in name)
        or name in (".", "..")
    ):
        raise UltravisorError(
            f"TAP interface {name!r}: a name has 1 to {NAME_LIMIT_BYTES} printable letters of "
            "ASCII, without blanks, '/', ':' and '%'"
        )


def _number(error: OSError) -> int:
    return error.errno if error.errno is not None else errno.EIO


def _refusal(name: str, device: str, error: OSError) -> UltravisorError:
    number = _number(error)
    hint = HINTS.get(number, "").format(name=name)
    return UltravisorError(f"TAP interface {name}: {device}: {os.strerror(number)}", hint)
