# SPDX-License-Identifier: GPL-2.0-or-later
"""The pytest plugin, as a user's project sees it: each test here runs pytest on a small one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit import scenario_images as images
from tests.unit import tiny_guests as tiny
from ultravisor.machine.abi import Hypercall

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("pytester",)
pytestmark = pytest.mark.guest

COUNTED = tiny.call(Hypercall.MARK, 1, 0) + tiny.count_down(100) + tiny.call(Hypercall.MARK, 2, 0)


@pytest.fixture(autouse=True)
def project(pytester: pytest.Pytester) -> Path:
    """Make the project: some images, and no settings."""
    folder = pytester.path / "images"
    talk = tiny.say(6) + COUNTED + tiny.say(5, 6) + tiny.leave()
    images.write(folder, "talks", talk, b"ready\ndone\n")
    images.write(folder, "stops", tiny.say(6) + tiny.STORE_TO_NOWHERE, b"ready\n")
    images.write(folder, "fails", tiny.say(3) + tiny.leave(images.FAILURE), b"no\n")
    images.write(folder, "skips", tiny.leave(images.SKIP))
    images.write(folder, "spins", tiny.SPIN)
    (pytester.path / "broken.elf").write_bytes(b"hello")
    return pytester.path


def run(pytester: pytest.Pytester, code: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(code)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


def test_what_a_guest_does_can_be_expected(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import re

        def test_talks(host):
            guest = host.boot("images/talks.elf", memory_mib=2, command_line="x", timing="unit")
            assert guest.console.expect("ready")[0] == "ready"
            assert guest.console.expect(re.compile(r"d(.)ne"))[1] == "o"
            assert guest.console.text == "ready\\ndone\\n"
            assert guest.console.rest == "\\n"
            assert guest.expect_exit(0).work > 0
            guest.expect_hypercalls({"console_write": 2, "mark": 2, "yield": 0})
            guest.expect_hypercalls({"mark": 1}, at_least=True)
            assert 200 <= guest.cycles_within(200, 210, between=(1, 2)) <= 210
            assert guest.cycles_within(200, 210, between=(1, 2), clock="schedule")
            assert guest.cycles_within(200, 300) == guest.result.partition("talks").work

        def test_stops(host):
            guest = host.boot("images/stops.elf")
            assert guest.expect_stop("unhandled_trap", vector=14).stop.address == "0x10"
            guest.expect_stop("unhandled_trap")
        """,
    )
    result.assert_outcomes(passed=2)


