# SPDX-License-Identifier: GPL-2.0-or-later
"""A console's text at a terminal does not depend on where it was cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultravisor.cli.console_text import ConsoleText


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["a\r", "\nb"], ["a", "\nb"]),
        (["a\r", "b"], ["a", "\\x0db"]),
        (["a\r", "\r", "\n"], ["a", "\\x0d", "\n"]),
        (["a\r", ""], ["a", ""]),
        (["a\x1b[2J\tb\n"], ["a\\x1b[2J\tb\n"]),
    ],
)
def test_a_carriage_return_waits_for_what_follows(pieces: list[str], shown: list[str]) -> None:
    console = ConsoleText()
    assert [console.take(piece) for piece in pieces] == shown


def test_what_is_final_holds_nothing_back() -> None:
    assert ConsoleText().take("a\r", final=True) == "a\\x0d"


@given(st.lists(st.text(alphabet="ab\r\n\x1b")))
def test_pieces_are_shown_as_their_whole_is(pieces: list[str]) -> None:
    console = ConsoleText()
    shown = "".join(console.take(piece) for piece in pieces) + console.take("", final=True)
    assert shown == ConsoleText().take("".join(pieces), final=True)
