# SPDX-License-Identifier: GPL-2.0-or-later
"""The monitor's core alone: its C tests on a fake platform, its stack, its freedom of recursion.

Compiles monitor/core with the C files beside this one, once as it is and once with sanitizers,
and runs every suite of the runner. Knows nothing of the engine.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.shared_builds import build, built_once

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CORE = sorted((ROOT / "monitor" / "core").glob("*.c"))
TESTS = sorted(HERE.glob("*.c"))
SUITES = [
    "start",
    "memory",
    "tables",
    "frames",
    "traps",
    "returns",
    "events",
    "schedule",
    "processors",
    "calls",
    "width_32",
    "traps_32",
    "tables_32",
    "descriptors",
    "contexts_32",
    "views",
    "view_rows",
    "view_channels",
    "view_devices",
    "watchdogs",
    "properties",
]
WARNINGS = "-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wcast-qual -Werror"
OPTIONS = [
    *shlex.split(f"-std=c11 {WARNINGS} -g -O1"),
    *("-iquote", str(ROOT / "monitor" / "abi")),
    *(f"-I{folder}" for folder in (ROOT / "monitor", ROOT / "monitor" / "core", HERE)),
]
VARIANTS = {
    "plain": [],
    "sanitized": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}
# As monitor/entry compiles the core; the analysis of stacks is gcc's.
IMAGE_OPTIONS = shlex.split(
    "-O2 -ffreestanding -fno-tree-loop-distribute-patterns -mno-red-zone -mgeneral-regs-only"
    " -fno-stack-protector -fno-inline-small-functions -fcallgraph-info=su"
)
# Of the 16 KiB that the simulated build gives a processor.
STACK_BYTES_MAXIMUM = 6 * 1024
RETURN_ADDRESS_BYTES = 8

_NODE = re.compile(r'node: { title: "([^"]+)" label: "([^"\\]+)(?:\\n[^"]*?\\n(\d+) bytes)?')
_EDGE = re.compile(r'edge: { sourcename: "([^"]+)" targetname: "([^"]+)"')


def compiler() -> list[str]:
    """Return the C compiler that the tests use."""
    return shlex.split(os.environ.get("CC", "gcc"))


@pytest.fixture(scope="session", params=VARIANTS)
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the runner, compiled in one of the variants."""
    name = f"runner-{request.param}"
    options = [*OPTIONS, *VARIANTS[request.param]]
    return built_once(
        tmp_path_factory, name, lambda target: build(compiler(), options, CORE + TESTS, target)
    )


def test_the_list_of_suites_is_complete(runner: Path) -> None:
    done = subprocess.run(
        [str(runner), "--list"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == SUITES


@pytest.mark.parametrize("suite", SUITES)
def test_suite(runner: Path, suite: str) -> None:
    done = subprocess.run(
        [str(runner), suite], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[1-9]\d* checks, 0 failures\n", done.stdout)


def test_the_runner_knows_its_suites(runner: Path) -> None:
    done = subprocess.run(
        [str(runner), "no-such-suite"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2


class CallGraph:
    """Who calls whom in the core, with the stack that each function takes."""

    def __init__(self, texts: list[str]) -> None:
        self.stack_bytes: dict[str, int] = {}
        self.calls: dict[str, set[str]] = {}
        for text in texts:
            for name, _label, size in _NODE.findall(text):
                self.stack_bytes.setdefault(name, 0)
                if size:
                    self.stack_bytes[name] = int(size)
            for caller, called in _EDGE.findall(text):
                self.calls.setdefault(caller, set()).add(called)
        # The only indirect calls are the dispatcher's.
        handlers = {name for name in self.stack_bytes if name.startswith("hc_")}
        self.calls["__indirect_call"] = handlers

    def deepest(self, name: str, path: tuple[str, ...] = ()) -> tuple[int, tuple[str, ...]]:
        """Return the stack of the deepest path from a function on, and that path."""
        assert name not in path, f"recursion: {' -> '.join([*path, name])}"
        below = [self.deepest(called, (*path, name)) for called in self.calls.get(name, ())]
        size, rest = max(below, default=(0, ()))
        return size + self.stack_bytes.get(name, 0) + RETURN_ADDRESS_BYTES, (name, *rest)


def test_no_recursion_and_a_small_stack(tmp_path: Path) -> None:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("the call graph with stack sizes is written by gcc only")
    texts = []
    for source in CORE:
        target = tmp_path / f"{source.stem}.o"
        command = [gcc, *OPTIONS, *IMAGE_OPTIONS, "-c", str(source), "-o", str(target)]
        subprocess.run(command, check=True, timeout=120)
        texts.append(target.with_suffix(".ci").read_text(encoding="utf-8"))
    graph = CallGraph(texts)
    assert "monitor_enter" in graph.stack_bytes
    assert len(graph.calls["__indirect_call"]) >= 29
    for entry in ("monitor_start", "monitor_first", "monitor_enter"):
        size, path = graph.deepest(entry)
        assert size <= STACK_BYTES_MAXIMUM, f"{size} bytes: {' -> '.join(path)}"


def test_recursion_would_be_found() -> None:
    node = 'node: { title: "a" label: "a\\nx.c:1:1\\n16 bytes (static)\\n0 dynamic objects" }\n'
    edges = 'edge: { sourcename: "a" targetname: "b" }\nedge: { sourcename: "b" targetname: "a" }\n'
    assert CallGraph([node]).deepest("a") == (24, ("a",))
    with pytest.raises(AssertionError, match="recursion: a -> b -> a"):
        CallGraph([node + edges]).deepest("a")
