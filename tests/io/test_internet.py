# SPDX-License-Identifier: GPL-2.0-or-later
"""The guests' Internet host: what it answers, asks and drops, against frames by the RFCs."""

from __future__ import annotations

import random
import struct

import pytest

from tests.channels.c_ends import VARIANTS
from tests.io.c_internet import GATEWAY, OWN, Seen, ask, datagram, frame, host
from tests.io.packets import (
    ARP,
    BROADCAST,
    ECHO,
    ECHO_REPLY,
    ICMP,
    IPV4,
    REPLY,
    REQUEST,
    UDP,
    arp,
    checksum,
    ethernet,
    icmp_echo,
    ipv4,
    read_ipv4,
    udp,
)

OWN_HARDWARE = bytes((2, 0, 0, 0, 0, 1))
PEER, PEER_HARDWARE = 0x0A000002, bytes((2, 0, 0, 0, 0, 2))
NOBODY = bytes(6)
NETWORK_BROADCAST = 0x0A0000FF
KNOWN = frame(arp(REPLY, (PEER_HARDWARE, PEER), (OWN_HARDWARE, OWN), to=OWN_HARDWARE))
ECHO_PORT = 7


def to_host(protocol: int, data: bytes, *, source: int = PEER, destination: int = OWN) -> bytes:
    """Return a frame of the peer's."""
    return ethernet(OWN_HARDWARE, PEER_HARDWARE, IPV4, ipv4(source, destination, protocol, data))


PING = to_host(ICMP, icmp_echo(ECHO, 7, 9, b"0123456789abc"))
DATAGRAM = to_host(UDP, udp(PEER, OWN, (5000, ECHO_PORT), b"odd"))
QUESTION = arp(REQUEST, (PEER_HARDWARE, PEER), (NOBODY, OWN))


def test_the_checksum_is_that_of_the_example_of_rfc_1071() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


def test_a_question_where_the_host_is_is_answered() -> None:
    answer = arp(REPLY, (OWN_HARDWARE, OWN), (PEER_HARDWARE, PEER), to=PEER_HARDWARE)
    assert host([frame(QUESTION)]).frames == [answer]


def test_an_announcement_is_a_question_for_the_own_address() -> None:
    assert host(["a -"]).frames == [arp(REQUEST, (OWN_HARDWARE, OWN), (NOBODY, OWN))]


def test_another_with_the_same_address_is_counted_and_not_answered() -> None:
    seen = host([frame(arp(REQUEST, (PEER_HARDWARE, OWN), (NOBODY, OWN)))])
    assert (seen.frames, seen.counters) == ([], {"conflicts": 1})


@pytest.mark.parametrize("size_bytes", [0, 1, 2, 55, 1472])
def test_an_echo_is_answered_with_the_same_data(size_bytes: int) -> None:
    data = bytes(i % 251 for i in range(size_bytes))
    seen = host([KNOWN, frame(to_host(ICMP, icmp_echo(ECHO, 0xABCD, 3, data)))])
    answer = read_ipv4(seen.frames[0])
    assert (answer.source, answer.destination, answer.protocol) == (OWN, PEER, ICMP)
    assert answer.destination_hardware == PEER_HARDWARE
    assert answer.data == icmp_echo(ECHO_REPLY, 0xABCD, 3, data)


def test_a_packet_waits_until_its_hop_is_known() -> None:
    seen = host([datagram(PEER, 4000, 5000, b"first"), datagram(PEER, 4000, 5000, b"next"), KNOWN])
    question, *packets = seen.frames
    assert question == arp(REQUEST, (OWN_HARDWARE, OWN), (NOBODY, PEER))
    expected = [udp(OWN, PEER, (4000, 5000), data) for data in (b"first", b"next")]
    assert [read_ipv4(packet).data for packet in packets] == expected


def test_a_hop_is_asked_for_three_times_and_then_given_up() -> None:
    seen = host([datagram(PEER, 1, 2, b""), "t 30", KNOWN])
    assert seen.frames == [arp(REQUEST, (OWN_HARDWARE, OWN), (NOBODY, PEER))] * 3
    assert seen.counters == {"unreachable": 1}


