# SPDX-License-Identifier: GPL-2.0-or-later
"""Run records: what they hold, and how a replay is compared with one."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tests.unit.elf_builder import Elf
from ultravisor.configuration_reader import parse_configuration
from ultravisor.errors import NotFoundError, RecordError
from ultravisor.inputs import InputEntry
from ultravisor.plan import HostPlan, make_plan
from ultravisor.recording import (
    RunRecord,
    differences,
    make_record,
    read_record,
    replay_plan,
)
from ultravisor.results import (
    CycleResult,
    ExitResult,
    HostResult,
    PartitionResult,
    ProcessorResult,
)

TEXT = """
[host]
seed = 3
[[partition]]
name = "a"
image = "guest.elf"
[[link]]
from = "a:8"
to = "a:9"
[[input]]
partition = "a"
text = "typed"
"""
RESULT = HostResult(
    unit="bytes of code",
    seed=3,
    state_hash="a" * 16,
    exit=ExitResult("halted", 0),
    processors=(ProcessorResult(0, 10, 20, 3, 4),),
    partitions=(PartitionResult("a", "guest", 64, "exited", 0, "", "b" * 16, 9, {}, {}, "said"),),
)


@pytest.fixture
def plan(tmp_path: Path) -> HostPlan:
    (tmp_path / "guest.elf").write_bytes(Elf().build())
    return make_plan(parse_configuration(TEXT, "host.toml", tmp_path))


def record_of(plan: HostPlan, result: HostResult | None = RESULT) -> RunRecord:
    inputs = [InputEntry("a", 5, b"\xff\x00typed")]
    return make_record(plan, inputs, cycles=None, result=result)


def test_a_record_is_read_as_it_was_written(plan: HostPlan, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(record_of(plan).to_json())
    record = read_record(path)
    assert record == record_of(plan)
    assert record.inputs == (InputEntry("a", 5, b"\xff\x00typed"),)
    assert replay_plan(record).partitions == plan.partitions


def test_a_record_says_what_a_person_needs(plan: HostPlan) -> None:
    data = json.loads(record_of(plan).to_json())
    assert data["schema"] == "ultravisor.run/1"
    assert {"ultravisor", "abi", "unicorn", "capstone"} <= set(data["versions"])
    assert data["configuration"]["link"] == [{"from": "a:8", "to": "a:9", "both": True}]
    assert data["images"][0]["sha256"] == plan.partitions[0].image.sha256
    assert data["seed"] == 3


def test_the_input_log_replaces_the_configurations_input(plan: HostPlan) -> None:
    assert record_of(plan).configuration.input == ()


def test_an_image_that_changed_is_refused(plan: HostPlan) -> None:
    record = record_of(plan)
    path = Path(plan.partitions[0].image.path)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(RecordError, match=r"guest\.elf: not the image that was recorded"):
        replay_plan(record)


def test_an_image_that_is_gone_is_not_found(plan: HostPlan) -> None:
    record = record_of(plan)
    Path(plan.partitions[0].image.path).unlink()
    with pytest.raises(NotFoundError):
        replay_plan(record)


def test_another_monitor_is_refused(plan: HostPlan) -> None:
    record = msgspec.structs.replace(record_of(plan), monitor_sha256="0" * 64)
    with pytest.raises(RecordError, match="the simulated monitor is not the one"):
        replay_plan(record)


def test_a_record_without_its_image_is_refused(plan: HostPlan) -> None:
    record = msgspec.structs.replace(record_of(plan), images=())
    with pytest.raises(RecordError, match="the record lacks the image"):
        replay_plan(record)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"schema": "ultravisor.run/2"}', b"\xff"])
def test_what_is_no_record_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(data)
    with pytest.raises(RecordError, match=r"run\.json: not a run record"):
        read_record(path)


def test_a_missing_record_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_record(tmp_path / "absent.json")


def compared(plan: HostPlan, result: HostResult) -> list[str]:
    recorded = record_of(plan).result
    assert recorded is not None
    return differences(recorded, result)


def test_equal_results_have_no_differences(plan: HostPlan) -> None:
    assert compared(plan, RESULT) == []


def test_each_difference_is_named(plan: HostPlan) -> None:
    replace = msgspec.structs.replace
    partition = replace(RESULT.partitions[0], state_hash="c" * 16, console="shouted", work=8)
    other = replace(
        RESULT,
        state_hash="d" * 16,
        exit=ExitResult("idle", 1),
        partitions=(partition,),
        processors=(replace(RESULT.processors[0], switches=9),),
    )
    found = compared(plan, other)
    assert found[:4] == [
        f"state_hash: recorded {'a' * 16}, replayed {'d' * 16}",
        "exit: recorded 0 (halted), replayed 1 (idle)",
        "processor 0: switches: recorded 3, replayed 9",
        f"partition a: state_hash: recorded {'b' * 16}, replayed {'c' * 16}",
    ]
    assert [row.split(": ")[1] for row in found[4:]] == ["work", "console_sha256"]


def test_other_partitions_are_differences(plan: HostPlan) -> None:
    renamed = msgspec.structs.replace(RESULT.partitions[0], name="b")
    found = compared(plan, msgspec.structs.replace(RESULT, partitions=(renamed,)))
    assert found == [
        "partition a: recorded, but not replayed",
        "partition b: replayed, but not recorded",
    ]


def test_where_a_cores_cycles_went_is_compared(plan: HostPlan) -> None:
    replace = msgspec.structs.replace
    idle = CycleResult(0, None, "idle", 5, {"transition": 5}, {"loads": 0})
    guest = CycleResult(0, "a", "guest", 7, {"retiring": 7}, {"loads": 1})
    recorded = record_of(plan, replace(RESULT, cycles=(idle, guest))).result
    assert recorded is not None
    assert differences(recorded, replace(RESULT, cycles=(idle, guest))) == []
    other = replace(guest, events={"loads": 2})
    trap = replace(guest, path="trap", cycles=9)
    assert differences(recorded, replace(RESULT, cycles=(other, trap))) == [
        "processor 0: guest of a: recorded 7 cycles, replayed 7 cycles, with other events",
        "processor 0: trap of a: recorded nothing, replayed 9 cycles",
        "processor 0: idle of nobody: recorded 5 cycles, replayed nothing",
    ]


def test_an_interrupted_run_is_equal_to_one_that_ends_there(plan: HostPlan) -> None:
    interrupted = msgspec.structs.replace(RESULT, exit=ExitResult("interrupted", 130))
    recorded = record_of(plan, interrupted).result
    assert recorded is not None
    ended = msgspec.structs.replace(RESULT, exit=ExitResult("cycle budget reached", 7))
    assert differences(recorded, ended) == []
    assert differences(recorded, RESULT) != []
