# SPDX-License-Identifier: GPL-2.0-or-later
"""C depends one way: contract <- core <- engine; guests and the timing core stand alone."""

from __future__ import annotations

import posixpath

import pytest

from tests.architecture.c_source import includes
from tests.architecture.source_tree import SourceTree, report

FREESTANDING = frozenset(
    {"stdint.h", "stddef.h", "stdbool.h", "stdarg.h", "stdalign.h", "stdnoreturn.h", "limits.h"}
)

# Part -> the parts whose headers its files may include. Files and folders alike.
MAY_INCLUDE: dict[str, tuple[str, ...]] = {
    "monitor/abi": ("monitor/abi",),
    "monitor/core": ("monitor/core", "monitor/abi", "monitor/platform.h"),
    "monitor/platform.h": ("monitor/core", "monitor/abi"),
    "monitor/entry": ("monitor/entry", "monitor/core", "monitor/abi", "monitor/platform.h"),
    "native/timing": ("native/timing", "native/native.h", "native/native_timing.h"),
    # Models of devices: they reach the machine through an environment that it hands them.
    "native/devices": ("native/devices", "monitor/abi"),
    "native/native.h": ("native/native_devices.h", "native/native_timing.h"),
    "native/native_devices.h": (),
    "native/native_timing.h": (),
    # The doorbell is the device through which a simulated monitor reaches its host; by its area
    # a processor is known whose floating-point state it holds.
    "native/engine": (
        "native",
        "monitor/core",
        "monitor/abi",
        "monitor/platform.h",
        "monitor/entry/area.h",
        "monitor/entry/doorbell.h",
    ),
    "guest_kernels": ("guest_kernels", "monitor/abi"),
    # As a user's own guests: the contract, and what the library offers.
    "examples": ("examples", "guest_kernels/common", "monitor/abi"),
    # The guests' ends of channels run on the host there, against Python's.
    "tests": ("tests", "native", "monitor", "guest_kernels/common"),
}
# Parts that run without an operating system below them: no header of libc.
WITHOUT_LIBC = ("monitor", "guest_kernels", "examples")
# The headers that are chosen by include path: each build and each width brings its own.
PLATFORM_HEADER = "platform_inline.h"
BY_INCLUDE_PATH = frozenset({PLATFORM_HEADER, "width.h", "user_width.h"})
ADVICE_DIRECTION = "Dependencies point one way (docs/architecture.md): move the declaration down."


def part_of(name: str) -> str | None:
    """Return the part that a file belongs to; None when no rule names one."""
    parts = [part for part in MAY_INCLUDE if name == part or name.startswith(part + "/")]
    return max(parts, key=len, default=None)


def candidates(including: str, included: str, headers: list[str]) -> list[str]:
    """Return the files that an include may mean: its neighbour, or all of that name."""
    neighbour = posixpath.normpath(posixpath.join(posixpath.dirname(including), included))
    if neighbour in headers:
        return [neighbour]
    return [header for header in headers if f"/{header}".endswith(f"/{included}")]


def within(name: str, parts: tuple[str, ...]) -> bool:
    """Say whether a file lies in one of the parts."""
    return any(name == part or name.startswith(part + "/") for part in parts)


def direction_violations(tree: SourceTree) -> list[str]:
    """Return the includes that point at a part which the including one may not know."""
    headers = [tree.name(path) for path in tree.files(".h", ".def")]
    found = []
    for path in tree.files(".c", ".h", ".S", ".def"):
        name = tree.name(path)
        part = part_of(name)
        if part is None:
            found.append(f"{name}: lies in no part that tests/architecture knows")
            continue
        for include in includes(path.read_text(encoding="utf-8")):
            meant = candidates(name, include.name, headers)
            if include.name in BY_INCLUDE_PATH or not meant:
                continue
            if not any(within(header, MAY_INCLUDE[part]) for header in meant):
                found.append(f"{name}:{include.line}: {part} must not include {meant[0]}")
    return found


