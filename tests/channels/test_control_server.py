# SPDX-License-Identifier: GPL-2.0-or-later
"""The ultravisor's end of a control channel against partitions that do not keep the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultravisor.channels.control_channel import (
    ControlPlan,
    build_control_channel,
    plan_control_channel,
    read_control_plan,
)
from ultravisor.channels.control_client import ControlClient
from ultravisor.channels.control_messages import (
    PACKETS,
    ConfigureBus,
    ControlMessage,
    CreateDevice,
    DeviceState,
    InitChipset,
    Interrupt,
    Nothing,
    UnknownPacket,
    decode_message,
    encode_message,
)
from ultravisor.channels.control_parameters import (
    ControlParameters,
    decode_parameters,
    encode_parameters,
)
from ultravisor.channels.control_server import (
    PENDING_LIMIT,
    Acknowledged,
    Answered,
    ControlServer,
    ControlServerState,
    Stray,
    Told,
)
from ultravisor.channels.errors import ChannelError, PeerError
from ultravisor.channels.memory import BufferMemory
from ultravisor.channels.queue import Consumer, Insertion, Producer
from ultravisor.machine.abi import (
    GUID_VNIC,
    CompletionStatus,
    ControlFlag,
    ControlMessageId,
)

READY = ControlMessageId.CHIPSET_READY
PLAN = plan_control_channel()


class Partition:
    """A partition that sends what a test wants, in any order."""

    def __init__(self, plan: ControlPlan = PLAN) -> None:
        self.buffer = bytearray(plan.size_bytes)
        self.memory = BufferMemory(self.buffer)
        build_control_channel(self.memory, plan)
        self.server = ControlServer(self.memory, plan)
        self.requests = Producer(self.memory, plan.queues[0])
        self.acknowledgements = Producer(self.memory, plan.queues[3])
        self.events = Consumer(self.memory, plan.queues[2])

    def send(self) -> int:
        sent = self.server.send(READY, Nothing())
        assert sent is not None
        return sent.handle

    def acknowledge(self, handle: int, number: int = READY) -> None:
        self.acknowledgements.insert(encode_message(ControlMessage(id=number, handle=handle)))

    def answer(self, handle: int, number: int = READY) -> None:
        self.requests.insert(encode_message(ControlMessage(id=number, handle=handle)))


@pytest.fixture
def partition() -> Partition:
    return Partition()


def strays(partition: Partition) -> list[str]:
    return [report.sentence for report in partition.server.poll() if isinstance(report, Stray)]


def test_a_duplicate_acknowledgement_is_stray(partition: Partition) -> None:
    handle = partition.send()
    partition.acknowledge(handle)
    partition.acknowledge(handle)
    assert strays(partition) == ["chipset_ready: acknowledged twice"]
    assert len(partition.server.state.pending) == 1


def test_a_duplicate_answer_is_stray(partition: Partition) -> None:
    handle = partition.send()
    partition.acknowledge(handle)
    partition.answer(handle)
    partition.answer(handle)
    assert strays(partition) == ["chipset_ready: answers nothing that was sent"]


def test_an_answer_before_its_acknowledgement_is_stray(partition: Partition) -> None:
    handle = partition.send()
    partition.answer(handle)
    assert strays(partition) == ["chipset_ready: answered before it was acknowledged"]
    partition.acknowledge(handle)
    partition.answer(handle)
    assert [type(report) for report in partition.server.poll()] == [Acknowledged, Answered]


@pytest.mark.parametrize("handle", [0, 2, (1 << 64) - 1])
def test_what_is_about_no_message_is_stray(partition: Partition, handle: int) -> None:
    partition.send()
    partition.acknowledge(handle)
    partition.answer(handle)
    assert len(strays(partition)) == 2


def test_an_answer_with_another_id_is_stray(partition: Partition) -> None:
    handle = partition.send()
    partition.acknowledge(handle, ControlMessageId.BUS_CREATE)
    partition.answer(handle, ControlMessageId.BUS_CREATE)
    assert len(strays(partition)) == 2


def test_an_answer_that_nobody_expected_is_stray(partition: Partition) -> None:
    sent = partition.server.send(READY, Nothing(), response_expected=False)
    assert sent is not None
    partition.answer(sent.handle)
    assert strays(partition) == ["chipset_ready: no answer was expected"]
    partition.acknowledge(sent.handle)
    assert partition.server.poll() == [Acknowledged(sent.handle, READY)]


def test_messages_are_answered_in_any_order(partition: Partition) -> None:
    handles = [partition.send() for _ in range(3)]
    for handle in reversed(handles):
        partition.acknowledge(handle)
        partition.answer(handle)
    answered = [r.handle for r in partition.server.poll() if isinstance(r, Answered)]
    assert answered == [3, 2, 1]
    assert partition.server.state.pending == []


def test_a_late_answer_counts_after_a_restart(partition: Partition) -> None:
    handle = partition.send()
    partition.acknowledge(handle)
    partition.server.poll()
    restarted = ControlServer(partition.memory, PLAN, partition.server.state)
    partition.answer(handle)
    (report,) = restarted.poll()
    assert isinstance(report, Answered)
    assert report.handle == handle


def test_an_answer_to_a_former_life_is_stray(partition: Partition) -> None:
    handle = partition.send()
    restarted = ControlServer(partition.memory, PLAN, ControlServerState(next_handle=1000))
    partition.answer(handle)
    assert [type(report) for report in restarted.poll()] == [Stray]
    sent = restarted.send(READY, Nothing())
    assert sent is not None
    assert sent.handle == 1000


def test_a_partition_that_never_answers_is_sent_no_more(partition: Partition) -> None:
    for handle in range(1, PENDING_LIMIT + 1):
        assert partition.send() == handle
        partition.events.remove()
        partition.acknowledge(handle)
        partition.server.poll()
    assert partition.server.send(READY, Nothing()) is None
    partition.answer(1)
    partition.server.poll()
    assert partition.server.send(READY, Nothing()) is not None


def test_a_payload_stays_until_its_message_is_acknowledged(partition: Partition) -> None:
    """The published driver copies it after it has removed the signal."""
    parameters = ControlParameters(name="n" * 1900)
    how = {"number": READY, "packet": Nothing(), "parameters": parameters}
    assert partition.server.send(**how) is not None  # type: ignore[arg-type]
    assert partition.server.send(**how) is not None  # type: ignore[arg-type]
    partition.events.remove_all()
    assert partition.server.send(**how) is None  # type: ignore[arg-type]
    partition.acknowledge(2)
    partition.server.poll()
    assert partition.server.send(**how) is None  # type: ignore[arg-type]
    partition.acknowledge(1)
    partition.server.poll()
    assert partition.server.send(**how) is not None  # type: ignore[arg-type]


def test_a_payload_that_never_fits_is_refused(partition: Partition) -> None:
    with pytest.raises(ChannelError, match="chipset_ready: parameters of 4172 bytes; 4096 are"):
        partition.server.send(READY, Nothing(), parameters=ControlParameters(name="n" * 4100))


def test_a_channel_of_the_published_size_has_no_payload() -> None:
    partition = Partition(plan_control_channel(36608))
    assert partition.send() == 1
    with pytest.raises(ChannelError, match="parameters of 72 bytes; 0 are possible"):
        partition.server.send(READY, Nothing(), parameters=ControlParameters())


def test_a_channel_below_the_published_size_is_refused() -> None:
    with pytest.raises(ChannelError, match="of 36607 bytes: it needs 36608"):
        plan_control_channel(36607)


@given(st.lists(st.tuples(st.sampled_from([0, 3]), st.binary(min_size=128, max_size=128))))
def test_garbage_changes_nothing(signals: list[tuple[int, bytes]]) -> None:
    partition = Partition()
    handle = partition.send()
    queues = {0: partition.requests, 3: partition.acknowledgements}
    for queue, signal in signals[:50]:
        queues[queue].insert(signal)
    assert all(isinstance(report, Stray | Told) for report in partition.server.poll())
    partition.acknowledge(handle)
    partition.answer(handle)
    assert [type(report) for report in partition.server.poll()] == [Acknowledged, Answered]


def break_index(partition: Partition, queue: int, field: int) -> str:
    """Falsify an index of a queue; return what the error has to say."""
    offset = PLAN.queues[queue].header_offset
    partition.memory.write(offset + field, (64).to_bytes(4, "little"))
    return f"queue at {offset:#x}: (head|tail) 64 is no slot of 64"


@pytest.mark.parametrize("queue", [0, 3])
def test_a_broken_head_names_its_queue(partition: Partition, queue: int) -> None:
    sentence = break_index(partition, queue, 60)
    with pytest.raises(PeerError, match=sentence):
        partition.server.poll()


def test_a_broken_tail_names_its_queue(partition: Partition) -> None:
    sentence = break_index(partition, 2, 72)
    with pytest.raises(PeerError, match=sentence):
        partition.server.send(READY, Nothing())
    sentence = break_index(partition, 1, 72)
    with pytest.raises(PeerError, match=sentence):
        partition.server.reply(ControlMessage(id=READY))


@given(st.binary(min_size=128, max_size=128))
def test_any_128_bytes_are_a_message(signal: bytes) -> None:
    message = decode_message(signal)
    number = int.from_bytes(signal[:4], "little")
    assert message.id == number
    if number not in PACKETS:
        assert message.packet == UnknownPacket(signal[48:])


@pytest.mark.parametrize("number", ControlMessageId)
def test_every_message_survives_its_bytes(number: ControlMessageId) -> None:
    kind = PACKETS[number]
    filled = kind.decode(bytes(range(1, 81)))
    message = ControlMessage(
        id=number,
        packet=filled,
        flags=ControlFlag.SERVER | ControlFlag.PRESERVE,
        handle=1 << 63,
        completion_status=700,
        segment_index=5,
        payload_offset=1 << 40,
        payload_limit_bytes=9,
        payload_size_bytes=8,
    )
    assert decode_message(encode_message(message)) == message


def test_a_message_has_its_published_bytes() -> None:
    packet = CreateDevice(
        1, 2, 0x1122334455667788, 0x99, GUID_VNIC, GUID_VNIC, Interrupt(3, 4, 5, 1)
    )
    message = ControlMessage(
        id=ControlMessageId.DEVICE_CREATE,
        packet=packet,
        flags=ControlFlag.RESPONSE_EXPECTED,
        handle=7,
    )
    guid = "4d99d58c8ec5da1195a900e08161165f"
    assert encode_message(message).hex() == (
        "01020000"
        "80000000"
        "00000000"
        "00000000"
        "02000000"
        "00000000"
        "0700000000000000" + "00" * 16 + "01000000"
        "02000000"
        "8877665544332211"
        "9900000000000000" + guid * 2 + "0300000000000000"
        "0400000000000000"
        "05000000"
        "01000000"
    )


def test_parameters_survive_their_bytes() -> None:
    parameters = ControlParameters(
        id=GUID_VNIC, name="né", connection="c", initiator="i", target="t", client="k", revision=2
    )
    assert decode_parameters(encode_parameters(parameters)) == parameters


@given(st.binary(max_size=200))
def test_parameters_of_a_peer_are_checked(payload: bytes) -> None:
    try:
        decode_parameters(payload)
    except PeerError:
        return
    assert int.from_bytes(payload[:4], "little") == len(payload) >= 72


def corrupted(offset: int, value: int) -> bytes:
    data = bytearray(encode_parameters(ControlParameters(name="name")))
    data[offset : offset + 4] = value.to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (bytes(71), "parameters of 71 bytes: a header has 72"),
        (corrupted(0, 77), "parameters of 77 bytes, in 76"),
        (corrupted(40, 71), "name of 4 at 0x47 is not inside"),
        (corrupted(40, 73), "name of 4 at 0x49 is not inside"),
        (corrupted(44, 0xFFFFFFFF), "name of 4294967295 at 0x48 is not inside"),
        (corrupted(72, 0xFFFFFFFF), "name is not UTF-8"),
    ],
)
def test_wrong_parameters_say_what_is_wrong(payload: bytes, sentence: str) -> None:
    with pytest.raises(PeerError, match=sentence):
        decode_parameters(payload)


@pytest.fixture
def client(partition: Partition) -> ControlClient:
    return ControlClient(partition.memory, len(partition.buffer))


def test_a_hosted_client_takes_acknowledges_and_answers(
    partition: Partition, client: ControlClient
) -> None:
    parameters = ControlParameters(name="somebody")
    sent = partition.server.send(
        ControlMessageId.BUS_CONFIGURE, ConfigureBus(1), parameters=parameters, server=True
    )
    assert sent is not None
    received = client.receive()
    assert received is not None
    assert received.notify
    assert received.payload_valid
    assert decode_parameters(received.payload) == parameters
    assert received.message.flags == ControlFlag.SERVER | ControlFlag.RESPONSE_EXPECTED
    assert client.receive() is None
    assert client.answer(received.message, CompletionStatus.BUS_INVALID) is Insertion.NOTIFY
    acknowledged, answered = partition.server.poll()
    assert acknowledged == Acknowledged(sent.handle, ControlMessageId.BUS_CONFIGURE)
    assert isinstance(answered, Answered)
    assert answered.answer.failed
    assert answered.answer.completion_status == CompletionStatus.BUS_INVALID


def test_a_hosted_client_answers_only_where_it_should(
    partition: Partition, client: ControlClient
) -> None:
    partition.server.send(READY, InitChipset(), response_expected=False)
    received = client.receive()
    assert received is not None
    assert client.answer(received.message) is Insertion.SENT
    assert [type(report) for report in partition.server.poll()] == [Acknowledged]


def test_a_hosted_client_keeps_what_it_cannot_acknowledge(
    partition: Partition, client: ControlClient
) -> None:
    for _ in range(63):
        partition.send()
        assert client.receive() is not None
    partition.send()
    assert client.receive() is None
    partition.server.poll()
    assert client.receive() is not None


def test_a_hosted_client_tells_of_its_device(partition: Partition, client: ControlClient) -> None:
    packet = DeviceState(1, 2, 3)
    assert client.tell(ControlMessageId.DEVICE_CHANGE_STATE_EVENT, packet) is Insertion.NOTIFY
    (report,) = partition.server.poll()
    assert isinstance(report, Told)
    assert report.message.packet == packet


def test_a_hosted_client_refuses_a_payload_outside_of_the_channel(
    partition: Partition, client: ControlClient
) -> None:
    message = ControlMessage(id=READY, payload_offset=45056 - 99, payload_size_bytes=100)
    Producer(partition.memory, PLAN.queues[2]).insert(encode_message(message))
    received = client.receive()
    assert received is not None
    assert (received.payload_valid, received.payload) == (False, b"")


@pytest.mark.parametrize(
    ("offset", "data", "sentence"),
    [
        (0, b"\0", "channel signature 0x4c4e4300"),
        (32, b"\0", "channel type .* at 0x20"),
        (72, b"\2", "channel version 2 at 0x48"),
        (16, b"\0\0", "channel of 0 bytes, says 0x10"),
        (64, b"\0\0", "queue headers at 0x0, says 0x40: inside the header"),
        (3072 + 48, b"\x40", "signals of 64 bytes; control messages have 128"),
        (200, b"\xff\xff\xff", "payload of 4096 bytes at 0xffffff does not fit"),
        (216, b"\xff\xff", "payload of 65535 bytes"),
    ],
)
def test_a_client_says_why_a_channel_is_none(
    partition: Partition, offset: int, data: bytes, sentence: str
) -> None:
    partition.memory.write(offset, data)
    with pytest.raises(ChannelError, match=sentence):
        read_control_plan(partition.memory, len(partition.buffer))
