# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests of both widths that learn of their channels over the control channel, and talk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guests.guest_talks import PLACEMENT, TALK_TYPE, Talk, channel, domain, pair
from ultravisor.partitions.ultravisor import LEAVE_CYCLES

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.configuration import MonitorName

pytestmark = pytest.mark.guest

SERVER_ENDS = "server: server: 200 messages answered, 1 conversations ended, 0 broken, 0 lost"
CLIENT_ENDS = "client: client: 200 messages answered, 0 conversations broken, 0 lost"
LONG = "messages=2000"
LONG_SERVER_ENDS = "server: server: 2000 messages answered, 1 conversations ended, 0 broken, 0 lost"
LONG_CLIENT_ENDS = "client: client: 2000 messages answered, 0 conversations broken, 0 lost"


def desk_faults(talk: Talk) -> dict[int, str]:
    """Return why the ultravisor tells a partition nothing any more, by partition."""
    ultravisor = talk.host.infrastructure._ultravisor
    ends = ultravisor._mirror.ends
    return {ends(number)[0].partition: desk.fault for number, desk in ultravisor._desks.items()}


@pytest.mark.parametrize("widths", ["64-64", "64-32", "32-64", "32-32"])
def test_guests_talk_the_same_in_both_builds(tmp_path: Path, widths: str) -> None:
    found = []
    for monitor in ("native", "simulated"):
        with Talk(tmp_path, pair(widths=widths), monitor) as talk:
            talk.run_until(SERVER_ENDS, CLIENT_ENDS)
            while talk.host.can_run:
                talk.step()
            assert talk.reason("server") == talk.reason("client") == "guest_main returned"
            hashes = [
                talk.host.machine.partition_hash(row.number) for row in talk.host.partitions()
            ]
            found.append((talk.lines("server"), talk.lines("client"), hashes))
    assert found[0] == found[1]


def test_a_guest_is_told_what_it_has(tmp_path: Path) -> None:
    with Talk(tmp_path, pair()) as talk:
        talk.run_until("server: ready", "client: ready", SERVER_ENDS)
        number = talk.channel()
        ends = next(row.ends for row in talk.host.channels() if row.id == number)
        for end in ends:
            assert (
                f"device {number}: {end.side} of a channel of type {TALK_TYPE[:8]}, 16384 bytes "
                f"at {end.guest_address:x}, port {end.port}"
            ) in talk.lines(end.partition)


def test_all_channels_of_guests_are_attached(tmp_path: Path) -> None:
    with Talk(tmp_path, pair(client=LONG)) as talk:
        talk.run_until("server: ready", "client: ready")
        talk.run_until_sent(1)
        talk.step()
        assert {row.state for row in talk.host.channels()} == {"attached"}


def test_ends_that_poll_need_no_events(tmp_path: Path) -> None:
    with Talk(tmp_path, pair("ends=1 polls", "messages=200 polls")) as talk:
        talk.run_until("client: ready")
        talk.run_until(SERVER_ENDS, CLIENT_ENDS)
        # What the server has sent is the news of its control channel, and of the new channel.
        assert talk.host.inspect("server").events_sent < 10


def test_ends_that_wait_are_woken_by_events(tmp_path: Path) -> None:
    with Talk(tmp_path, pair()) as talk:
        talk.run_until(SERVER_ENDS, CLIENT_ENDS)
        # A window of 16 messages is answered before the client is waited for again.
        assert talk.host.inspect("server").events_sent > 200 // 16


def test_the_ultravisor_is_killed_in_the_middle_and_nothing_is_lost(tmp_path: Path) -> None:
    with Talk(tmp_path, pair(client=LONG)) as talk:
        for count in (100, 400, 700):
            talk.run_until_sent(count)
            talk.host.restart_ultravisor()
            talk.step()
        assert not talk.has_said("client", "client: ")
        talk.run_until(LONG_SERVER_ENDS, LONG_CLIENT_ENDS)
        assert talk.host.state != "degraded"


@pytest.mark.parametrize(
    ("widths", "monitor"), [("64-64", "native"), ("32-32", "native"), ("32-64", "simulated")]
)
def test_a_server_survives_its_clients_reset_and_talks_to_the_next(
    tmp_path: Path, widths: str, monitor: MonitorName
) -> None:
    with Talk(tmp_path, pair(client=LONG, widths=widths), monitor) as talk:
        talk.run_until_sent(100)
        talk.order("reset", "client")
        talk.run_until(LONG_CLIENT_ENDS)
        assert talk.states()["client"][1] == 2
        assert talk.states()["server"][1] == 1
        assert talk.lines("server")[-1].endswith("1 conversations ended, 0 broken, 1 lost")
        subject = str(talk.channel())
        steps = [text.split(" (")[0] for _, name, text in talk.events if name == subject]
        assert steps[-4:] == [
            "attached -> leaving", "leaving -> revoked", "revoked -> mapped", "mapped -> attached",
        ]  # fmt: skip


@pytest.mark.parametrize("delay_cycles", [10_000, 40_000, 60_000, 80_000, 120_000, 250_000])
def test_a_server_survives_an_ultravisor_that_is_killed_while_it_lets_go(
    tmp_path: Path, delay_cycles: int
) -> None:
    with Talk(tmp_path, pair(client=LONG)) as talk:
        talk.run_until_sent(100)
        talk.give("reset", "client")
        talk.step(delay_cycles)
        talk.host.restart_ultravisor()
        talk.run_until(LONG_CLIENT_ENDS)
        assert talk.states()["client"][1] == 2
        assert talk.lines("server")[-1].endswith("1 conversations ended, 0 broken, 1 lost")