def test_of_too_many_waiting_packets_the_first_is_dropped() -> None:
    seen = host([*(datagram(PEER, 1, 2, bytes([n])) for n in range(5)), KNOWN])
    assert [read_ipv4(packet).data[-1] for packet in seen.frames[1:]] == [1, 2, 3, 4]
    assert seen.counters == {"unreachable": 1}


def test_what_is_far_goes_to_the_gateway() -> None:
    asked = host([datagram(0x08080808, 1, 2, b"")]).frames
    assert asked == [arp(REQUEST, (OWN_HARDWARE, OWN), (NOBODY, GATEWAY))]
    assert host([datagram(0x08080808, 1, 2, b"")], gateway=0).results == [0]


@pytest.mark.parametrize("destination", [0, OWN, 0x7F000001, 0xE0000001, 0xF0000000])
def test_what_no_host_has_is_not_sent_to(destination: int) -> None:
    seen = host([datagram(destination, 1, 2, b""), ask(destination, 0, 0, 1)])
    assert (seen.results, seen.frames) == ([0, 0], [])


@pytest.mark.parametrize("destination", [NETWORK_BROADCAST, 0xFFFFFFFF])
def test_a_datagram_to_all_needs_no_question(destination: int) -> None:
    packet = read_ipv4(host([datagram(destination, 4000, 5000, b"all")]).frames[0])
    assert packet.destination_hardware == BROADCAST
    assert packet.data == udp(OWN, destination, (4000, 5000), b"all")


def test_the_cache_forgets_the_one_used_longest_ago() -> None:
    others = range(PEER, PEER + 17)
    known = [frame(arp(REPLY, (PEER_HARDWARE, other), (OWN_HARDWARE, OWN))) for other in others]
    used, forgotten = datagram(PEER, 1, 2, b""), datagram(PEER + 1, 1, 2, b"")
    frames = host([*known[:16], used, known[16], used, forgotten]).frames
    assert [struct.unpack("!H", sent[12:14])[0] for sent in frames] == [IPV4, IPV4, ARP]


def test_the_cache_forgets_what_nobody_confirms() -> None:
    frames = host([KNOWN, "t 599", datagram(PEER, 1, 2, b""), "t 1", datagram(PEER, 1, 2, b"")])
    kinds = [struct.unpack("!H", sent[12:14])[0] for sent in frames.frames]
    assert kinds == [IPV4, ARP]


def test_who_moves_is_followed_at_once() -> None:
    moved = bytes((2, 0, 0, 0, 0, 9))
    news = frame(arp(REQUEST, (moved, PEER), (NOBODY, PEER)))
    sent = host([KNOWN, news, datagram(PEER, 1, 2, b"")]).frames
    assert read_ipv4(sent[0]).destination_hardware == moved


def test_what_others_say_to_others_is_not_kept() -> None:
    other = frame(arp(REQUEST, (PEER_HARDWARE, PEER), (NOBODY, PEER + 1)))
    assert host([other, datagram(PEER, 1, 2, b"")]).frames[0][12:14] == b"\x08\x06"


def test_a_datagram_reaches_who_has_its_port() -> None:
    seen = host(["b 7", "b 7", frame(DATAGRAM), "x 7", frame(DATAGRAM)])
    assert seen.results == [1, 0]
    assert seen.datagrams == [(PEER, 5000, OWN, ECHO_PORT, b"odd")]
    assert seen.counters == {"unbound": 1}


def test_ports_are_bounded() -> None:
    assert host([*(f"b {port}" for port in range(1, 10)), "b 0"]).results == [1] * 8 + [0, 0]


def test_a_datagram_without_checksum_is_taken() -> None:
    data = udp(PEER, OWN, (5000, ECHO_PORT), b"odd")
    bare = data[:6] + b"\0\0" + data[8:]
    assert len(host(["b 7", frame(to_host(UDP, bare))]).datagrams) == 1


def test_an_echo_server_sends_datagrams_back() -> None:
    seen = host([KNOWN, "e 7", frame(DATAGRAM)])
    assert read_ipv4(seen.frames[0]).data == udp(OWN, PEER, (ECHO_PORT, 5000), b"odd")
    assert seen.counters == {"echoed": 1}


@pytest.mark.parametrize("source_port", [0, ECHO_PORT])
def test_echo_servers_do_not_talk_to_each_other(source_port: int) -> None:
    other = to_host(UDP, udp(PEER, OWN, (source_port, ECHO_PORT), b""))
    assert host([KNOWN, "e 7", frame(other)]).frames == []


