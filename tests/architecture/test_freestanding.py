# SPDX-License-Identifier: GPL-2.0-or-later
"""The core needs nothing but the platform: compiled without libc, linked, and looked at."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from tests.architecture.compiler import (
    FREESTANDING,
    WARNINGS,
    compile_text,
    compiler_headers,
    include_options,
)
from tests.architecture.source_tree import SourceTree, report

if TYPE_CHECKING:
    from pathlib import Path

# As the simulated build is compiled; -O2 is where a compiler invents calls to libc.
IMAGE_OPTIONS = shlex.split(
    "-O2 -fno-stack-protector -mno-red-zone -mgeneral-regs-only -fPIE -fvisibility=hidden"
    " -fcf-protection=none -fno-asynchronous-unwind-tables"
)
_DECLARED = re.compile(r"^[\w ]+?\W\*?(platform_\w+)\(", re.MULTILINE)
_LEAF = re.compile(r"((?:void|uint64_t) \*?(\w+)\([^()]*\))")


def leaf_operations(platform_header: str) -> dict[str, str]:
    """Return the prototypes that platform.h's opening comment promises, by name."""
    comment = platform_header.partition("platform_inline.h> defines:")[2].partition("*/")[0]
    return {name: prototype for prototype, name in _LEAF.findall(comment)}


def undefined_symbols(objects: list[Path], folder: Path) -> set[str]:
    """Link objects into one and return the symbols that it does not define."""
    whole = folder / "core.o"
    subprocess.run(["ld", "-r", "-o", str(whole), *map(str, objects)], check=True, timeout=60)
    listing = subprocess.run(
        ["nm", "--undefined-only", str(whole)], check=True, capture_output=True, text=True
    )
    symbols = {line.split()[-1] for line in listing.stdout.splitlines()}
    return symbols - {"_GLOBAL_OFFSET_TABLE_"}


def compile_core(project: SourceTree, folder: Path, platform: str) -> list[Path]:
    """Compile every file of the core against declarations of the platform only."""
    (folder / "platform_inline.h").write_text(platform, encoding="utf-8")
    options = [*WARNINGS, *FREESTANDING, *IMAGE_OPTIONS, *compiler_headers()]
    options += ["-I", str(folder), *include_options(["monitor", "monitor/core", "monitor/abi"])]
    objects = []
    for source in project.files(".c", under="monitor/core"):
        target = folder / f"{source.stem}.o"
        complaint = compile_text(f'#include "{source}"\n', [*options, "-c", "-o", str(target)])
        assert not complaint, report([complaint], "The core uses what platform.h names, only.")
        objects.append(target)
    return objects


def test_the_core_s_only_undefined_symbols_are_the_platform_s(
    project: SourceTree, tmp_path: Path
) -> None:
    header = (project.root / "monitor/platform.h").read_text(encoding="utf-8")
    leaves = leaf_operations(header)
    declarations = "".join(f"{prototype};\n" for prototype in leaves.values())
    objects = compile_core(project, tmp_path, "#include <stdint.h>\n" + declarations)
    assert objects, "monitor/core has no sources"
    allowed = set(leaves) | set(_DECLARED.findall(header))
    violations = sorted(undefined_symbols(objects, tmp_path) - allowed)
    advice = "The core calls platform.h and itself; a structure copy may need an own loop."
    assert not violations, report(violations, advice)


def test_platform_h_says_what_each_build_has_to_define(project: SourceTree) -> None:
    header = (project.root / "monitor/platform.h").read_text(encoding="utf-8")
    assert {"machine_pointer", "platform_lock", "platform_unlock"} <= set(leaf_operations(header))
    assert "platform_deadline_set" in _DECLARED.findall(header)
    assert "platform_panic" in _DECLARED.findall(header)


def test_a_call_to_libc_is_found(tmp_path: Path) -> None:
    text = "void *memcpy(void *, const void *, unsigned long);\nvoid f(void *a, void *b);\n"
    text += "void f(void *a, void *b) { memcpy(a, b, 8); }\n"
    target = tmp_path / "a.o"
    options = [*FREESTANDING, *IMAGE_OPTIONS, "-c", "-o", str(target)]
    assert compile_text(text, options) == ""
    assert undefined_symbols([target], tmp_path) == {"memcpy"}
