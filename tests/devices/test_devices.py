# SPDX-License-Identifier: GPL-2.0-or-later
"""The devices alone: conformance to virtio 1.2, hostile drivers, media that fail, and a fuzz.

Compiles native/devices with the C files beside this one, once as it is and once with sanitizers,
and runs every suite of the runner. Knows nothing of the engine.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
SOURCES = [*sorted((ROOT / "native" / "devices").glob("*.c")), *sorted(HERE.glob("*.c"))]
SUITES = [
    "registers",
    "rings",
    "block",
    "disk",
    "network",
    "switch",
    "console",
    "life",
    "fuzz",
]
WARNINGS = "-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wcast-qual -Werror"
OPTIONS = [
    *shlex.split(f"-std=c11 {WARNINGS} -g -O1"),
    *("-iquote", str(ROOT / "monitor" / "abi")),
    *(f"-I{folder}" for folder in (ROOT / "native", ROOT / "tests" / "monitor", HERE)),
]
# Led to host_calls.c.
HOST_CALLS = ["fdatasync", "fallocate", "pread", "pwrite"]
VARIANTS = {
    "plain": [],
    "sanitized": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}


def compiler() -> list[str]:
    """Return the C compiler that the tests use."""
    return shlex.split(os.environ.get("CC", "gcc"))


@pytest.fixture(scope="session", params=VARIANTS)
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the runner, compiled in one of the variants."""
    target = tmp_path_factory.mktemp("devices") / f"runner-{request.param}"
    command = [*compiler(), *OPTIONS, *VARIANTS[request.param], "-o", str(target)]
    command += [str(path) for path in SOURCES]
    command += [f"-Wl,--wrap={name}" for name in HOST_CALLS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return target


def test_the_list_of_suites_is_complete(runner: Path) -> None:
    done = subprocess.run(
        [str(runner), "--list"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == SUITES


@pytest.mark.parametrize("suite", SUITES)
def test_suite(runner: Path, suite: str, tmp_path: Path) -> None:
    """A suite makes its files in the directory that it runs in."""
    done = subprocess.run(
        [str(runner), suite], capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[1-9]\d* checks, 0 failures\n", done.stdout)


def test_the_runner_knows_its_suites(runner: Path) -> None:
    done = subprocess.run(
        [str(runner), "no-such-suite"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
