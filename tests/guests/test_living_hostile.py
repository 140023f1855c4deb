# SPDX-License-Identifier: GPL-2.0-or-later
"""Ends of channels that write anything into every shared word: who keeps the rules is not harmed.

A client scribbles, or an I/O partition does, over channels of media and over its own control
channel, word by word. Another client with a medium of its own works meanwhile, and notices nothing.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.guests.living_media import SERVERS, Client, MediaOperator
from ultravisor.partitions.messages import Done
from ultravisor.resources.records import ChannelEnd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ultravisor.life.living_host import LivingSnapshot

pytestmark = pytest.mark.guest

OTHER_REQUESTS = 20
OTHER_ENDED = OTHER_REQUESTS + 16
HOSTILE = Client("client", "reads_writes", "requests=1000000 depth=8 seed=5 poke")
OTHER = Client("other", "reads_writes_32", f"requests={OTHER_REQUESTS} depth=16 seed=6 span=16")
OPTIONS = "watchdog_cycles=50000000"
WORD = 4
HEADER_BYTES = 128
SLOTS_BYTES = 2 * 128 * 64
VALUES = (0, 1, 0x7F, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
DISK_WORDS = range(0, 3 * HEADER_BYTES, WORD)
"""Header of the channel, and of both queues."""
CONTROL_WORDS = range(0, 5 * HEADER_BYTES, WORD)
Prepared = tuple[MediaOperator, "LivingSnapshot"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """Bring up a host whose two clients are in the middle of their work."""
    folder = tmp_path_factory.mktemp("hostile")
    with MediaOperator.at(folder, HOSTILE, OTHER, options=OPTIONS) as operator:
        operator.until(lambda: operator.is_whole("disk0") and operator.is_whole("disk1"))
        operator.until(lambda: operator.requests_done("disk1") > OTHER_REQUESTS * 2 // 3)
        assert operator.operating("disk0") == operator.operating("disk1") == "io-a"
        yield operator, operator.host.snapshot()


def channel_address(operator: MediaOperator, partition: str, *, control: bool) -> int:
    """Return where a partition has its channel of disk0 with io-a, or its control channel."""
    number = operator.rows()[partition].number
    paths = operator.paths("client")
    path = next(channel for channel, server in paths.items() if server == "io-a")
    of_media = {*paths, *operator.paths("other")}
    (end,) = [
        row
        for row in operator.host.database.records(ChannelEnd)
        if row.partition == number
        and (row.channel not in of_media if control else row.channel == path)
    ]
    return end.guest_frame * 4096


def poke(
    operator: MediaOperator, partition: str, offset: int, value: int, *, control: bool
) -> None:
    """Have a partition write a word of its channel."""
    address = channel_address(operator, partition, control=control) + offset
    operator.enter(partition, f"poke {address:x} {value:x}")


def nobody_else_was_harmed(operator: MediaOperator, *, sent_again: bool = False) -> None:
    """Run to the other client's end: it has done its work, and all infrastructure lives."""
    report = operator.report("other")
    assert (report.ended, report.failed, report.wrong) == (OTHER_ENDED, 0, 0)
    assert sent_again or report.sent_again == 0
    assert operator.state("other") == "stopped"
    assert operator.host.state == "running"
    assert operator.host.database.check() == []


def values_of(offset: int) -> tuple[int, ...]:
    """Return what is written to a word: all bits, and another value."""
    return (0xFFFF_FFFF, Random(offset).choice(VALUES))


def check_client(prepared: Prepared, offset: int, value: int, *, control: bool) -> None:
    operator, snapshot = prepared
    operator.go_back(snapshot)
    poke(operator, "client", offset, value, control=control)
    nobody_else_was_harmed(operator)
    assert {operator.state(name) for name in SERVERS} == {"running"}
    assert operator.operating("disk1") == "io-a"


def check_server(prepared: Prepared, offset: int, value: int, *, control: bool) -> None:
    operator, snapshot = prepared
    operator.go_back(snapshot)
    poke(operator, "io-a", offset, value, control=control)
    nobody_else_was_harmed(operator, sent_again=True)
    assert operator.state("client") == "running"
    done = operator.requests_done()
    if operator.operating("disk0") == "io-a":
        assert isinstance(operator.io_order("failover", "disk0"), Done)
    operator.until(lambda: operator.operating("disk0") == "io-b")
    operator.until(lambda: operator.requests_done() > done)


# The slot that a producer wrote last, in the headers of the queues to server and client.
HEAD_OFFSET = 60
HEAD_TO_SERVER, HEAD_TO_CLIENT = HEADER_BYTES + HEAD_OFFSET, 2 * HEADER_BYTES + HEAD_OFFSET
NO_SLOT = 0xFFFF
POKES = 100


def test_a_server_that_breaks_its_queue_is_left_for_the_other(prepared: Prepared) -> None:
    operator, snapshot = prepared
    operator.go_back(snapshot)
    for _ in range(POKES):
        # The next answer puts it right again: it is seen when the server has nothing to say.
        poke(operator, "io-a", HEAD_TO_CLIENT, NO_SLOT, control=False)
        operator.run(30_000)
        if operator.operating("disk0") == "io-b":
            break
    assert "disk0.0: operating -> failed" in operator.told
    operator.until(lambda: operator.is_whole("disk0"))
    assert operator.operating("disk1") == "io-a"
    nobody_else_was_harmed(operator)


def test_a_client_that_breaks_its_queue_is_served_again_on_another_channel(
    prepared: Prepared,
) -> None:
    operator, snapshot = prepared
    operator.go_back(snapshot)
    poke(operator, "client", HEAD_TO_SERVER, NO_SLOT, control=False)
    operator.run(1_000_000)
    nobody_else_was_harmed(operator)
    done = operator.requests_done()
    assert isinstance(operator.io_order("failover", "disk0"), Done)
    operator.until(lambda: operator.requests_done() > done)


CHECKS = {"client": check_client, "server": check_server}


@pytest.mark.parametrize("control", [False, True])
@pytest.mark.parametrize("party", CHECKS)
def test_whoever_writes_anywhere_harms_nobody_else(
    prepared: Prepared, party: str, *, control: bool
) -> None:
    random = Random(f"{party} {control}")
    words = CONTROL_WORDS if control else DISK_WORDS
    for offset in random.sample(words, 3):
        CHECKS[party](prepared, offset, random.choice(VALUES), control=control)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(8))
@pytest.mark.parametrize("control", [False, True])
@pytest.mark.parametrize("party", CHECKS)
def test_every_word_of_the_headers_may_be_anything(
    prepared: Prepared, party: str, chunk: int, *, control: bool
) -> None:
    for offset in (CONTROL_WORDS if control else DISK_WORDS)[chunk::8]:
        for value in values_of(offset):
            CHECKS[party](prepared, offset, value, control=control)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(4))
@pytest.mark.parametrize("party", CHECKS)
def test_slots_may_hold_anything(prepared: Prepared, party: str, chunk: int) -> None:
    random = Random(f"{party} {chunk}")
    for _ in range(25):
        offset = random.randrange(DISK_WORDS.stop, DISK_WORDS.stop + SLOTS_BYTES, WORD)
        CHECKS[party](prepared, offset, random.getrandbits(32), control=False)
