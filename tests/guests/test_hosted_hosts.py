# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosted partitions from outside: configurations, saved states, and hosts in a child."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.guests.hosted_programs import (
    MONITORS,
    PING_SAYS,
    ROUNDS,
    Echo,
    Script,
    alone,
    echo_configuration,
    hosted,
    ping,
)
from ultravisor import Host, SupervisedHost
from ultravisor.cli import run
from ultravisor.configuration import Configuration, PartitionConfiguration
from ultravisor.configuration_check import check_configuration
from ultravisor.errors import ConfigurationError, SnapshotError, UsageError
from ultravisor.resolution import BUNDLED

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.machine.hosted import HostedTurn

pytestmark = pytest.mark.guest

LONG_CYCLES = 1 << 40
ECHO = "tests.guests.hosted_programs:Echo"
RAISER = "tests.guests.hosted_programs:Raiser"


class Stubborn(Echo):
    """Can neither be saved nor restored."""

    def save(self) -> bytes:
        raise OSError("no room")

    def load(self, state: bytes) -> None:
        raise ValueError("not mine")


def nothing(turn: HostedTurn) -> None:
    """Take a turn and do nothing."""


def test_a_hosted_partition_needs_a_program() -> None:
    with pytest.raises(ConfigurationError, match="`echo` is hosted, and has no program") as caught:
        Host(echo_configuration())
    assert 'programs={"echo": ...}' in caught.value.hint


def test_a_program_needs_its_hosted_partition() -> None:
    programs = {"echo": Echo(), "ping": Echo()}
    with pytest.raises(ConfigurationError, match="no hosted partition is named `ping`"):
        Host(echo_configuration(), programs=programs)


@pytest.mark.parametrize(("kind", "image"), [("hosted", "hello"), ("guest", "hosted")])
def test_kind_and_image_go_together(kind: str, image: str) -> None:
    row = PartitionConfiguration(name="x", kind=kind, image=image)  # type: ignore[arg-type]
    message = f"image `{image}` is not that of a {kind} partition"
    with pytest.raises(ConfigurationError, match=message):
        check_configuration(Configuration(partition=(row,)), "file")


def test_a_hosted_partition_has_one_virtual_processor() -> None:
    row = hosted("x", processors=(0, 0))
    with pytest.raises(ConfigurationError, match="has one virtual processor"):
        check_configuration(Configuration(partition=(row,)), "file")


def test_the_command_has_no_programs_to_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "host.toml"
    path.write_text('[[partition]]\nname = "x"\nkind = "hosted"\nimage = "hosted"\n')
    assert run(["boot", str(path)]) == 3
    assert "partition `x` is hosted, and has no program" in capsys.readouterr().err


def test_results_say_what_a_partition_is() -> None:
    with Host(echo_configuration(), programs={"echo": Echo()}) as host:
        assert [row.kind for row in host.result().partitions] == ["guest", "hosted"]


def test_the_state_of_other_programs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with Host(echo_configuration(), programs={"echo": Echo()}) as host:
        host.save(path)
        snapshot = host.snapshot()
        host.kill_program("echo")
        with pytest.raises(SnapshotError, match="partition `echo` has no program to restore"):
            host.restore(snapshot)
    with pytest.raises(SnapshotError, match="refuses its saved state: ValueError: not mine"):
        Host(echo_configuration(), state=path, programs={"echo": Stubborn()})


def test_a_program_that_cannot_be_saved_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with alone(Stubborn()) as host:
        with pytest.raises(SnapshotError, match="`only` cannot be saved: OSError: no room"):
            host.save(path)
        with pytest.raises(SnapshotError, match="`only` cannot be saved"):
            host.snapshot()
    assert list(tmp_path.iterdir()) == []


