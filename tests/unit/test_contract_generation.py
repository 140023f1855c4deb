# SPDX-License-Identifier: GPL-2.0-or-later
"""What is derived from the contract: complete, and not drifted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ultravisor.machine import abi, interface
from ultravisor.machine.contract import ContractError, preprocess, read_contract
from ultravisor.machine.generate_abi import main, render_abi, render_all

ROOT = Path(__file__).resolve().parents[2]


def test_generated_files_are_those_of_the_headers() -> None:
    assert main(["--check"]) == 0


def test_check_names_what_has_drifted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {path: text + "# drift\n" for path, text in render_all(ROOT).items()}
    monkeypatch.setattr("ultravisor.machine.generate_abi.render_all", lambda _root: texts)
    assert main(["--check"]) == 1
    complaint = capsys.readouterr().err
    for name in (
        "ultravisor/machine/abi.py",
        "interface.py",
        "docs/hypercalls.md",
        "channel-layouts.md",
    ):
        assert name in complaint


def test_every_call_has_its_row() -> None:
    rows = (ROOT / "monitor/abi/hypercalls.def").read_text()
    names = re.findall(r"^HYPERCALL\(\d+, (\w+),", rows, re.MULTILINE)
    assert [call.name.lower() for call in abi.Hypercall] == names
    assert list(abi.CALLS) == list(abi.Hypercall) == list(abi.GRAMMAR)


def test_the_grammar_is_typed() -> None:
    updates, count = abi.GRAMMAR[abi.Hypercall.TABLE_UPDATE]
    assert updates == ("in_array", "updates", "table_update", "count")
    assert count == ("count", "count", "", "")
    base, _ = abi.GRAMMAR[abi.Hypercall.BASE_SET]
    assert (base.type, base.of) == ("choice", "segment_base")
    assert abi.CALLS[abi.Hypercall.EVENT_SEND].right == abi.Right.EVENTS


def test_structures_are_laid_out_as_asserted() -> None:
    frame = abi.STRUCTURES["trap_frame"]
    assert frame.size_bytes == 96
    assert [field.offset for field in frame.fields] == list(range(0, 96, 8))
    for structure in abi.STRUCTURES.values():
        end = 0
        for field in structure.fields:
            assert field.offset == end, "the contract has explicit padding only"
            end += field.size_bytes
        assert end == structure.size_bytes


def test_docstrings_of_members_come_from_the_headers() -> None:
    text = (ROOT / "ultravisor/machine/abi.py").read_text()
    assert '    NOT_OWNER = 6\n    """A machine frame does not belong to the caller."""' in text


def test_the_interface_has_every_native_error() -> None:
    header = (ROOT / "native/native.h").read_text()
    values = {int(value) for value in re.findall(r"NATIVE_\w+ = (-?\d+)", header)}
    # Two builds of the monitor share the prefix with the errors.
    assert {error.value for error in interface.NativeError} == {v for v in values if v <= 0}


def copy_headers(target: Path) -> None:
    for name in ("monitor/abi", "native", "monitor/core"):
        (target / name).mkdir(parents=True, exist_ok=True)
    for pattern in ("monitor/abi/*", "native/native*.h", "monitor/core/monitor.h"):
        for path in ROOT.glob(pattern):
            shutil.copy(path, target / path.relative_to(ROOT))


def test_a_new_row_arrives_in_python(tmp_path: Path) -> None:
    copy_headers(tmp_path)
    rows = tmp_path / "monitor/abi/hypercalls.def"
    number = len(abi.Hypercall)
    with rows.open("a") as stream:
        stream.write(
            f"HYPERCALL({number}, probe, trace, (value first, out_bytes(size) to, size size),\n"
            '          "Probes something.")\n'
        )
    text = render_abi(read_contract(tmp_path))
    assert f"    PROBE = {number}\n" in text
    assert 'Argument("out_bytes", "to", counted_by="size")' in text


@pytest.mark.parametrize(
    "row",
    [
        'HYPERCALL(99, gap, none, (), "Numbers have no gaps.")',
        'HYPERCALL(29, odd, none, (value 7up), "An argument is a type and a name.")',
        'HYPERCALL(29, lost, none, (in_bytes(size) text), "The size is no argument.")',
        'HYPERCALL(29, six, none, (value a, value b, value c, value d, value e, value f), "Six.")',
    ],
)
def test_a_row_that_cannot_be_read_is_refused(tmp_path: Path, row: str) -> None:
    copy_headers(tmp_path)
    with (tmp_path / "monitor/abi/hypercalls.def").open("a") as stream:
        stream.write(row + "\n")
    with pytest.raises(ContractError, match=r"hypercalls\.def"):
        read_contract(tmp_path)


def test_guids_transitions_and_flags_arrive_in_python() -> None:
    assert str(abi.GUID_VNIC) == "8cd5994d-c58e-11da-95a9-00e08161165f"
    assert (abi.ClientState.BUSY, abi.ClientState.ATTACHED) in abi.CLIENT_TRANSITIONS
    assert abi.ControlFlag.FAILED | abi.ControlFlag.SERVER == 5
    assert int(abi.ControlMessageId.DEVICE_CREATE) == 0x201


def test_layouts_of_channels_have_a_page_of_their_own() -> None:
    calls = (ROOT / "docs/hypercalls.md").read_text()
    channels = (ROOT / "docs/channel-layouts.md").read_text()
    for name in ("struct channel_header`, 128", "enum client_state`", "`CHANNEL_SIGNATURE`"):
        assert name in channels
        assert name not in calls
    assert "| `vnic` | `8cd5994d-c58e-11da-95a9-00e08161165f` |" in channels


@pytest.mark.parametrize(
    ("file", "row"),
    [
        ("guids.def", 'GUID(short, 0x1, 0x2, 0x3, 0x4, 0x5, "Too few digits.")'),
        ("guids.def", 'GUID(four, 0x00000000, 0x0000, 0x0000, 0x0000, "A number is missing.")'),
        ("client_transitions.def", "CLIENT_TRANSITION(attached, lost)"),
        ("client_transitions.def", "CLIENT_TRANSITION(attached)"),
    ],
)
def test_a_row_of_channels_that_cannot_be_read_is_refused(
    tmp_path: Path, file: str, row: str
) -> None:
    copy_headers(tmp_path)
    with (tmp_path / "monitor/abi" / file).open("a") as stream:
        stream.write(row + "\n")
    with pytest.raises(ContractError, match=file.replace(".", r"\.")):
        read_contract(tmp_path)


def test_a_broken_header_is_refused(tmp_path: Path) -> None:
    header = tmp_path / "broken.h"
    header.write_text('#include "absent.h"\n')
    with pytest.raises(ContractError, match="the preprocessor failed"):
        preprocess(header, ())


def test_the_stub_of_the_extension_names_every_function() -> None:
    text = "".join(path.read_text() for path in sorted((ROOT / "native").glob("native*.h")))
    header = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    declared = set(re.findall(r"\b((?:machine|engine|timing)_\w+)\([^;{]*\);", header))
    stub = (ROOT / "ultravisor/machine/_native.pyi").read_text()
    assert set(re.findall(r"def ((?:machine|engine|timing)_\w+)", stub)) == declared
    assert len(declared) > 20
