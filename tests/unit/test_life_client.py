# SPDX-License-Identifier: GPL-2.0-or-later
"""A client whose host goes: what it is told, and where it is sent for more."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ultravisor.errors import NotFoundError, SupervisedFailure
from ultravisor.life.client import LivingHostClient
from ultravisor.life.places import RUNTIME_VARIABLE, Place, make_folder, place_named
from ultravisor.life.protocol import Ps

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Return where a host would live; its path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="uv-") as name:
        monkeypatch.setenv(RUNTIME_VARIABLE, name)
        make_folder()
        assert Path(name) in place_named("lab").socket.parents
        yield place_named("lab")


def gone(place: Place) -> SupervisedFailure:
    """Return what a client is told whose host closes the connection."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(place.socket))
        listener.listen()
        with LivingHostClient(place) as client:
            connection, _ = listener.accept()
            connection.close()
            with pytest.raises(SupervisedFailure) as told:
                client.ask(Ps())
    return told.value


def test_a_detached_hosts_last_words_are_in_its_log(place: Place) -> None:
    place.log.write_text("x")
    failure = gone(place)
    assert failure.message == "the host `lab` has ended"
    assert failure.hint == f"its last words are in {place.log}"


def test_a_host_in_the_foreground_has_no_log_to_name(place: Place) -> None:
    failure = gone(place)
    assert (failure.message, failure.hint) == ("the host `lab` has ended", "")


def test_where_nobody_listens_there_is_no_host(place: Place) -> None:
    with pytest.raises(NotFoundError, match="the host `lab` does not answer"):
        LivingHostClient(place)