def test_a_client_survives_its_servers_reset_and_goes_on(tmp_path: Path) -> None:
    with Talk(tmp_path, pair(client=LONG)) as talk:
        talk.run_until_sent(100)
        talk.order("reset", "server")
        talk.run_until("client: client: 2000 messages answered, 0 conversations broken, 1 lost")
        assert talk.states()["client"][1] == 1
        assert talk.states()["server"][1] == 2


def test_a_channel_that_comes_later_is_introduced(tmp_path: Path) -> None:
    with Talk(tmp_path, pair(client=LONG)) as talk:
        talk.run_until_sent(100)
        before = talk.channel()
        talk.order("destroy", "client")
        assert "client" not in talk.states()
        talk.order("start", "client")
        talk.run_until(LONG_CLIENT_ENDS)
        assert talk.channel() > before
        assert talk.states()["server"][1] == 1


def test_a_guest_that_starts_later_finds_its_server(tmp_path: Path) -> None:
    later = pair().replace('"messages=200"\n', '"messages=200"\nwanted = "stopped"\n')
    with Talk(tmp_path, later) as talk:
        talk.run_until("server: device", "server: ready")
        talk.run_until("server: device")
        assert talk.has_said("server", f"device {talk.channel()}: standby")
        talk.order("start", "client")
        talk.run_until(SERVER_ENDS, CLIENT_ENDS)


def test_who_does_not_let_go_in_time_is_stopped(tmp_path: Path) -> None:
    with Talk(tmp_path, pair("keeps", LONG)) as talk:
        talk.run_until_sent(100)
        begun = talk.host.position_cycles
        talk.order("reset", "client")
        assert talk.host.position_cycles - begun > LEAVE_CYCLES
        for _ in range(20):
            talk.step()
        assert talk.states()["server"] == ("failed", 1)
        assert talk.reason("server") == "its view took away what it still used"
        assert talk.states()["client"] == ("running", 2)


def test_who_spoils_its_control_channel_harms_itself_alone(tmp_path: Path) -> None:
    spoiler = domain("spoiler", "talk", "spoils-control")
    with Talk(tmp_path, pair(client="messages=4000") + spoiler) as talk:
        talk.run_until("spoiler: from now on, garbage")
        number = next(row.number for row in talk.host.partitions() if row.name == "spoiler")
        while not desk_faults(talk)[number]:
            talk.step()
        assert not talk.has_said("client", "client: "), "they are still talking"
        talk.run_until("client: client: 4000 messages answered, 0 conversations broken, 0 lost")
        assert talk.host.infrastructure.failure() == ""
        assert [who for who, fault in desk_faults(talk).items() if fault] == [number]
        talk.order("destroy", "spoiler")
        assert "spoiler" not in talk.states()
        assert talk.host.database.check() == []


@pytest.mark.parametrize("spoiler", ["server", "client"])
def test_who_spoils_its_channel_ends_that_conversation_alone(tmp_path: Path, spoiler: str) -> None:
    lines = {"server": "ends=1", "client": LONG}
    lines[spoiler] += " spoils-channel"
    others = (
        domain("s2", "talk_32", "ends=1")
        + domain("c2", "talk", "messages=200")
        + channel("other", "s2", "c2")
    )
    with Talk(tmp_path, pair(lines["server"], lines["client"]) + others) as talk:
        other = {"server": "client", "client": "server"}[spoiler]
        talk.run_until(f"{other}: the channel is not used any more: ", f"{other}: {other}: ")
        talk.run_until("c2: client: 200 messages answered, 0 conversations broken, 0 lost")
        assert talk.reason(other) in (None, "guest_main returned")


def test_a_third_partition_can_map_no_frame_of_others(tmp_path: Path) -> None:
    intruder = domain("intruder", "talk", "")
    with Talk(tmp_path, pair(client=LONG) + intruder) as talk:
        frames = talk.host.machine.options.memory_size_bytes >> 12
    intruder = domain("intruder", "talk", f"intrudes frames={frames}")
    with Talk(tmp_path, pair(client=LONG) + intruder) as talk:
        talk.run_until_sent(100)
        talk.run_until(f"intruder: 0 of {frames} frames of others taken")
        talk.run_until(LONG_CLIENT_ENDS)


def test_a_channel_across_zones_is_refused_by_a_rule_with_a_name(tmp_path: Path) -> None:
    zones = '[[zone]]\nname = "a"\nreaches = ["b"]\n[[zone]]\nname = "b"\n'
    policy = (
        zones
        + domain("server", "talk", "", 'zone = "a"')
        + domain("client", "talk", "", 'zone = "b"')
        + channel("talk", "server", "client")
        + PLACEMENT
    )
    with Talk(tmp_path, policy) as talk:
        talk.run_until("server: ready", "client: ready")
        assert TALK_TYPE not in {row.type for row in talk.host.channels()}
        refused = [
            row for row in talk.host.infrastructure.command.decider.decisions
            if row.what == "refused"
        ]  # fmt: skip
        assert refused[0].subject == "talk"
        assert refused[0].reasons[0].rule.startswith("zone[1] at ")
        assert "zone `b` does not reach `a`" in refused[0].reasons[0].sentence
