# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices of a living host: given to I/O partitions, in their views, kept over restarts."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.guests.living_hosts import SLICE_CYCLES, Operator
from tests.guests.recorded_lives import unheard
from ultravisor.errors import ConfigurationError
from ultravisor.life.life_plan import plan_life
from ultravisor.life.life_record import LifeLog, differences, read_life_record, write_record
from ultravisor.life.life_state import load_life, read_life, save_life, saved_life_plan
from ultravisor.life.living_host import LivingHost
from ultravisor.life.replay import replay
from ultravisor.machine.abi import VIEW_DEVICE_ACTIVE
from ultravisor.machine.devices import Devices
from ultravisor.machine.view_rows import DeviceRow
from ultravisor.machine.views import Views
from ultravisor.partitions.messages import Done, Rejected
from ultravisor.resources.records import Block, BlockState, Device

if TYPE_CHECKING:
    from pathlib import Path

HOST = """
[[device]]
name = "disk0"
kind = "block"
size_mib = 1
latency_cycles = 5000

[[device]]
name = "net0"
kind = "network"

[[device]]
name = "line0"
kind = "console"
"""
POLICY = """
[[domain]]
name = "io-a"
kind = "io"
image = "disk"
devices = ["disk0.0", "line0.0"]

[[domain]]
name = "io-b"
kind = "io"
image = "disk"
devices = ["disk0.1"]
"""
# Its Status register, of a driver that is content.
DRIVEN = 15
OPERATING = ("known", "ready", "alive", "operating")


def host_with(tmp_path: Path, text: str = HOST, policy: str = POLICY) -> Operator:
    (tmp_path / "host.toml").write_text(text)
    (tmp_path / "policy.toml").write_text(policy)
    return Operator([str(tmp_path / "host.toml")], [tmp_path / "policy.toml"])


def device(operator: Operator, name: str) -> Device:
    rows = operator.host.database.records(Device)
    return next(row for row in rows if row.name == name)


def view_row(operator: Operator, name: str) -> DeviceRow:
    """Return the row that the view in force has for a device."""
    return Views(operator.host.machine).begin().device(device(operator, name).id - 1)


def move(operator: Operator, name: str, *states: str) -> None:
    number = device(operator, name).id
    answer = operator.transact(*(["SetDeviceState", number, state] for state in states))
    assert isinstance(answer, Done), answer


def is_driven(operator: Operator, name: str) -> bool:
    number = device(operator, name).id
    return Devices(operator.host.machine).statistics(number).status == DRIVEN


def expected_row(operator: Operator, name: str, **changes: Any) -> DeviceRow:
    """Return the row of a device by its record."""
    row = device(operator, name)
    fields = {
        "id": row.id,
        "partition": row.owner,
        "port": row.port,
        "machine_frame": row.machine_frame,
        "frame_count": 1,
        "guest_frame": row.guest_frame,
    }
    return DeviceRow(**{**fields, **changes})


def test_every_device_has_an_id_and_a_frame_of_the_last_ones(tmp_path: Path) -> None:
    with host_with(tmp_path) as operator:
        operator.until_up()
        rows = operator.host.database.records(Device)
        machine = operator.host.machine
        first = machine.options.memory_size_bytes // 4096 - 5
        assert Devices(machine).first_frame == first
        assert [(row.id, row.kind, row.name, row.machine_frame) for row in rows] == [
            (1, "block", "disk0.0", first),
            (2, "block", "disk0.1", first + 1),
            (3, "network", "net0.0", first + 2),
            (4, "network", "net0.1", first + 3),
            (5, "console", "line0.0", first + 4),
        ]
        held = [row for row in operator.host.database.records(Block) if row.machine_frame >= first]
        assert {row.state for row in held} == {BlockState.DEVICE}
        assert sum(row.frame_count for row in held) == 5


def test_an_io_partition_sees_its_devices_fenced_and_drives_them(tmp_path: Path) -> None:
    with host_with(tmp_path) as operator:
        operator.until_up()
        operator.until(lambda: is_driven(operator, "disk0.0") and is_driven(operator, "disk0.1"))
        for name in ("disk0.0", "disk0.1", "line0.0"):
            assert view_row(operator, name) == expected_row(operator, name, flags=0)
        owners = {row.name: row.number for row in operator.rows().values()}
        assert (
            device(operator, "disk0.0").owner == device(operator, "line0.0").owner == owners["io-a"]
        )
        assert device(operator, "disk0.1").owner == owners["io-b"]
        assert device(operator, "net0.0").owner is None
        assert view_row(operator, "net0.0") == DeviceRow()


def test_a_device_that_operates_acts_and_one_that_fails_is_fenced(tmp_path: Path) -> None:
    with host_with(tmp_path) as operator:
        operator.until_up()
        move(operator, "disk0.0", *OPERATING)
        assert view_row(operator, "disk0.0").flags == VIEW_DEVICE_ACTIVE
        assert view_row(operator, "disk0.1").flags == 0
        operator.until(lambda: operator.state("io-a") == "stopped")
        assert operator.console("io-a") == "disk: 16 sectors written and read\n"
        ended = device(operator, "disk0.0")
        assert (ended.state, ended.owner) == ("revoked", operator.rows()["io-a"].number)
        assert view_row(operator, "disk0.0").flags == 0
        assert operator.host.database.check() == []