def system_violations(tree: SourceTree) -> list[str]:
    """Return the includes of libc, or of the engine, where they have no place."""
    found = []
    for path in tree.files(".c", ".h", ".S", ".def"):
        name = tree.name(path)
        for include in includes(path.read_text(encoding="utf-8")):
            place = f"{name}:{include.line}: <{include.name}>"
            if include.name.startswith("unicorn") and not within(name, ("native/engine", "tests")):
                found.append(f"{place}: only native/engine knows the engine")
            ours = not include.system or include.name in BY_INCLUDE_PATH
            if within(name, WITHOUT_LIBC) and not ours and include.name not in FREESTANDING:
                found.append(f"{place}: there is no libc in the monitor and in guests")
    return found


def platform_violations(tree: SourceTree) -> list[str]:
    """Return the files that take platform_inline.h although they are not the platform's."""
    found = []
    for path in tree.files(".c", ".h", ".S"):
        name = tree.name(path)
        allowed = within(name, ("monitor/platform.h", "monitor/entry", "native/engine", "tests"))
        if not allowed and any(
            include.name == PLATFORM_HEADER for include in includes(path.read_text("utf-8"))
        ):
            found.append(f"{name}: include platform.h instead of {PLATFORM_HEADER}")
    return found


def test_includes_point_one_way(project: SourceTree) -> None:
    violations = direction_violations(project)
    assert not violations, report(violations, ADVICE_DIRECTION)


def test_no_libc_in_the_monitor_and_the_engine_only_in_native_engine(project: SourceTree) -> None:
    violations = system_violations(project)
    assert not violations, report(violations, "Only compiler headers are allowed there.")


def test_the_core_reaches_the_processor_through_platform_h(project: SourceTree) -> None:
    violations = platform_violations(project)
    assert not violations, report(violations, "platform.h is the only door to a processor.")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("monitor/abi/a.h", '#include "frames.h"\n'),
        ("monitor/core/a.c", '#include "machine.h"\n'),
        ("native/timing/a.c", '#include "machine.h"\n'),
        ("native/devices/a.c", '#include "machine.h"\n'),
        ("native/devices/a.c", '#include "core/frames.h"\n'),
        ("native/timing/b.c", '#include "core/frames.h"\n'),
        ("guest_kernels/hello/main.c", '#include "frames.h"\n'),
        ("guest_kernels/hello/main.c", '#include "../../native/engine/machine.h"\n'),
        ("elsewhere/a.c", ""),
    ],
)
def test_a_wrong_direction_is_found(example: SourceTree, file: str, text: str) -> None:
    example.plant("monitor/core/frames.h", "")
    example.plant("native/engine/machine.h", "")
    example.plant(file, text)
    assert len(direction_violations(example)) == 1


def test_right_directions_are_accepted(example: SourceTree) -> None:
    example.plant("monitor/core/frames.h", '#include "abi.h"\n')
    example.plant("monitor/abi/abi.h", "#include <stdint.h>\n")
    example.plant("native/engine/a.c", '#include "core/frames.h"\n#include <unicorn/unicorn.h>\n')
    example.plant("guest_kernels/hello/main.c", '#include "abi.h"\n')
    assert direction_violations(example) == []
    assert system_violations(example) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("monitor/core/a.c", "#include <string.h>\n"),
        ("monitor/abi/a.h", "#include <stdio.h>\n"),
        ("guest_kernels/hello/main.c", "#include <stdlib.h>\n"),
        ("native/timing/a.c", "#include <unicorn/unicorn.h>\n"),
    ],
)
def test_a_wrong_system_header_is_found(example: SourceTree, file: str, text: str) -> None:
    example.plant(file, text)
    assert len(system_violations(example)) == 1


def test_a_way_round_platform_h_is_found(example: SourceTree) -> None:
    example.plant("monitor/core/a.c", "#include <platform_inline.h>\n")
    assert len(platform_violations(example)) == 1
