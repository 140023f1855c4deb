# SPDX-License-Identifier: GPL-2.0-or-later
"""Consoles, colours, progress and table, as a person sees them."""

from __future__ import annotations

import io

import pytest

from ultravisor.cli.console_printer import LINE_LIMIT_CHARACTERS, ConsolePrinter
from ultravisor.cli.progress_line import REPORTS_PER_DRAWING, ProgressLine
from ultravisor.cli.table import print_result
from ultravisor.cli.terminal import colours_wanted, paint, printable
from ultravisor.results import (
    ConsoleOutput,
    ExitResult,
    HostResult,
    PartitionResult,
    ProcessorResult,
    Progress,
)


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(chunks: list[tuple[str, bytes]], stream: io.StringIO) -> str:
    printer = ConsolePrinter(["a", "long"], stream)
    for name, data in chunks:
        printer.write(ConsoleOutput(name, data, 0))
    printer.finish()
    return stream.getvalue()


def test_lines_are_whole_and_interleaved() -> None:
    chunks = [("a", b"one "), ("long", b"two\n"), ("a", b"line\nrest"), ("long", b"end")]
    assert printed(chunks, io.StringIO()) == (
        "long | two\na    | one line\na    | rest\nlong | end\n"
    )


def test_a_character_may_come_in_two_parts() -> None:
    euro = "€".encode()
    assert printed([("a", euro[:1]), ("a", euro[1:] + b"\n")], io.StringIO()) == "a    | €\n"


def test_what_is_not_text_is_replaced() -> None:
    assert printed([("a", b"\xff\xfe\n")], io.StringIO()) == "a    | \ufffd\ufffd\n"
    assert printed([("a", b"\xe2\x82")], io.StringIO()) == "a    | \ufffd\n"


def test_a_guest_cannot_steer_the_terminal() -> None:
    text = printed([("a", b"\x1b[2Jboo\x07 \xc2\x9b\tand tab\r\n")], Terminal())
    assert text.endswith("\\x1b[2Jboo\\x07 \\x9b\tand tab\n")


def test_a_line_without_end_is_bounded() -> None:
    stream = io.StringIO()
    printer = ConsolePrinter(["a"], stream)
    for _ in range(3):
        printer.write(ConsoleOutput("a", b"x" * LINE_LIMIT_CHARACTERS, 0))
    assert len(stream.getvalue().splitlines()) == 2


def test_each_partition_has_its_colour_on_a_terminal() -> None:
    text = printed([("a", b"x\n"), ("long", b"y\n")], Terminal())
    first, second = text.splitlines()
    assert first.startswith("\x1b[")
    assert first.split("m")[0] != second.split("m")[0]


@pytest.mark.parametrize(
    ("variables", "terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_when_colours_are_wanted(
    variables: dict[str, str], terminal: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    assert colours_wanted(stream) is expected
    assert paint("x", "red", stream) == ("\x1b[31mx\x1b[0m" if expected else "x")


def test_printable_keeps_text() -> None:
    assert printable("plain ünïcode\ttext") == "plain ünïcode\ttext"
    assert printable("a\u202eb\x7f") == "a\\x202eb\\x7f"


def test_progress_is_for_terminals() -> None:
    stream = io.StringIO()
    assert not ProgressLine(stream, wanted=True).active
    assert not ProgressLine(Terminal(), wanted=False).active


def test_progress_is_drawn_now_and_then_and_removed() -> None:
    stream = Terminal()
    line = ProgressLine(stream, wanted=True)
    line.clear()
    for _ in range(REPORTS_PER_DRAWING - 1):
        line.report(Progress(1, 2, 3))
    assert stream.getvalue() == ""
    line.report(Progress(1_000_000, 2, 3))
    assert "1,000,000 cycles, 2 of guests, 3 running" in stream.getvalue()
    line.clear()
    assert stream.getvalue().endswith("\r\x1b[K")


RESULT = HostResult(
    unit="bytes of code",
    seed=5,
    state_hash="00ff" * 4,
    exit=ExitResult("halted: failed: bad", 1),
    processors=(ProcessorResult(0, 1000, 2000, 3, 4),),
    partitions=(
        PartitionResult(
            "good", "guest", 64, "exited", 0, "done", "1" * 16, 12345, {"yield": 7}, {}, ""
        ),
        PartitionResult(
            "bad", "guest", 32, "stopped", None, "[red]\x1b[31m", "2" * 16, 0, {}, {"debug": 2}, ""
        ),
    ),
)


def test_the_table_has_a_row_a_partition() -> None:
    stream = io.StringIO()
    print_result(RESULT, stream)
    lines = [line.split() for line in stream.getvalue().splitlines()]
    assert ["good", "64", "exited", "0", "12,345", "7", "0", "done"] in lines
    assert ["bad", "32", "stopped", "0", "0", "2", "[red]\\x1b[31m"] in lines
    assert ["0", "1,000", "2,000", "4", "3"] in lines
    assert ["state", "hash", "00ff00ff00ff00ff", "seed", "5"] in lines
    assert "\x1b" not in stream.getvalue()


def test_the_table_has_colours_on_a_terminal() -> None:
    stream = Terminal()
    print_result(RESULT, stream)
    assert "\x1b[31mstopped" in stream.getvalue()


def test_json_begins_with_the_schema_and_has_the_documented_keys() -> None:
    text = RESULT.to_json()
    assert text.startswith('{"schema":"ultravisor.boot/1","seed":5,')
    assert "\n" not in text
    assert RESULT.partition("bad").state == "stopped"
    with pytest.raises(KeyError):
        RESULT.partition("absent")
