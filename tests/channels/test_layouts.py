# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract's layouts are the published ones: compared with tables that were retyped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.channels.published import CONTROL_GUID, SIZES, TABLES, VBUS_GUID
from ultravisor.machine import abi
from ultravisor.machine.abi import STRUCTURES, ClientState

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", TABLES)
def test_fields_lie_where_the_published_ones_do(name: str) -> None:
    fields = [(field.offset, field.size_bytes) for field in STRUCTURES[name].fields]
    published = list(TABLES[name].values())
    assert fields[: len(published)] == published


@pytest.mark.parametrize("name", SIZES)
def test_structures_are_as_large_as_the_published_ones(name: str) -> None:
    assert STRUCTURES[name].size_bytes == SIZES[name]


@pytest.mark.parametrize("name", ["channel_header", "signal_queue_header", "control_channel"])
def test_fields_say_their_published_names(name: str) -> None:
    """Where a field has another name than the published one, its comment begins with that."""
    header = (ROOT / "monitor/abi/channel.h").read_text(encoding="utf-8")
    match = re.search(rf"^struct {name} \{{(.*?)^\}};", header, re.MULTILINE | re.DOTALL)
    assert match is not None
    for field, published in zip(STRUCTURES[name].fields, TABLES[name], strict=False):
        if field.name != published and not field.name.startswith("reserved"):
            assert re.search(rf"\b{field.name}(\[\w+\])?; */\* {published}\b", match[1]), field.name


def test_guids_are_stored_in_the_published_byte_order() -> None:
    assert abi.GUID_CONTROL.bytes_le == CONTROL_GUID
    assert abi.GUID_VBUS.bytes_le == VBUS_GUID


def test_messages_have_the_published_numbers() -> None:
    published = {0x101, 0x102, 0x104, 0x105, 0x106, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206}
    published |= {0x301, 0x302, 0x303, 0x304, 0x305}
    assert {int(number) for number in abi.ControlMessageId} == published


def test_states_of_segments_are_the_published_ones() -> None:
    running, paused, standby = (
        abi.SEGMENT_STATE_RUNNING,
        abi.SEGMENT_STATE_PAUSED,
        abi.SEGMENT_STATE_STANDBY,
    )
    assert (running, paused, standby) == (0x00F7, 0x0077, 0x0073)


def test_transitions_of_a_client_are_the_published_ones() -> None:
    published = {(0, 1), (2, 1), (3, 1), (2, 0), (3, 0), (0, 2), (0, 3), (2, 3), (3, 4), (4, 3)}
    published |= {(state, 5) for state in range(5)}
    assert {(int(old), int(new)) for old, new in abi.CLIENT_TRANSITIONS} == published
    assert [int(state) for state in ClientState] == list(range(6))


def test_a_queue_has_the_published_limits() -> None:
    assert (abi.CHANNEL_SLOT_MINIMUM, abi.CHANNEL_SLOT_LIMIT) == (64, 4096)
    assert abi.CONTROL_PAYLOAD_LIMIT == 128 * 1024
