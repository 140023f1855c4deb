# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of living hosts: what goes on from one is what went on without."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.guests.recorded_lives import HOSTS, Driver, eventful, small_plan
from ultravisor.errors import SnapshotError, UsageError
from ultravisor.life.life_plan import plan_life
from ultravisor.life.life_record import LifeLog, differences
from ultravisor.life.life_state import (
    load_life,
    read_life,
    require_same_life,
    save_life,
    saved_life_plan,
)
from ultravisor.life.living_host import LivingHost
from ultravisor.life.replay import replay

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.guest, pytest.mark.slow]

MOMENTS = (0, 100_000, 400_000, 1_500_000, 6_000_000)
"""From before the ultravisor's first turn to when the guests have ended."""


def lived(host: LivingHost) -> tuple[object, ...]:
    """Let a host live on; return everything that came out."""
    driver = Driver(host)
    if host.position_cycles < 4_000_000:
        driver.advance(4_000_000 - host.position_cycles)
    result = eventful(driver)
    return result, driver.answers, driver.events, host.inputs, host.images.reads


@pytest.mark.parametrize(("monitor", "processors"), HOSTS)
@pytest.mark.parametrize("moment_cycles", MOMENTS)
def test_a_restored_host_goes_on_as_the_saved_one(
    monitor: str, processors: int, moment_cycles: int, tmp_path: Path
) -> None:
    path = tmp_path / "life.state"
    with closing(LivingHost(small_plan(monitor, processors))) as host:
        if moment_cycles:
            Driver(host).advance(moment_cycles)
        saved = save_life(host, path, "small")
        snapshot = host.snapshot()
        expected = lived(host)
        host.restore(snapshot)
        assert lived(host) == expected
    manifest = read_life(path)
    assert manifest == saved
    with closing(LivingHost(saved_life_plan(path, manifest))) as host:
        load_life(host, path, manifest)
        assert host.save() == manifest.life
        assert lived(host) == expected


def test_a_host_that_was_restored_answers_before_its_first_turn(tmp_path: Path) -> None:
    path = tmp_path / "life.state"
    with closing(LivingHost(small_plan())) as host:
        Driver(host).pieces(8)
        save_life(host, path, "small")
        rows = host.partitions()
    manifest = read_life(path)
    with closing(LivingHost(saved_life_plan(path, manifest))) as host:
        load_life(host, path, manifest)
        assert host.partitions() == rows
        assert host.console("hello")


def test_the_record_of_a_restored_life_replays_from_the_very_start(tmp_path: Path) -> None:
    path = tmp_path / "life.state"
    with closing(LivingHost(small_plan())) as host:
        driver = Driver(host)
        driver.pieces(3)
        driver.create("early")
        driver.pieces(2)
        save_life(host, path, "small")
    manifest = read_life(path)
    plan = saved_life_plan(path, manifest)
    log = LifeLog(plan)
    log.go_on_from(manifest.life)
    with closing(LivingHost(plan)) as host:
        load_life(host, path, manifest)
        host.on_input = log.inputs.append
        host.images.on_read = log.image
        result = lived(host)[0]
        log.position_cycles = host.position_cycles
    record = log.record(result)  # type: ignore[arg-type]
    assert record.result is not None
    assert differences(record.result, replay(record, lambda _output: None)) == []


def test_a_restored_host_can_keep_its_journal_in_a_file(tmp_path: Path) -> None:
    path, journal = tmp_path / "life.state", tmp_path / "journal"
    with closing(LivingHost(small_plan())) as host:
        Driver(host).pieces(5)
        save_life(host, path, "small")
        expected = lived(host)
    manifest = read_life(path)
    with closing(LivingHost(saved_life_plan(path, manifest), journal)) as host:
        load_life(host, path, manifest)
        assert lived(host) == expected
        with pytest.raises(UsageError, match="keeps its journal in a file cannot go back"):
            host.restore(host.snapshot())


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("life") / "life.state"
    with closing(LivingHost(small_plan())) as host:
        Driver(host).pieces(4)
        save_life(host, path, "small")
    return path


def restored(path: Path) -> None:
    manifest = read_life(path)
    with closing(LivingHost(saved_life_plan(path, manifest))) as host:
        load_life(host, path, manifest)


@pytest.mark.parametrize("part", range(10))
def test_a_file_that_is_damaged_anywhere_is_refused(part: int, state: Path, tmp_path: Path) -> None:
    data = bytearray(state.read_bytes())
    data[len(data) * part // 10 + 3] ^= 0x40
    path = tmp_path / "damaged.state"
    path.write_bytes(data)
    with pytest.raises(SnapshotError, match="damaged"):
        restored(path)


@pytest.mark.parametrize("part", range(10))
def test_a_file_that_is_truncated_is_refused(part: int, state: Path, tmp_path: Path) -> None:
    data = state.read_bytes()
    path = tmp_path / "short.state"
    path.write_bytes(data[: len(data) * part // 10])
    with pytest.raises(SnapshotError, match="not a snapshot of a host, or truncated"):
        restored(path)


@pytest.mark.parametrize(
    ("files", "settings", "different"),
    [
        (["hello"], {}, "domain"),
        (["hello", "duo"], {"processors": 2}, "processors"),
        (["hello", "duo"], {"monitor": "simulated"}, "monitor"),
        (["hello", "duo"], {"seed": 7}, "seed"),
    ],
)
def test_a_file_of_another_host_is_refused(
    files: list[str], settings: dict[str, object], different: str, state: Path
) -> None:
    with pytest.raises(SnapshotError, match=f"another host: {different} not the same"):
        require_same_life(state, read_life(state), plan_life(files, [], settings))


def test_a_save_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "life.state"
    path.write_bytes(b"before")
    with closing(LivingHost(small_plan())) as host:
        host.infrastructure.command.save = None  # type: ignore[assignment, method-assign]
        with pytest.raises(SnapshotError, match="the program of `command` cannot be saved"):
            save_life(host, path, "small")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