def test_several_partitions_are_reached_by_name(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest
        from ultravisor.errors import UsageError

        def test_two(host):
            two = host.boot("images/talks.elf", "images/stops.elf")
            two.guest("stops").expect_stop("unhandled_trap")
            two.guest("talks").console.expect("done")
            with pytest.raises(UsageError, match="several partitions"):
                two.console
            with pytest.raises(UsageError, match="no partition is named `talk`"):
                two.guest("talk")
            assert {mark.partition for mark in two.marks()} == {"talks"}
        """,
    )
    result.assert_outcomes(passed=1)


def failure_of(pytester: pytest.Pytester, body: str) -> str:
    """Run a test that fails; return what a person reads of it."""
    result = run(pytester, f"def test(host):\n    {body}\n")
    result.assert_outcomes(failed=1)
    lines = [line for line in result.outlines if line.startswith("E ")]
    # The frames of the package are not shown: the only one is the test's.
    assert "test_failure_of" not in result.stdout.str()
    assert not [line for line in result.outlines if line.startswith("ultravisor")]
    return "\n".join(line[1:].strip() for line in lines)


def test_a_missing_text_is_shown_with_what_came(pytester: pytest.Pytester) -> None:
    text = failure_of(pytester, "host.boot('images/fails.elf').console.expect('yes')")
    assert "expected 'yes' on the console of `fails`" in text
    assert "but the partition has ended" in text
    assert "partition `fails`: exited with code 5: exited with code 5" in text
    assert "console (all of it):\n| no" in text
    assert "repeat it with: ultravisor replay " in text


def test_the_replay_of_a_failure_works(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    from ultravisor.cli import run as run_command

    text = failure_of(pytester, "host.boot('images/fails.elf').console.expect('yes')")
    path = text.partition("ultravisor replay ")[2].split()[0]
    capsys.readouterr()
    assert run_command(["replay", path]) == 1
    output = capsys.readouterr().out
    assert "no\n" in output
    assert "exited with code 5" in output


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "host.boot('images/spins.elf').console.expect('x', within_cycles=70_000)",
            "but it has not come within 70,000 cycles",
        ),
        (
            "host.boot('images/spins.elf').expect_exit(within_cycles=1_000)",
            "expected `spins` to exit with code 0\nbut it has not come within 1,000 cycles",
        ),
        (
            "host.boot('images/fails.elf').expect_exit(0)",
            "expected `fails` to exit with code 0\nbut its code is 5",
        ),
        ("host.boot('images/stops.elf').expect_exit(0)", "but it was stopped"),
        ("host.boot('images/fails.elf').expect_stop('bad_return')", "but it exited"),
        (
            "host.boot('images/stops.elf').expect_stop('unhandled_trap', vector=6)",
            "by invalid opcode (#UD), vector 6\nbut the stop is unhandled_trap, vector 14",
        ),
        (
            "host.boot('images/stops.elf').expect_stop('bad_return')",
            "page fault (#PF), write to a page that is not mapped at 0x10",
        ),
        (
            "host.boot('images/talks.elf').expect_hypercalls({'yield': 1})",
            "expected `talks` to have made 1 yield\nbut it made 0 yield",
        ),
        (
            "h = host.boot('images/talks.elf'); h.run(); h.expect_hypercalls({'mark': 1})",
            "expected `talks` to have made 1 mark\nbut it made 2 mark",
        ),
        (
            "h = host.boot('images/talks.elf'); h.run(); h.cycles_within(1, 2)",
            "expected the work of `talks` to be within 1 and 2\nbut they are ",
        ),
        (
            "h = host.boot('images/talks.elf'); h.run(); h.cycles_within(1, 2, between=(1, 2))",
            "expected the cycles of `talks` between marks 1 and 2 to be within 1 and 2",
        ),
        (
            "h = host.boot('images/talks.elf'); h.run(); h.cycles_within(1, 2, between=(2, 1))",
            "expected mark 2 and then mark 1, of one virtual processor\nbut the marks are: 1, 2",
        ),
    ],
)
def test_each_failure_says_what_was_expected_and_what_came(
    pytester: pytest.Pytester, body: str, words: str
) -> None:
    assert words in failure_of(pytester, body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("host.boot('images/absent.elf')", "images/absent.elf: no such file"),
        ("host.boot('images/talks.elf', bild='native')", "did you mean `build`?"),
        ("host.boot('images/talks.elf', memory_mib=0)", "partition: Expected `int` >= 1"),
        ("host.boot('images/talks.elf', timing='on')", "host: Invalid enum value 'on'"),
        (
            "host.boot('images/talks.elf', 'images/stops.elf', memory_mib=2)",
            "memory_mib: the host has several partitions",
        ),
        ("host.boot('images/talks.elf').expect_hypercalls({'yeld': 1})", "did you mean `yield`?"),
        ("host.boot('images/talks.elf').expect_stop('exit')", "the contract has no stop `exit`"),
    ],
)
def test_a_mistake_of_the_test_is_told(pytester: pytest.Pytester, body: str, words: str) -> None:
    result = run(pytester, f"def test(host):\n    {body}\n")
    result.assert_outcomes(failed=1)
    assert words in result.stdout.str()


def test_a_test_runs_once_for_each_build(pytester: pytest.Pytester) -> None:
    code = """
        def test_it(host):
            guest = host.boot("images/talks.elf")
            guest.expect_exit(0)
            simulated = not guest.result.assumed_cycles
            print("build:", "simulated" if simulated else "native")

        def test_without_a_host():
            pass
        """
    for option, builds in (
        ([], ["native"]),
        (["--ultravisor-build", "simulated"], ["simulated"]),
        (["--ultravisor-build", "both"], ["native", "simulated"]),
        (["-o", "ultravisor_build=both"], ["native", "simulated"]),
    ):
        result = run(pytester, code, "-s", *option)
        result.assert_outcomes(passed=len(builds) + 1)
        said = [line for line in result.outlines if "build:" in line]
        assert [line.rpartition(" ")[2] for line in said] == builds


def test_a_wrong_build_is_refused(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test(host): pass", "-o", "ultravisor_build=fast")
    assert "write native, simulated or both" in result.stdout.str() + result.stderr.str()
    assert result.ret != 0


def test_a_test_that_names_its_build_has_it(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_it(host):
            guest = host.boot("images/talks.elf", build="simulated", supervise=False)
            guest.expect_exit(0)
            assert not guest.result.assumed_cycles
        """,
    )
    result.assert_outcomes(passed=1)


