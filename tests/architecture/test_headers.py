# SPDX-License-Identifier: GPL-2.0-or-later
"""Every header stands alone; the contract at both widths, and from assembler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.architecture.compiler import (
    FREESTANDING,
    WARNINGS,
    compile_text,
    compiler_headers,
    include_options,
    platform_folders,
    wheel_headers,
)
from tests.architecture.source_tree import SourceTree, report

if TYPE_CHECKING:
    from pathlib import Path

WIDTHS = ("-m32", "-m64")
CONTRACT_FOLDERS = ["monitor/abi"]
MONITOR_FOLDERS = ["monitor", "monitor/core", "monitor/abi"]
NATIVE_FOLDERS = ["native", "native/engine", "monitor", "monitor/abi"]
GUEST_FOLDERS = ["guest_kernels/common", "guest_kernels/common/width_{}", *CONTRACT_FOLDERS]
FOR_ASSEMBLER = ("monitor/abi/abi.h", "monitor/abi/limits.h", "monitor/core/machine_map.h")
ADVICE = "A header includes what it uses: compile it alone and add what is missing."


def alone(headers: list[Path], options: list[str]) -> list[str]:
    """Return what the compiler says of each header, compiled with nothing before it."""
    found = []
    for header in headers:
        complaint = compile_text(f'#include "{header}"\n', [*WARNINGS, "-fsyntax-only", *options])
        if complaint:
            found.append(f"{header.name}: {complaint}")
    return found


def freestanding(folders: list[str]) -> list[str]:
    """Return the options of a part that runs without an operating system."""
    return [*FREESTANDING, *compiler_headers(), *include_options(folders)]


def hosted(folders: list[str]) -> list[str]:
    """Return the options of the extension."""
    return [*wheel_headers(), *include_options(folders)]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_contract_stands_alone_at_both_widths(project: SourceTree, width: str) -> None:
    headers = project.files(".h", under="monitor/abi")
    assert headers
    violations = alone(headers, [width, *freestanding(CONTRACT_FOLDERS)])
    assert not violations, report(violations, ADVICE)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_contract_serves_the_assembler_at_both_widths(project: SourceTree, width: str) -> None:
    options = [width, "-c", "-o", "/dev/null", *include_options(CONTRACT_FOLDERS)]
    violations = []
    for name in FOR_ASSEMBLER:
        text = f'#include "{project.root / name}"\n'
        violations += [compile_text(text, options, "assembler-with-cpp")]
    call = f'#include "{project.root / FOR_ASSEMBLER[0]}"\nmov $HC_yield, %eax\n'
    violations += [compile_text(call, options, "assembler-with-cpp")]
    violations = [complaint for complaint in violations if complaint]
    assert not violations, report(violations, "Plain numbers only outside __ASSEMBLER__ guards.")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_layouts_hold_at_both_widths(project: SourceTree, width: str) -> None:
    sources = project.files(".c", under="monitor/abi")
    assert sources, "monitor/abi/layout.c asserts the offsets of every shared structure"
    violations = alone(sources, [width, *freestanding(CONTRACT_FOLDERS)])
    advice = "Fixed-width types, 8-byte fields at 8-byte offsets, explicit padding."
    assert not violations, report(violations, advice)


def test_the_monitor_s_headers_stand_alone_on_both_platforms(project: SourceTree) -> None:
    headers = [*project.files(".h", under="monitor/core"), project.root / "monitor/platform.h"]
    folders = platform_folders()
    assert len(folders) == 2, f"two builds have a platform_inline.h each, found: {folders}"
    violations = []
    for folder in folders:
        name = project.name(folder)
        simulated = name.startswith("monitor/")
        paths = [*(MONITOR_FOLDERS if simulated else NATIVE_FOLDERS), name]
        violations += alone(headers, freestanding(paths) if simulated else hosted(paths))
    assert not violations, report(violations, ADVICE)


def test_the_entry_s_headers_stand_alone(project: SourceTree) -> None:
    folder = next(path for path in platform_folders() if "monitor" in project.name(path))
    headers = project.files(".h", under="monitor/entry")
    paths = [project.name(folder), "monitor/entry", *MONITOR_FOLDERS]
    violations = alone(headers, freestanding(paths))
    assert not violations, report(violations, ADVICE)


def test_the_extension_s_headers_stand_alone(project: SourceTree) -> None:
    folder = next(path for path in platform_folders() if "native" in project.name(path))
    headers = project.files(".h", under="native")
    violations = alone(headers, hosted([project.name(folder), *NATIVE_FOLDERS]))
    assert not violations, report(violations, ADVICE)


@pytest.mark.parametrize("width", [32, 64])
def test_the_guests_headers_stand_alone(project: SourceTree, width: int) -> None:
    """Headers named by the other width, or in its folder, are left out."""
    other = f"_{96 - width}"
    headers = [
        path
        for path in project.files(".h", under="guest_kernels")
        if not path.stem.endswith(other) and not path.parent.name.endswith(other)
    ]
    folders = [folder.format(width) for folder in GUEST_FOLDERS]
    violations = alone(headers, [f"-m{width}", *freestanding(folders)])
    assert not violations, report(violations, ADVICE)


def test_a_header_that_leans_on_another_is_found(example: SourceTree) -> None:
    leaning = example.plant("leaning.h", "static inline uint64_t twice(uint64_t x);\n")
    standing = example.plant("standing.h", "#include <stdint.h>\nextern uint64_t x;\n")
    violations = alone([leaning, standing], freestanding([]))
    assert [violation.split(":")[0] for violation in violations] == ["leaning.h"]
