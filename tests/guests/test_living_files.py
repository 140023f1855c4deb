# SPDX-License-Identifier: GPL-2.0-or-later
"""Files behind the disks of a living host: full, gone, cut, read-only; and what a dead host left.

What is in a file is read from outside, by the judge of volumes, which knows nothing of guests.
"""

from __future__ import annotations

import errno
import os
import resource
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fat.volume_judge import judge
from tests.guests import living_processes
from tests.guests.living_media import SERVERS, Client, MediaOperator, machine_text, policy_text
from tests.guests.living_processes import call, kill_group, machine_process, until
from ultravisor.errors import UltravisorError
from ultravisor.machine.devices import DiskFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.guest

SHELL = Client("client", "shell", "prompt")
SHELLS = [
    SHELL,
    pytest.param(Client("client", "shell_32", "prompt"), marks=pytest.mark.slow),
]
FILE = 'file = "disk.img"'
AS_FILLED = "b: 20000 bytes are as they were filled"


def up(folder: Path, client: Client = SHELL, disk: str = FILE) -> MediaOperator:
    """Bring up a host with a shell that asks for its first line."""
    operator = MediaOperator.at(folder, client, disk=disk)
    operator.until(lambda: operator.prompts("client") == 1)
    return operator


def said(operator: MediaOperator, line: str) -> str:
    """Type a line at the shell; return what it says."""
    before = len(operator.console("client"))
    operator.type("client", line)
    return operator.console("client")[before:].removesuffix("> ").strip()


def nothing_moved(operator: MediaOperator) -> None:
    assert (operator.operating(), operator.standby()) == SERVERS
    assert operator.host.state == "running"
    assert not [row for row in operator.told if "failed" in row]


@contextmanager
def files_limited_to(size_bytes: int) -> Iterator[None]:
    """Let this process make no file longer, as a full file system does; Python takes the signal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("client", SHELLS)
def test_a_full_file_system_is_said_and_goes_by(tmp_path: Path, client: Client) -> None:
    with up(tmp_path, client) as operator:
        assert said(operator, "format") == ""
        assert said(operator, "write a.txt kept") == ""
        operator.devices.fail(0, DiskFailure(error=errno.ENOSPC, operation=3))
        assert said(operator, "fill b 20000 3") == "fill: b: the disk has failed."
        operator.devices.heal(0)
        assert said(operator, "cat a.txt") == "kept"
        assert said(operator, "fill b 20000 3;verify b 3") == AS_FILLED
        nothing_moved(operator)


def test_a_file_that_may_not_grow_fails_writes_and_nothing_else(tmp_path: Path) -> None:
    with up(tmp_path) as operator:
        said(operator, "format;write a.txt kept")
        with files_limited_to(60_000):
            assert said(operator, "fill b 100000 3") == "fill: b: the disk has failed."
            assert said(operator, "cat a.txt") == "kept"
        assert said(operator, "fill b 20000 3;verify b 3") == AS_FILLED
        nothing_moved(operator)


def test_a_file_that_vanishes_fails_its_guest_only(tmp_path: Path) -> None:
    with up(tmp_path) as operator:
        said(operator, "format;write a.txt kept")
        (tmp_path / "disk.img").unlink()
        assert said(operator, "fill b 20000 3") == "fill: b: the disk has failed."
        assert said(operator, "sync") == "sync: the disk: the disk has failed."
        assert said(operator, "echo and goes on") == "and goes on"
        nothing_moved(operator)


def test_a_file_that_is_cut_harms_its_guest_only(tmp_path: Path) -> None:
    with up(tmp_path) as operator:
        said(operator, "format;fill b 40000 3")
        os.truncate(tmp_path / "disk.img", 50_000)
        assert said(operator, "verify b 3") == "verify: b: the disk has failed."
        assert said(operator, "fill c 20000 3") == "fill: c: the disk has failed."
        assert said(operator, "echo and goes on") == "and goes on"
        nothing_moved(operator)


@pytest.mark.parametrize("client", SHELLS)
def test_a_disk_that_is_read_only_says_so(tmp_path: Path, client: Client) -> None:
    with up(tmp_path) as operator:
        said(operator, "format;write a.txt kept;sync")
    before = (tmp_path / "disk.img").read_bytes()
    (tmp_path / "disk.img").chmod(0o444)
    with up(tmp_path, client, f"{FILE}\nread_only = true") as operator:
        assert said(operator, "cat a.txt") == "kept"
        assert said(operator, "write b.txt x") == "write: b.txt: the disk has failed."
        assert said(operator, "format") == "format: the disk: the disk has failed."
        nothing_moved(operator)
    assert (tmp_path / "disk.img").read_bytes() == before


def test_a_file_that_cannot_be_written_is_refused_when_the_host_comes_up(tmp_path: Path) -> None:
    (tmp_path / "disk.img").mkdir()
    with pytest.raises(UltravisorError, match=r"`disk0`: .*disk\.img: is a directory"):
        up(tmp_path)


@pytest.mark.parametrize("fault", ["crash", "break"])
def test_files_written_over_a_failover_are_on_the_disk(tmp_path: Path, fault: str) -> None:
    with up(tmp_path) as operator:
        said(operator, "format;fill a 20000 1;mkdir d")
        before = operator.prompts("client")
        operator.enter("client", "fill d/b 40000 2;sync")
        done = operator.requests_done()
        operator.until(lambda: operator.requests_done() > done + 20, 10_000)
        operator.enter("io-a", fault)
        operator.until(lambda: operator.prompts("client") > before)
        assert operator.operating() == "io-b"
        assert said(operator, "verify d/b 2").endswith("d/b: 40000 bytes are as they were filled")
    judged = judge((tmp_path / "disk.img").read_bytes())
    assert (judged.faults, judged.lost_clusters) == ([], 0)
    assert set(judged.tree) == {"/a", "/d", "/d/b"}


@pytest.fixture
def hosts() -> Iterator[None]:
    """Stand for the user's folder; its path is short enough for a socket."""
    with (
        tempfile.TemporaryDirectory(prefix="uv-") as name,
        living_processes.runtime_folder(Path(name)),
    ):
        yield