def test_hosts_end_with_their_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import os
        import pytest
        processes = []

        def test_one(host):
            for _ in range(2):
                processes.append(host.boot("images/spins.elf").host.process)
            os.kill(processes[0], 0)

        def test_two():
            for process in processes:
                with pytest.raises(ProcessLookupError):
                    os.kill(process, 0)
        """,
    )
    result.assert_outcomes(passed=2)


def test_a_machine_that_dies_fails_its_test_only(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_one(host):
            guest = host.boot("images/spins.elf")
            guest.host.kill()
            guest.run()

        def test_two(host):
            host.boot("images/talks.elf").expect_exit(0)
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    assert "was killed by SIGKILL" in result.stdout.str()
    assert "repeat it with: ultravisor replay " in result.stdout.str()


def test_typed_text_reaches_the_guest(pytester: pytest.Pytester, project: Path) -> None:
    data = tiny.DATA_ADDRESS
    wait = tiny.call(Hypercall.CONSOLE_READ, data, 4) + b"\x48\x85\xc0"  # test rax, rax
    # jz back to the beginning
    wait += b"\x74" + (-len(wait) - 2).to_bytes(1, "little", signed=True)
    images.write(project / "images", "echoes", wait + tiny.say(4) + tiny.leave(), b"????")
    result = run(
        pytester,
        """
        def test_it(host):
            guest = host.boot("images/echoes.elf")
            guest.run(200_000)
            assert guest.console.text == ""
            guest.console.send("abcd")
            guest.console.expect("abcd")
            guest.expect_exit(0)

        def test_stop(host):
            guest = host.boot("images/echoes.elf")
            guest.run(200_000)
            guest.stop("echoes")
            guest.expect_stop("operator")
        """,
    )
    result.assert_outcomes(passed=2)


def test_images_named_on_the_command_line_are_test_items(
    pytester: pytest.Pytester, project: Path
) -> None:
    names = sorted(path.name for path in (project / "images").glob("*.elf"))
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-o", "ultravisor_cycles=100_000", "-rA",
        *(f"images/{name}" for name in names),
    )  # fmt: skip
    result.assert_outcomes(passed=1, failed=3, skipped=1)
    text = result.stdout.str()
    assert "images/fails [native]" in text
    assert f"failure: exited with code 5\n  tests: {images.SENTENCE}\n  expected: a verdict" in text
    assert "    | no" in text
    assert "crash: page fault (#PF), write to a page that is not mapped at 0x10" in text
    assert "crash: still running at the limit of cycles" in text
    assert "exited with code 3" in text
    assert "Traceback" not in text


def test_images_are_run_under_both_builds_as_one_item(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "--ultravisor-build", "both", "images/talks.elf", "-v"
    )
    result.assert_outcomes(passed=1)
    assert "talks.elf::both PASSED" in result.stdout.str()


def test_images_are_collected_where_the_setting_says(
    pytester: pytest.Pytester, project: Path
) -> None:
    run(pytester, "def test(): pass").assert_outcomes(passed=1)
    images.write(project / "build" / "out", "talks", tiny.leave())
    images.write(project / "build" / "other", "talks", tiny.leave())
    pytester.makeini("[pytest]\nultravisor_images = images/talks.elf build/out/*.elf\n")
    result = run(pytester, "def test(): pass", "-v")
    result.assert_outcomes(passed=3)
    text = result.stdout.str()
    assert "images/talks.elf::native PASSED" in text
    assert "build/out/talks.elf::native PASSED" in text
    assert "build/other" not in text


def test_what_is_no_image_is_an_error_of_collection(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "broken.elf")
    result.assert_outcomes(errors=1)
    assert "broken.elf: offset 0x0: not an ELF image" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_a_wrong_limit_is_refused(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-o", "ultravisor_cycles=many", "images/talks.elf"
    )
    assert "ultravisor_cycles: many: write a number of cycles" in result.stdout.str()
    assert result.ret != 0


def test_the_plugin_costs_a_run_without_guests_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            heavy = {"ultravisor.host", "ultravisor.machine.native", "capstone", "elftools"}
            assert not heavy & set(sys.modules)
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
