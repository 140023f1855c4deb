# SPDX-License-Identifier: GPL-2.0-or-later
"""I/O partitions that serve networks: frames between clients, over takeovers and crashes."""

from __future__ import annotations

import pytest

from tests.guests.io_host import PHYSICAL_BUS, IoHost, Medium
from ultravisor.machine.interface import MonitorBuild

pytestmark = pytest.mark.guest

BUILDS = tuple(MonitorBuild)


def pair(
    build: MonitorBuild = MonitorBuild.NATIVE,
    *,
    widths: tuple[int, int] = (64, 32),
    count: int = 100,
    io: tuple[str, str] = ("", ""),
) -> tuple[IoHost, list[Medium]]:
    """Return a host with I/O partitions 2 and 3, who asks, 4, and who answers, 5."""
    host = IoHost.boot(build)
    servers = (host.add_io(io[0]), host.add_io(io[1]))
    switch = host.devices.open_switch(port_count=4)
    lines = (f"address=1 peer=2 count={count} size=700", "address=2")
    media = []
    for index, line in enumerate(lines):
        client = host.add_client(line, widths[index], image="pings")
        media.append(host.add_network(switch, 2 * index, servers, client))
        host.operate(media[-1], 0)
    return host, media


def said(host: IoHost) -> list[int]:
    """Return how many questions were answered, how many not, and how often the way changed."""
    words = host.console(4).split()
    assert words[0] == "pings:", host.text()
    return [int(words[1]), int(words[3]), int(words[5])]


@pytest.mark.parametrize("widths", [(64, 64), (64, 32), (32, 64)])
def test_clients_reach_each_other_alike_in_both_builds(widths: tuple[int, int]) -> None:
    seen = []
    for build in BUILDS:
        host, _ = pair(build, widths=widths)
        host.run_until_ended(4)
        # The first question may come before the other card is there.
        assert said(host) == [100, 1, 1]
        seen.append([host.machine.partition_hash(number) for number in (1, 2, 3, 4, 5)])
        host.machine.close()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("build", BUILDS)
def test_cards_move_and_go_on(build: MonitorBuild) -> None:
    host, media = pair(build)
    for index in (1, 0, 1):
        for medium in media:
            host.run(1_000_000)
            assert host.is_running(4)
            host.take_over(medium, index)
    host.run_until_ended(4)
    answered, silent, moves = said(host)
    assert (answered, moves) == (100, 4)
    # One question at a time is under way: each move may lose it.
    assert silent <= 6


@pytest.mark.parametrize("build", BUILDS)
def test_a_crash_loses_frames_and_no_card(build: MonitorBuild) -> None:
    host, media = pair(build, io=("crash_after=40", ""))
    host.run_until_ended(2)
    for medium in media:
        host.fail_over(medium, 1)
    host.run_until_ended(4)
    assert said(host)[0] == 100


def test_a_link_that_goes_down_is_told_and_comes_back() -> None:
    host, media = pair()
    host.run(1_000_000)
    host.devices.plug(media[1].devices[0], up=False)
    host.run(3_000_000)
    assert host.is_running(4)
    host.devices.plug(media[1].devices[0], up=True)
    host.run_until_ended(4)
    assert said(host)[0] == 100


def test_a_fenced_card_sends_nothing() -> None:
    host, media = pair()
    host.run(1_000_000)
    host.fence(media[0], 0)
    before = host.devices.statistics(media[0].devices[0])
    host.run(2_000_000)
    after = host.devices.statistics(media[0].devices[0])
    assert (before.request_count, after.link_up) == (after.request_count, True)
    host.leave(media[0], 0)
    host.ask_state(2, PHYSICAL_BUS, media[0].devices[0], operates=False)
    host.operate(media[0], 1)
    host.run_until_ended(4)
    assert said(host)[0] == 100
