# SPDX-License-Identifier: GPL-2.0-or-later
"""Records of lives: an interactive run replays exactly, and what cannot be replayed is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.guests.recorded_lives import HOSTS, recorded, unheard
from ultravisor.cli import run
from ultravisor.errors import RecordError
from ultravisor.life.life_record import LifeRecord, differences, read_life_record
from ultravisor.life.replay import replay
from ultravisor.resolution import find_image

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.guest, pytest.mark.slow]


@pytest.fixture(scope="module")
def record() -> LifeRecord:
    return recorded()


@pytest.mark.parametrize(("monitor", "processors"), HOSTS)
def test_a_replay_does_not_depend_on_the_lengths_of_pieces(monitor: str, processors: int) -> None:
    record = recorded(monitor, processors)
    assert record.result is not None
    for piece_cycles in (1_000_000, 333_333, 10_007, 1 << 40):
        assert differences(record.result, replay(record, unheard, piece_cycles)) == []


def test_a_life_with_its_journal_in_a_file_is_the_same(record: LifeRecord, tmp_path: Path) -> None:
    other = recorded(journal=tmp_path / "journal")
    assert (other.result, other.inputs, other.images) == (
        record.result,
        record.inputs,
        record.images,
    )


def test_a_record_has_the_images_of_partitions_that_came_later(record: LifeRecord) -> None:
    outcomes = {row.name: row.sha256 is not None for row in record.images}
    assert outcomes == {"hosted": True, "hello": True, "duo": True, "no-such-image": False}


def test_a_record_has_what_the_host_reported_to_itself(record: LifeRecord) -> None:
    reports = [row for row in record.inputs if row.kind == "order" and b"Ended" in row.data]
    assert reports


def test_an_image_that_was_missing_is_missing_in_the_replay(
    record: LifeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("no-such-image").write_bytes(find_image("hello").read_bytes())
    assert record.result is not None
    assert differences(record.result, replay(record, unheard)) == []


def test_an_input_less_makes_a_difference(record: LifeRecord) -> None:
    assert record.result is not None
    without = tuple(row for row in record.inputs if row.kind != "restart")
    shorter = replace(record, inputs=without)
    assert differences(record.result, replay(shorter, unheard)) != []


def written(tmp_path: Path, record: LifeRecord) -> str:
    path = tmp_path / "life.json"
    path.write_bytes(record.to_json())
    return str(path)


def test_the_command_says_that_a_life_is_equal(
    record: LifeRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, record)
    assert run(["replay", path, "--verify"]) == 0
    assert "equal: 16,000,000 cycles with" in capsys.readouterr().out
    assert run(["replay", path, "--json", "--no-supervise"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["equal"]) == ("ultravisor.life-replay/1", True)
    assert run(["replay", path]) == 0
    assert "late" in capsys.readouterr().out


def test_the_command_says_what_differs(
    record: LifeRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record.result is not None
    consoles = {**record.result.consoles, "nobody": "00"}
    other = replace(record.result, generation=7, consoles=consoles)
    assert run(["replay", written(tmp_path, replace(record, result=other))]) == 1
    output = capsys.readouterr().out
    assert f"differs: generation: recorded 7, replayed {record.result.generation}" in output
    assert "differs: console of nobody: only recorded" in output


def test_a_life_without_a_result_cannot_be_verified(
    record: LifeRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, replace(record, result=None, failure="was killed"))
    assert run(["replay", path, "--verify"]) == 3
    assert "the recorded life came to no result (was killed)" in capsys.readouterr().err
    assert run(["replay", path]) == 0
    assert "nothing to compare with" in capsys.readouterr().out


def changed_image(record: dict[str, Any]) -> None:
    next(row for row in record["images"] if row["name"] == "hello")["sha256"] = "00"


def changed_meanwhile(record: dict[str, Any]) -> None:
    record["images"].append({"name": "hello", "sha256": "00"})


def changed_monitor(record: dict[str, Any]) -> None:
    record["origin"]["monitor_sha256"] = "00"


def no_memory(record: dict[str, Any]) -> None:
    record["origin"]["host"]["memory_mib"] = None


def back_in_time(record: dict[str, Any]) -> None:
    record["inputs"].reverse()


def beyond_the_end(record: dict[str, Any]) -> None:
    record["position_cycles"] = 5_000_000


def negative(record: dict[str, Any]) -> None:
    record["inputs"][0]["at_cycles"] = -1


def no_result(record: dict[str, Any]) -> None:
    del record["result"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (changed_image, "not the image that was recorded"),
        (changed_meanwhile, "hello: the image was changed while the host lived"),
        (changed_monitor, "the simulated monitor is not the one that was recorded"),
        (no_memory, "host.memory_mib: missing"),
        (back_in_time, "cycles, behind one at "),
        (beyond_the_end, "cycles, and the life ends at 5000000"),
        (negative, "Expected `int` >= 0 - at `$.inputs[0].at_cycles`"),
        (no_result, "missing required field `result`"),
    ],
)
def test_what_is_not_the_life_that_was_is_refused(
    damage: Callable[[dict[str, Any]], None],
    words: str,
    record: LifeRecord,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fields = json.loads(record.to_json())
    damage(fields)
    path = tmp_path / "life.json"
    path.write_text(json.dumps(fields))
    assert run(["replay", str(path)]) == 3
    assert words in capsys.readouterr().err


def test_a_record_is_read_as_it_was_written(record: LifeRecord, tmp_path: Path) -> None:
    assert read_life_record(Path(written(tmp_path, record))) == record


def test_hostile_inputs_of_a_record_harm_only_their_replay(record: LifeRecord) -> None:
    entry = record.inputs[0]
    hostile = (
        replace(entry, data=b"\xff" * 100),
        replace(entry, number=(1 << 31) - 1, data=b""),
    )
    result = replay(replace(record, inputs=(*hostile, *record.inputs[1:])), unheard)
    assert result.database_hash


@pytest.mark.parametrize("partition", [0, (1 << 31) - 1])
def test_a_replay_with_input_that_cannot_have_entered_is_refused(
    record: LifeRecord, partition: int
) -> None:
    entry = replace(record.inputs[0], kind="console", partition=partition, data=b"x")
    wrong = replace(record, inputs=(record.inputs[0], entry))
    with pytest.raises(RecordError, match=r"inputs\[1\]: no such partition"):
        replay(wrong, unheard)


def test_a_record_of_another_schema_is_none(tmp_path: Path) -> None:
    path = tmp_path / "life.json"
    path.write_bytes(msgspec.json.encode({"schema": "ultravisor.life/2"}))
    with pytest.raises(RecordError, match="not the record of a life"):
        read_life_record(path)