@pytest.mark.parametrize("destination", [NETWORK_BROADCAST, 0xFFFFFFFF])
def test_a_question_to_all_is_not_answered(destination: int) -> None:
    echo = to_host(ICMP, icmp_echo(ECHO, 1, 1, b""), destination=destination)
    all_ = to_host(UDP, udp(PEER, destination, (5000, 7), b""), destination=destination)
    assert host([KNOWN, "e 7", frame(echo), frame(all_)]).frames == []


def reply(sequence: int, data: bytes, *, source: int = PEER, identifier: int = 1) -> str:
    """Return the line of a peer's answer to an echo."""
    return frame(to_host(ICMP, icmp_echo(ECHO_REPLY, identifier, sequence, data), source=source))


def test_an_echo_ends_with_its_answer() -> None:
    seen = host([KNOWN, ask(PEER, 4, 250, 5), "t 2", reply(250, bytes((250, 251, 252, 253)))])
    sent = read_ipv4(seen.frames[0])
    assert sent.data == icmp_echo(ECHO, 1, 250, bytes((250, 251, 252, 253)))
    assert seen.echoes == [(250, 1, 2)]


@pytest.mark.parametrize(
    "wrong",
    [
        reply(1, b"\1\2", source=PEER + 1),
        reply(1, b"\1\2", identifier=2),
        reply(2, b"\1\2"),
        reply(1, b"\1\3"),
        reply(1, b"\1"),
        reply(1, b"\1\2\3"),
    ],
    ids=["source", "identifier", "sequence", "data", "shorter", "longer"],
)
def test_an_answer_to_another_question_ends_nothing(wrong: str) -> None:
    seen = host([KNOWN, ask(PEER, 2, 1, 5), wrong, "t 4"])
    assert (seen.echoes, seen.counters) == ([], {"stray": 1})


def test_an_echo_without_answer_ends_by_its_ticks() -> None:
    seen = host([KNOWN, ask(PEER, 0, 1, 3), ask(PEER, 0, 2, 2), "t 3", reply(1, b"")])
    assert seen.echoes == [(2, 2, 2), (1, 2, 3)]
    assert seen.counters == {"stray": 1}


def test_what_is_too_long_for_the_card_is_refused() -> None:
    lines = [KNOWN, datagram(PEER, 1, 2, bytes(473)), datagram(PEER, 1, 2, bytes(472))]
    assert host(lines, frame_limit_bytes=514).results == [0, 1]
    assert host([KNOWN, datagram(PEER, 1, 2, bytes(1473)), ask(PEER, 1473, 0, 1)]).results == [0, 0]


def test_a_card_that_takes_nothing_is_counted() -> None:
    seen = host([KNOWN, "c 0", datagram(PEER, 1, 2, b""), frame(PING)])
    assert (seen.results, seen.counters) == ([0], {"unsent": 2})