@pytest.mark.parametrize("monitor", ["native", "simulated"])
def test_a_reset_partition_has_its_devices_again(tmp_path: Path, monitor: str) -> None:
    text = f'[host]\nmonitor = "{monitor}"\n{HOST}'
    with host_with(tmp_path, text) as operator:
        operator.until_up()
        before = device(operator, "disk0.0")
        move(operator, "disk0.0", *OPERATING)
        operator.until(lambda: operator.state("io-a") == "stopped")
        assert isinstance(operator.order("reset", "io-a"), Done)
        operator.until(lambda: operator.state("io-a") == "running")
        after = device(operator, "disk0.0")
        assert (after.owner, after.guest_frame, after.port) == (
            before.owner,
            before.guest_frame,
            before.port,
        )
        assert after.state == "allocated"
        operator.until(lambda: is_driven(operator, "disk0.0"))
        move(operator, "disk0.0", *OPERATING)
        operator.until(lambda: operator.state("io-a") == "stopped")
        assert operator.console("io-a") == 2 * "disk: 16 sectors written and read\n"


def test_a_destroyed_partition_gives_its_devices_to_the_next(tmp_path: Path) -> None:
    with host_with(tmp_path) as operator:
        operator.until_up()
        assert isinstance(operator.order("destroy", "io-a"), Done)
        gone = device(operator, "disk0.0")
        assert (gone.state, gone.owner, gone.guest_frame, gone.port) == ("revoked", None, 0, 0)
        assert view_row(operator, "disk0.0") == DeviceRow()
        new = {"image": "disk", "kind": "io", "devices": ["disk0.0"]}
        assert isinstance(operator.order("create", "io-c", **new), Done)
        operator.until(lambda: operator.state("io-c") == "running")
        given = device(operator, "disk0.0")
        assert (given.state, given.owner) == ("allocated", operator.rows()["io-c"].number)
        move(operator, "disk0.0", *OPERATING)
        operator.until(lambda: operator.state("io-c") == "stopped")
        assert operator.console("io-c") == "disk: 16 sectors written and read\n"


def test_rows_stay_over_a_restart_of_the_ultravisor(tmp_path: Path) -> None:
    with host_with(tmp_path) as operator:
        operator.until_up()
        move(operator, "disk0.1", *OPERATING)
        before = [view_row(operator, name) for name in ("disk0.0", "disk0.1", "line0.0")]
        lost, rebuilt = operator.restart_ultravisor()
        assert lost == rebuilt
        operator.run()
        assert [view_row(operator, name) for name in ("disk0.0", "disk0.1", "line0.0")] == before


def test_a_snapshot_has_devices_and_the_contents_of_disks_in_memory(tmp_path: Path) -> None:
    with host_with(tmp_path) as operator:
        operator.until_up()
        snapshot = operator.host.snapshot()
        ends = []
        for _ in range(2):
            move(operator, "disk0.0", *OPERATING)
            operator.until(lambda: operator.state("io-a") == "stopped")
            ends.append((operator.host.result(), operator.host.position_cycles))
            operator.host.restore(snapshot)
            operator.answers.clear()
            assert device(operator, "disk0.0").state == "allocated"
        assert ends[0] == ends[1]


def test_a_file_is_the_disk_and_what_was_written_stays(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    text = HOST.replace("size_mib = 1\n", 'size_mib = 1\nfile = "disk.img"\n')
    with host_with(tmp_path, text) as operator:
        assert image.stat().st_size == 1 << 20
        operator.until_up()
        move(operator, "disk0.0", *OPERATING)
        operator.until(lambda: operator.state("io-a") == "stopped")
        with pytest.raises(ConfigurationError, match=r"device `disk0`: .*disk\.img: .*in use"):
            host_with(tmp_path, text)
    data = image.read_bytes()
    assert any(data[: 16 * 512])
    assert not any(data[16 * 512 :])


def test_a_recorded_life_with_disks_in_memory_is_lived_again(tmp_path: Path) -> None:
    (tmp_path / "host.toml").write_text(HOST)
    (tmp_path / "policy.toml").write_text(POLICY)
    plan = plan_life([str(tmp_path / "host.toml")], [tmp_path / "policy.toml"], {})
    log = LifeLog(plan)
    with host_with(tmp_path) as operator:
        for row in operator.host.images.reads:
            log.image(row)
        operator.host.images.on_read = log.image
        operator.host.on_input = log.inputs.append
        operator.until_up()
        move(operator, "disk0.0", *OPERATING)
        operator.until(lambda: operator.state("io-a") == "stopped")
        log.position_cycles = operator.host.position_cycles
        result = operator.host.result()
    path = tmp_path / "life.json"
    write_record(path, log.record(result).to_json())
    again = replay(read_life_record(path), unheard)
    assert differences(result, again) == []


def test_a_life_goes_on_from_a_file_with_its_devices(tmp_path: Path) -> None:
    path = tmp_path / "life.snap"
    with host_with(tmp_path) as operator:
        operator.until_up()
        move(operator, "disk0.1", *OPERATING)
        save_life(operator.host, path, "devices")
        operator.until(lambda: operator.state("io-b") == "stopped")
        position, result = operator.host.position_cycles, operator.host.result()
    manifest = read_life(path)
    with closing(LivingHost(saved_life_plan(path, manifest))) as host:
        load_life(host, path, manifest)
        assert [row.name for row in host.database.records(Device)][:2] == ["disk0.0", "disk0.1"]
        while host.position_cycles < position:
            host.advance(SLICE_CYCLES, unheard, lambda *_: None, lambda *_: None)
        assert differences(result, host.result()) == []


def test_registers_are_made_by_no_request(tmp_path: Path) -> None:
    with host_with(tmp_path) as operator:
        operator.until_up()
        answer = operator.transact(["CreateDevice", "block", "disk9.0", 1, 30000])
        assert isinstance(answer, Rejected)
        assert "registers come with the machine" in answer.sentence
