# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor config show`: effective values, and where each came from."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor import Host, parse_configuration, resolve
from ultravisor.cli import run

if TYPE_CHECKING:
    from pathlib import Path

HOST = r"""# A comment first.
host.seed = 5

[[partition]]
name = "left"
image = "guest.elf"
memory_mib = 3
command_line = 'say "\x" # [31m'

[[partition]]
name = "right"
image = "guest.elf"
processors = [1]

[[slot]]
processor = 1
partition = "right"
quantum_cycles = 2000

[[link]]
from = "left:8"
to = "right:9"

[[input]]
partition = "left"
text = "typed\u0007"
"""
INLINE = 'partition = [{ name = "left", image = "guest.elf", quantum_cycles = 99 }]\n'


@pytest.fixture(autouse=True)
def in_a_folder_with_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("guest", "hello"):
        tiny.write(tmp_path, name, tiny.leave())
    (tmp_path / "host.toml").write_text(HOST)
    (tmp_path / "inline.toml").write_text(INLINE)


def show(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["config", "show", *arguments]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return output.out


def origins(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    shown = json.loads(show(capsys, *arguments, "--json", "--origin"))
    assert list(shown) == ["schema", "configuration", "origins"]
    assert shown["schema"] == "ultravisor.config/1"
    found: dict[str, Any] = shown["origins"]
    return found


def test_every_value_is_there_and_computed_ones_are_numbers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = json.loads(show(capsys, "host.toml", "--json"))
    assert list(shown) == ["schema", "configuration"]
    configuration = shown["configuration"]
    host = configuration["host"]
    assert (host["seed"], host["processors"], host["memory_mib"]) == (5, 2, 64)
    left, right = configuration["partition"]
    assert (left["memory_mib"], left["processors"]) == (3, [0])
    assert (right["memory_mib"], right["processors"]) == (1, [1])
    assert [(row["partition"], row["quantum_cycles"]) for row in configuration["slot"]] == [
        ("right", 2000),
        ("left", 100_000),
    ]
    assert configuration["link"] == [{"from": "left:8", "to": "right:9", "both": True}]
    assert configuration["input"] == [{"partition": "left", "at_cycles": 0, "text": "typed\x07"}]


def test_each_origin_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = origins(capsys, "host.toml", "hello.elf", "--monitor", "simulated", "--memory", "66")
    expected = {
        "host.seed": ("file", "host.toml:2", 2),
        "host.monitor": ("option", "--monitor", None),
        "host.memory_mib": ("option", "--memory", None),
        "host.processors": ("computed", "what partitions name", None),
        "host.timing": ("default", "default", None),
        "partition[0].memory_mib": ("file", "host.toml:7", 7),
        "partition[1].memory_mib": ("image", None, None),
        "partition[0].processors": ("computed", "spread round robin", None),
        "partition[1].processors": ("file", "host.toml:13", 13),
        "partition[1].rights": ("default", "default", None),
        "partition[2].name": ("argument", "argument hello.elf", None),
        "slot[0].quantum_cycles": ("file", "host.toml:18", 18),
        "slot[0].donates": ("default", "default", None),
        "slot[1].quantum_cycles": ("computed", "one slot a virtual processor", None),
        "link[0].to": ("file", "host.toml:22", 22),
        "input[0].text": ("file", "host.toml:26", 26),
    }
    for key, (kind, text, line) in expected.items():
        assert (found[key]["kind"], found[key]["line"]) == (kind, line), key
        assert text is None or found[key]["text"] == text
    assert found["partition[1].memory_mib"]["text"].startswith("note of ")
    assert found["partition[1].memory_mib"]["file"].endswith("guest.elf")
    assert found["host.seed"]["file"] == "host.toml"


def test_rows_of_several_files_keep_their_own_lines(capsys: pytest.CaptureFixture[str]) -> None:
    found = origins(capsys, "host.toml", "host.toml", "inline.toml")
    assert found["partition[0].name"]["text"] == "host.toml:5"
    assert found["partition[2].name"]["text"] == "host.toml:5", "renamed, but written there"
    assert found["partition[3].processors"]["text"] == "host.toml:13"
    # Inline tables have no line that can be told; the file is.
    assert found["partition[4].quantum_cycles"]["text"] == "inline.toml"
    assert found["slot[1].partition"]["text"] == "host.toml:17"


def test_the_text_is_toml_of_the_same_host(capsys: pytest.CaptureFixture[str]) -> None:
    plain = show(capsys, "host.toml")
    explained = show(capsys, "host.toml", "--origin")
    assert tomllib.loads(plain) == tomllib.loads(explained)
    assert "seed = 5" in plain
    assert "  # host.toml:2\n" in explained
    assert "\x07" not in plain
    first = show(capsys, "host.toml", "--json")
    configuration = json.loads(first)["configuration"]
    assert tomllib.loads(plain) == {key: rows for key, rows in configuration.items() if rows}


@pytest.mark.guest
@pytest.mark.parametrize("name", ["demo", "pingpong", "host.toml"])
def test_what_is_shown_boots_to_the_same_end(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    effective = parse_configuration(show(capsys, name), "shown.toml")
    with Host(resolve([name])) as host, Host(effective) as shown:
        assert shown.run() == host.run()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["absent"], 6, "absent: no such file"),
        (["host.toml", "--processors", "1"], 3, "processor"),
        ([], 2, "Missing argument 'FILE...'"),
    ],
)
def test_what_is_wrong_ends_as_with_boot(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["config", "show", *arguments]) == code
    output = capsys.readouterr()
    assert words in output.err
    assert output.out == ""