def packet_of(**changes: int | bytes) -> bytes:
    """Return an echo in a packet with these fields."""
    data = icmp_echo(ECHO, 1, 1, b"x")
    return ethernet(
        OWN_HARDWARE,
        PEER_HARDWARE,
        IPV4,
        ipv4(PEER, OWN, ICMP, data, **changes),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("fragment", [0x2000, 0x0001, 0x3FFF])
def test_a_fragment_is_dropped(fragment: int) -> None:
    seen = host([KNOWN, frame(packet_of(fragment=fragment))])
    assert (seen.frames, seen.counters) == ([], {"fragments": 1})


@pytest.mark.parametrize("changes", [{"life": 0}, {"options": bytes(40)}])
def test_short_lives_and_options_are_taken(changes: dict[str, int]) -> None:
    """RFC 1122, section 3.2.1: a host drops nothing because of its time to live."""
    assert len(host([KNOWN, frame(packet_of(**changes))]).frames) == 1


@pytest.mark.parametrize("source", [0, OWN, NETWORK_BROADCAST, 0xFFFFFFFF, 0x7F000001, 0xE0000001])
def test_a_source_that_no_host_has_is_wrong(source: int) -> None:
    seen = host([KNOWN, frame(to_host(ICMP, icmp_echo(ECHO, 1, 1, b""), source=source))])
    assert (seen.frames, seen.counters) == ([], {"wrong": 1})


@pytest.mark.parametrize("good", [PING, DATAGRAM], ids=["ICMP", "UDP"])
def test_each_wrong_bit_of_a_packet_is_found(good: bytes) -> None:
    end = 14 + struct.unpack("!H", good[16:18])[0]
    bits = [(byte, bit) for byte in range(14, end) for bit in range(8)]
    wrong = [bytearray(good) for _ in bits]
    for one, (byte, bit) in zip(wrong, bits, strict=True):
        one[byte] ^= 1 << bit
    seen = host([KNOWN, "e 7", *(frame(bytes(one)) for one in wrong)])
    # A header's checksum comes first, and its data's then: none of them says anything.
    assert (seen.frames, seen.counters) == ([], {"wrong": len(bits)})


@pytest.mark.parametrize("good", [QUESTION, PING, DATAGRAM], ids=["ARP", "ICMP", "UDP"])
def test_a_frame_of_each_length_is_harmless(good: bytes) -> None:
    needed = 42 if good is QUESTION else 14 + struct.unpack("!H", good[16:18])[0]
    lengths = range(len(good) + 1)
    seen = host([KNOWN, "e 7", *(frame(good[:length]) for length in lengths)])
    assert len(seen.frames) == len(good) + 1 - needed
    assert seen.counters["wrong"] == needed


def mutated(random_: random.Random) -> bytes:
    """Return a frame that is nearly right; often with right checksums over wrong fields."""
    payload = bytes(random_.randrange(256) for _ in range(random_.randrange(60)))
    kind = random_.choice((ECHO, ECHO_REPLY, random_.randrange(256)))
    ports = (random_.randrange(65536), random_.choice((7, 9, random_.randrange(65536))))
    inner = random_.choice(
        (
            (ICMP, icmp_echo(kind, random_.randrange(4), random_.randrange(4), payload)),
            (UDP, udp(PEER, OWN, ports, payload)),
            (random_.randrange(256), payload),
        )
    )
    whole = random_.choice(
        (
            to_host(*inner, source=random_.choice((PEER, OWN, random_.getrandbits(32)))),
            arp(random_.randrange(4), (PEER_HARDWARE, random_.getrandbits(32)), (NOBODY, OWN)),
            QUESTION,
            packet_of(fragment=random_.choice((0x2000, 1))),
        )
    )
    frame_ = bytearray(whole)
    for _ in range(random_.choice((0, 0, 1, 4))):
        frame_[random_.randrange(len(frame_))] = random_.choice((0, 1, 127, 128, 255))
    return bytes(frame_[: random_.choice((len(frame_), random_.randrange(len(frame_) + 1)))])


def fuzz(variant: str) -> Seen:
    """Return what a host does with 6000 frames, while it also asks and sends."""
    random_ = random.Random(1)
    lines = ["e 7", "b 9"]
    for _ in range(6000):
        lines.append(frame(mutated(random_)))
        if random_.randrange(8) == 0:
            lines.append(
                random_.choice(
                    (
                        "t 7",
                        ask(random_.choice((PEER, random_.getrandbits(32))), 3, 1, 9),
                        datagram(PEER + random_.randrange(30), 9, 9, b"data"),
                    )
                )
            )
    return host(lines, variant=variant)


def test_whatever_comes_the_host_sends_only_right_frames() -> None:
    seen = fuzz("sanitized")
    kinds = [struct.unpack("!H", sent[12:14])[0] for sent in seen.frames]
    for sent, kind in zip(seen.frames, kinds, strict=True):
        if kind == IPV4:
            read_ipv4(sent)
        else:
            operation = struct.unpack("!H", sent[20:22])[0]
            target = (sent[32:38], struct.unpack("!I", sent[38:42])[0])
            assert sent == arp(operation, (OWN_HARDWARE, OWN), target, to=sent[:6])
    assert kinds.count(IPV4) > 100
    assert kinds.count(ARP) > 200
    assert len(seen.datagrams) > 10
    expected = {"others", "wrong", "unknown", "fragments", "unbound", "stray", "unreachable"}
    assert expected <= set(seen.counters)


def test_equal_frames_and_ticks_give_equal_frames() -> None:
    first, second = (fuzz(variant) for variant in VARIANTS)
    assert first == second
