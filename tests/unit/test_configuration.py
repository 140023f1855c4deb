# SPDX-License-Identifier: GPL-2.0-or-later
"""Configurations: defaults, and the exact words for what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultravisor.configuration import (
    QUANTUM_DEFAULT_CYCLES,
    Configuration,
    HostConfiguration,
    LinkEnd,
    parse_link_end,
)
from ultravisor.configuration_reader import load_configuration, parse_configuration
from ultravisor.errors import ConfigurationError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

ONE = '[[partition]]\nname = "a"\nimage = "hello"\n'
TWO = ONE + '[[partition]]\nname = "b"\nimage = "hello"\n'


def complaint(text: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, "host.toml")
    assert caught.value.exit_code == 3
    return caught.value


def test_defaults() -> None:
    configuration = parse_configuration(ONE, "host.toml")
    assert configuration.host == HostConfiguration()
    assert (configuration.host.monitor, configuration.host.clock_name) == ("native", "guest")
    (partition,) = configuration.partition
    assert partition.quantum_cycles == QUANTUM_DEFAULT_CYCLES == 100_000
    assert set(partition.rights) == {"console", "memory", "events", "processors", "trace"}
    assert configuration.processor_count == 1
    assert configuration.processors_of(0) == (0,)


def test_partitions_are_spread_round_robin() -> None:
    third = ONE.replace('"a"', '"c"')
    configuration = parse_configuration("[host]\nprocessors = 2\n" + TWO + third, "")
    assert [configuration.processors_of(index) for index in range(3)] == [(0,), (1,), (0,)]


def test_processors_are_as_many_as_are_named() -> None:
    text = ONE + "processors = [0, 2]\n"
    assert parse_configuration(text, "").processor_count == 3


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "[host]\nmemory_mb = 64\n" + ONE,
            "host.toml:2: host.memory_mb: unknown key",
            "did you mean `memory_mib`?",
        ),
        (
            "[hots]\n" + ONE,
            "host.toml:1: hots: unknown key",
            "did you mean `host`?",
        ),
        (
            ONE + "colour = 1\n",
            "host.toml:4: partition[0].colour: unknown key",
            "keys here: name, kind, image, memory_mib, processors, command_line, rights, "
            "quantum_cycles",
        ),
        (
            '[[partition]]\nname = "a"\n',
            "host.toml:1: partition[0]: `image` is missing",
            "add it to this table",
        ),
        (
            ONE + 'memory_mib = "4"\n',
            "host.toml:4: partition[0].memory_mib: expected `int | null`, got `str`",
            "",
        ),
        (
            "[host]\nseed = -1\n" + ONE,
            "host.toml:2: host.seed: expected `int` >= 0",
            "",
        ),
        (
            '[host]\nfpu = "lazy"\n' + ONE,
            "host.toml:2: host.fpu: the native build gives each guest FPU and SSE of its own",
            'take monitor = "simulated"',
        ),
        (
            "[host]\nmemory_mib = 16384\n" + ONE,
            "host.toml:2: host.memory_mib: 16384 MiB is too much",
            "give 64 to 8192 MiB",
        ),
        (
            "[host]\nmemory_mib = 65\n" + ONE,
            "host.toml:2: host.memory_mib: 65 is not a multiple of 2",
            "give 64 to 8192 MiB",
        ),
        (
            "[host]\nmemory_mib = 64\n" + ONE + "memory_mib = 65\n",
            "host.toml:6: partition[0].memory_mib: the partitions up to `a` need 65 MiB",
            "the host has 64 MiB: raise host.memory_mib or give less",
        ),
        (
            ONE + ONE,
            "host.toml:5: partition[1].name: two partitions are named `a`",
            "give each its own name",
        ),
        (
            ONE + "quantum_cycles = 15\n",
            "host.toml:4: partition[0].quantum_cycles: expected `int` >= 16",
            "",
        ),
        (
            "[host]\nprocessors = 2\n" + ONE + "processors = [2]\n",
            "host.toml:6: partition[0].processors: processor 2 does not exist; the host has 2",
            "raise host.processors to 3, or use 0 to 1",
        ),
        (
            ONE + 'rights = ["root"]\n',
            "host.toml:4: partition[0].rights: invalid enum value 'root'",
            "",
        ),
        (
            ONE + 'command_line = "a\\u0000b"\n',
            "host.toml:4: partition[0].command_line: contains a zero byte",
            "",
        ),
        (
            ONE + f'command_line = "{"ä" * 600}"\n',
            "host.toml:4: partition[0].command_line: longer than 1023 bytes",
            "",
        ),
        (
            TWO + '[[link]]\nfrom = "a:8"\nto = "c:8"\n',
            "host.toml:9: link[0].to: no partition is named `c`",
            "partitions: a, b",
        ),
        (
            TWO + '[[link]]\nfrom = "a:7"\nto = "b:8"\n',
            "host.toml:8: link[0].from: port 7 is outside 8 to 63",
            "",
        ),
        (
            TWO + '[[link]]\nfrom = "a:64"\nto = "b:8"\n',
            "host.toml:8: link[0].from: port 64 is outside 8 to 63",
            "",
        ),
        (
            TWO + '[[link]]\nfrom = "a"\nto = "b:8"\n',
            "host.toml:8: link[0].from: `a` is no end of a link",
            "write partition:port or partition:port:virtual_processor",
        ),
        (
            TWO + '[[link]]\nfrom = "a:8:1"\nto = "b:8"\n',
            "host.toml:8: link[0].from: `a` has 1 virtual processors",
            "",
        ),
        (
            TWO + '[[link]]\nfrom = "a:8"\nto = "b:8"\n[[link]]\nfrom = "a:8"\nto = "b:9"\n',
            "host.toml:11: link[1].from: port 8 of `a` has a link already",
            "",
        ),
        (
            ONE + '[[slot]]\nprocessor = 0\npartition = "b"\n',
            "host.toml:6: slot[0].partition: no partition is named `b`",
            "partitions: a",
        ),
        (
            ONE + '[[slot]]\nprocessor = 1\npartition = "a"\n',
            "host.toml:5: slot[0].processor: virtual processor 0 of `a` is on processor 0",
            "",
        ),
        (
            ONE + '[[slot]]\nprocessor = 0\npartition = "a"\nvirtual_processor = 1\n',
            "host.toml:7: slot[0].virtual_processor: `a` has 1 virtual processors",
            "",
        ),
        (
            TWO + '[[slot]]\nprocessor = 0\npartition = "a"\n',
            "host.toml:5: partition[1].name: virtual processor 0 of `b` would never run: "
            "processor 0 has slots, but none for it",
            "add a [[slot]] for it",
        ),
        (
            ONE + '[[input]]\npartition = "z"\ntext = "x"\n',
            "host.toml:5: input[0].partition: no partition is named `z`",
            "partitions: a",
        ),
        ("", "host.toml: no partition", "add a [[partition]] with a name and an image"),
        (
            "[host\n",
            "host.toml:1:6: not TOML: Expected ']' at the end of a table declaration",
            "see examples/ for configurations that work",
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str, hint: str) -> None:
    error = complaint(text)
    assert error.message == message
    assert error.hint == hint


def test_a_name_has_limits() -> None:
    for name in ("a" * 31, "A-b_c.9"):
        parse_configuration(ONE.replace('"a"', f'"{name}"'), "")
    for name in ("a" * 32, "", "-a", "a b", "a:8"):
        assert "partition[0].name" in complaint(ONE.replace('"a"', f'"{name}"')).message


def many(count: int, extra: str = "") -> str:
    return "".join(f'[[partition]]\nname = "p{n}"\nimage = "x"\n{extra}' for n in range(count))


def test_limits_at_the_limit_and_beyond() -> None:
    parse_configuration(many(127), "")
    assert "more than 127 partitions" in complaint(many(128)).message
    parse_configuration(many(32, "processors = [0, 1, 2, 3, 4, 5, 6, 7]\n"), "")
    eight = many(33, "processors = [0, 1, 2, 3, 4, 5, 6, 7]\n")
    assert "264 virtual processors; the limit is 256" in complaint(eight).message
    parse_configuration(many(16, "processors = [0, 0, 0, 0, 0, 0, 0, 0]\n"), "")
    crowded = many(17, "processors = [0, 0, 0, 0, 0, 0, 0, 0]\n")
    assert "more than 128 virtual processors on processor 0" in complaint(crowded).message
    assert "partition[0].processors" in complaint(ONE + f"processors = {[0] * 9}\n").message
    slot = '[[slot]]\nprocessor = 0\npartition = "a"\n'
    parse_configuration(ONE + slot * 128, "")
    assert "more than 128 slots on processor 0" in complaint(ONE + slot * 129).message


def test_a_quantum_and_ports_at_their_limits() -> None:
    parse_configuration(ONE + "quantum_cycles = 16\n", "")
    parse_configuration(TWO + '[[link]]\nfrom = "a:8"\nto = "b:63"\n', "")


def test_one_way_links_leave_the_other_port_free() -> None:
    both_ways = (
        '[[link]]\nfrom = "a:8"\nto = "b:8"\nboth = false\n'
        '[[link]]\nfrom = "b:8"\nto = "a:9"\nboth = false\n'
    )
    assert len(parse_configuration(TWO + both_ways, "").link) == 2


def test_a_link_may_join_a_partition_to_itself() -> None:
    parse_configuration(ONE + '[[link]]\nfrom = "a:8"\nto = "a:9"\n', "")


@pytest.mark.parametrize(
    ("text", "end"),
    [("a:8", LinkEnd("a", 8)), ("a:8:3", LinkEnd("a", 8, 3))],
)
def test_ends_of_links(text: str, end: LinkEnd) -> None:
    assert parse_link_end(text) == end


@given(st.text(alphabet="a:8-٣ \n", max_size=8))
def test_any_end_is_read_or_refused(text: str) -> None:
    try:
        end = parse_link_end(text)
    except ValueError:
        return
    assert text.startswith(f"{end.partition}:")


@given(st.recursive(st.integers() | st.text(max_size=4) | st.booleans(), st.lists, max_leaves=4))
def test_any_value_of_a_key_is_read_or_refused(value: object) -> None:
    text = f"processors = {str(value).lower() if isinstance(value, bool) else value!r}\n"
    try:
        configuration = parse_configuration(ONE + text, "host.toml")
    except ConfigurationError as failure:
        assert failure.message.startswith("host.toml")  # noqa: PT017 (either end is right)
        return
    assert isinstance(configuration, Configuration)


def test_an_image_beside_the_configuration_is_found(tmp_path: Path) -> None:
    (tmp_path / "guest.elf").write_bytes(b"x")
    path = tmp_path / "host.toml"
    path.write_text(ONE.replace("hello", "guest.elf"))
    assert load_configuration(path).partition[0].image == str(tmp_path / "guest.elf")


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        load_configuration(tmp_path / "absent.toml")


def test_a_binary_file_is_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "host.toml"
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigurationError, match="offset 0x8: not UTF-8"):
        load_configuration(path)