def test_a_partition_without_a_program_is_saved_as_such(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with Host(echo_configuration(), programs={"echo": Echo()}) as host:
        host.kill_program("echo")
        host.run(500_000)
        host.save(path)
    late = Echo()
    with Host(echo_configuration(), state=path, programs={"echo": late}) as host:
        host.run(500_000)
        assert late.seen == []  # nobody sits there, as when it was saved
        host.start_program("echo", late)
        host.run(LONG_CYCLES)
        assert host.console("ping") == PING_SAYS
    assert late.echoed == ROUNDS


def test_a_failure_is_kept_in_the_saved_state(tmp_path: Path) -> None:
    path = tmp_path / "state"

    def fail(turn: HostedTurn) -> None:
        raise ValueError("once")

    with alone(Script(fail)) as host:
        host.run(500_000)
        host.save(path)
        configuration = host.plan.configuration
    with Host(configuration, state=path, programs={"only": Script(nothing)}) as host:
        assert host.programs.failure("only") == "ValueError: once"
        assert host.programs.turns("only") == 1


def test_restoring_to_before_a_failure_lets_the_program_go_on() -> None:
    raises = [True]

    def fail_once(turn: HostedTurn) -> None:
        if raises.pop():
            raise ValueError("once")

    program = Script(fail_once)
    with alone(program) as host:
        snapshot = host.snapshot()
        host.run(LONG_CYCLES)
        assert host.programs.failure("only") == "ValueError: once"
        raises.append(False)
        host.restore(snapshot)
        assert (host.programs.failure("only"), host.programs.turns("only")) == ("", 0)
        result = host.run(LONG_CYCLES)
        assert (result.partitions[0].state, program.turns) == ("running", 1)


@pytest.mark.parametrize("monitor", MONITORS)
def test_programs_run_in_a_child_as_they_do_here(monitor: str, tmp_path: Path) -> None:
    path = tmp_path / "state"
    configuration = echo_configuration(monitor=monitor)
    with Host(configuration, programs={"echo": Echo()}) as host:
        host.run(1_300_000)
        here = host.run(LONG_CYCLES - 1_300_000)
    with SupervisedHost(configuration, programs={"echo": ECHO}) as there:
        there.run(1_300_000)
        there.save(path)
        snapshot = there.snapshot()
        there.run(LONG_CYCLES - 1_300_000)
        there.restore(snapshot)
        assert there.run(LONG_CYCLES - 1_300_000) == here
        assert there.console("ping") == PING_SAYS
    with SupervisedHost(configuration, state=path, programs={"echo": ECHO}) as there:
        assert there.run(LONG_CYCLES - 1_300_000) == here


def test_a_program_in_a_child_is_killed_and_replaced() -> None:
    with SupervisedHost(echo_configuration(), programs={"echo": ECHO}) as host:
        host.run(1_300_000)
        host.kill_program("echo")
        host.run(1_000_000)
        host.start_program("echo", ECHO, b"5")
        host.run(LONG_CYCLES)
        assert host.console("ping") == PING_SAYS
        assert [row.partition for row in host.inputs] == ["echo"]


def test_a_program_that_raises_does_not_end_the_child() -> None:
    with SupervisedHost(echo_configuration(), programs={"echo": RAISER}) as host:
        echo = host.run(LONG_CYCLES).partitions[1]
    assert echo.reason == "program of `echo`: ValueError: no such thing"


@pytest.mark.parametrize(
    "path",
    ["no.such:Echo", "tests.guests.hosted_programs:Nobody", "json", "json:loads"],
)
def test_what_makes_no_program_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match=f"`{path}` does not make a program: "):
        SupervisedHost(echo_configuration(), programs={"echo": path})


def test_nothing_hosted_is_found_where_nothing_is() -> None:
    with Host(Configuration(partition=(ping(),))) as host:
        for use in (
            lambda: host.kill_program("ping"),
            lambda: host.programs.turns("nobody"),
            lambda: host.start_program("ping", Echo()),
        ):
            with pytest.raises(UsageError, match="no hosted partition is named"):
                use()


def test_the_documented_program_runs() -> None:
    text = (BUNDLED.parents[1] / "docs" / "hosted-programs.md").read_text(encoding="utf-8")
    _, code, _ = re.split(r"```(?:python)?\n", text)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
