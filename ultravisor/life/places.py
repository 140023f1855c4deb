# SPDX-License-Identifier: GPL-2.0-or-later
"""Where living hosts are found: one folder of the user's, one socket a host.

Owns the names of sockets, lock files and logs, and who may have made the folder. Used by
the server, which makes them, and by clients, which look them up.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ultravisor.errors import NotFoundError, UsageError

RUNTIME_VARIABLE = "XDG_RUNTIME_DIR"
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}")
# What the kernel takes for the path of a socket, its final zero included.
SOCKET_PATH_LIMIT_BYTES = 108


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one living host."""

    name: str
    folder: Path

    @property
    def socket(self) -> Path:
        """Return the path of its socket."""
        return self.folder / f"{self.name}.sock"

    @property
    def lock(self) -> Path:
        """Return the file that is locked as long as the host lives."""
        return self.folder / f"{self.name}.lock"

    @property
    def log(self) -> Path:
        """Return where a detached host writes what it has to say."""
        return self.folder / f"{self.name}.log"


def runtime_folder() -> Path:
    """Return the folder of this user's living hosts, whether it exists or not."""
    given = os.environ.get(RUNTIME_VARIABLE)
    if given:
        return Path(given) / "ultravisor"
    return Path(tempfile.gettempdir()) / f"ultravisor-{os.getuid()}"


def make_folder() -> Path:
    """Make the folder, for this user alone; refuse one that somebody else could write."""
    folder = runtime_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as failure:
        hint = f"set {RUNTIME_VARIABLE} to a folder of your own"
        raise UsageError(f"{folder}: cannot be made: {failure.strerror}", hint) from None
    ours = found.st_uid == os.getuid() and stat.S_ISDIR(found.st_mode)
    if not ours or found.st_mode & 0o077:
        hint = f"remove it, or set {RUNTIME_VARIABLE} to a folder of your own"
        raise UsageError(f"{folder}: others than you can reach it", hint)
    return folder


def place_named(name: str) -> Place:
    """Return where the host of a name is, or would be; raise UsageError for a wrong name."""
    if not NAME_PATTERN.fullmatch(name):
        raise UsageError(
            f"`{name}` cannot name a host",
            "use at most 31 letters, digits, dots, dashes and underscores",
        )
    place = Place(name, runtime_folder())
    if len(os.fsencode(place.socket)) >= SOCKET_PATH_LIMIT_BYTES:
        raise UsageError(
            f"{place.socket}: too long a path for a socket",
            f"set {RUNTIME_VARIABLE} to a folder with a shorter path",
        )
    return place


def take_lock(place: Place) -> int | None:
    """Lock a host's name for this process; return the open file, or None where it is taken."""
    number = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        return None
    return number


def is_living(place: Place) -> bool:
    """Say whether a process holds the host's lock."""
    try:
        number = os.open(place.lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(number)


def living_places() -> list[Place]:
    """Return the hosts that live, by name."""
    folder = runtime_folder()
    names = sorted(path.stem for path in folder.glob("*.lock")) if folder.is_dir() else []
    return [place for name in names if is_living(place := Place(name, folder))]


def find_place(name: str | None) -> Place:
    """Return the host of a name, or the only one there is; raise NotFoundError or UsageError."""
    if name is not None:
        place = place_named(name)
        if not is_living(place):
            raise NotFoundError(
                f"no host named `{name}` lives", "`ultravisor up FILE --detach` starts one"
            )
        return place
    places = living_places()
    if not places:
        raise NotFoundError("no host lives", "`ultravisor up FILE --detach` starts one")
    if len(places) > 1:
        names = ", ".join(place.name for place in places)
        raise UsageError(f"several hosts live: {names}", "say which one with --host NAME")
    return places[0]