def bring_up(folder: Path) -> None:
    """Bring a host up as processes, until its shell asks for a line."""
    (folder / "host.toml").write_text(machine_text((SHELL,), disk=FILE), encoding="utf-8")
    (folder / "policy.toml").write_text(policy_text((SHELL,)), encoding="utf-8")
    words = (str(folder / "host.toml"), "--policy", str(folder / "policy.toml"))
    ended = call("up", *words, "--name", "lab", "--pace", "none", "--detach")
    assert ended.code == 0, ended.err
    until(lambda: written("client").endswith("> "))


def written(partition: str) -> str:
    """Return what a partition has written; nothing while it is not there."""
    ended = call("logs", partition, "--host", "lab")
    return ended.out if ended.code == 0 else ""


def typed(line: str) -> str:
    """Type a line at the shell; return what it says."""
    before = len(written("client"))
    assert call("console", "client", "--input", line).code == 0
    until(lambda: written("client")[before:].rstrip().endswith(">"))
    return written("client")[before:].rstrip().removesuffix(">").strip()


@pytest.mark.slow
@pytest.mark.usefixtures("hosts")
@pytest.mark.parametrize("fault", ["", "crash"])
def test_what_was_flushed_outlives_a_killed_host(tmp_path: Path, fault: str) -> None:
    bring_up(tmp_path)
    assert typed("format;write a.txt kept;fill b 20000 3;sync;echo synced") == "synced"
    # And then it dies while it writes something else.
    call("console", "client", "--input", "fill c 400000 4")
    if fault:
        call("console", "io-a", "--input", fault)
    kill_group(machine_process("lab"))
    judged = judge((tmp_path / "disk.img").read_bytes())
    assert judged.faults == []
    assert judged.tree["/a.txt"] == b"kept\n"
    content = judged.tree["/b"]
    assert content is not None
    assert len(content) == 20_000
    bring_up(tmp_path)
    assert typed("cat a.txt;verify b 3") == f"kept\n{AS_FILLED}"
