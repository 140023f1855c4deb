# SPDX-License-Identifier: GPL-2.0-or-later
"""Running the C compiler for the architecture tests: include paths and options of each part."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
from pathlib import Path

from tests.architecture.source_tree import ROOT

WARNINGS = shlex.split(
    "-std=c11 -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wcast-qual -Werror"
)
FREESTANDING = ["-ffreestanding", "-fno-builtin", "-nostdinc"]


def compile_text(text: str, options: list[str], language: str = "c") -> str:
    """Compile a text from standard input; return what the compiler complained about."""
    command = [*shlex.split(os.environ.get("CC", "gcc")), "-x", language, *options, "-"]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    return done.stderr if done.returncode else ""


def compiler_headers() -> list[str]:
    """Return the option that adds the compiler's own headers, and nothing of libc's."""
    command = [*shlex.split(os.environ.get("CC", "gcc")), "-print-file-name=include"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return ["-isystem", done.stdout.strip()]


def wheel_headers() -> list[str]:
    """Return the options that add the headers of the packages that ship a C library."""
    options = []
    for package in ("unicorn", "capstone"):
        specification = importlib.util.find_spec(package)
        assert specification is not None, f"the development environment lacks {package}"
        assert specification.origin is not None
        options += ["-isystem", str(Path(specification.origin).parent / "include")]
    return options


def platform_folders() -> list[Path]:
    """Return the folders of the two implementations of platform_inline.h."""
    headers = [*(ROOT / "native").rglob("platform_inline.h")]
    headers += [*(ROOT / "monitor" / "entry").rglob("platform_inline.h")]
    return [header.parent for header in headers]


def include_options(folders: list[str]) -> list[str]:
    """Return the include path for folders of the project.

    The contract serves quoted includes only: its limits.h must not hide the compiler's.
    """
    flags = {folder: "-iquote" if folder == "monitor/abi" else "-I" for folder in folders}
    return [option for folder in folders for option in (flags[folder], str(ROOT / folder))]
