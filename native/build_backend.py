# SPDX-License-Identifier: GPL-2.0-or-later
"""The PEP 517 backend: setuptools, and how the native extension is compiled.

Owns compiler flags, sources and link options of ultravisor.machine._native. Named in
pyproject.toml; `python native/build_backend.py` builds the extension in place. It must
not import the project: it runs before the project is installed.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import cffi
from setuptools import Distribution
from setuptools.build_meta import *  # noqa: F403 (a PEP 517 backend is its functions)
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parents[1]
MODULE = "ultravisor.machine._native"
SOURCE_PATTERNS = (
    "native/engine/*.c",
    "native/timing/*.c",
    "native/devices/*.c",
    "monitor/core/*.c",
)
# For #include "..." only: monitor/abi/limits.h must not hide the compiler's <limits.h>.
QUOTE_DIRECTORIES = ("monitor/abi",)
INCLUDE_DIRECTORIES = (
    "monitor",
    "native",
    "native/engine",
    "native/engine/platform",
)
COMMON_FLAGS = ["-std=c11", "-O2", "-g0", "-fno-semantic-interposition", "-fvisibility=hidden"]
STRICT_FLAGS = [
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Wcast-qual",
    "-Werror",
]
# Whose branches are counted, and how: without optimisation each is where the source has it.
COVERED_PREFIX = "monitor/core/"
COVERAGE_FLAGS = ["-O0", "--coverage"]
SANITIZE_FLAGS = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-g"]


class BuildError(Exception):
    """Something that the build needs is missing; the message says what to do."""


def wheel_directory(package: str) -> Path:
    """Return where a wheel that ships a C library was installed."""
    specification = importlib.util.find_spec(package)
    if specification is None or specification.origin is None:
        raise BuildError(f"the build needs the {package} wheel: pip install {package}")
    return Path(specification.origin).parent


def sources() -> list[str]:
    """Return our C sources, sorted, relative to the root."""
    found = [path for pattern in SOURCE_PATTERNS for path in sorted(ROOT.glob(pattern))]
    return [str(path.relative_to(ROOT)) for path in found]


def include_directories() -> list[str]:
    """Return where headers are looked for."""
    wheels = [str(wheel_directory(name) / "include") for name in ("unicorn", "capstone")]
    return [*INCLUDE_DIRECTORIES, *wheels]


def sanitize_flags() -> list[str]:
    """Return the flags of ULTRAVISOR_SANITIZE=1, for compiler and linker."""
    return SANITIZE_FLAGS if os.environ.get("ULTRAVISOR_SANITIZE") == "1" else []


def coverage_flags() -> list[str]:
    """Return the flags of ULTRAVISOR_COVERAGE=1, for the monitor's core and the linker."""
    return COVERAGE_FLAGS if os.environ.get("ULTRAVISOR_COVERAGE") == "1" else []


def link_arguments() -> list[str]:
    """Link the libraries inside the wheels.

    ultravisor.machine.native loads both before the extension, and the loader then uses
    what is there: capstone's wheel holds no file with the library's SONAME, and from a
    source tree no relative path leads to either.
    """
    unicorn = wheel_directory("unicorn") / "lib"
    capstone = wheel_directory("capstone") / "lib"
    return [
        f"-L{unicorn}",
        f"-L{capstone}",
        "-l:libunicorn.so.2",
        "-l:libcapstone.so",
        "-Wl,-rpath,$ORIGIN/../../unicorn/lib",
        "-Wl,-z,now",
        *sanitize_flags(),
        *coverage_flags(),
    ]


def interface_source() -> str:
    """Return the wrapper's C source, which cffi makes from native/native.h as it is."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    header = ROOT / "native" / "native.h"
    command = [*compiler, "-E", "-P", "-DABI_CDEF", str(header)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{header} cannot be preprocessed: {done.stderr.strip()}")
    builder = cffi.FFI()
    builder.cdef(done.stdout)
    builder.set_source(MODULE, '#include "native.h"\n', py_limited_api=True)
    target = ROOT / "build" / "native" / "_native.c"
    target.parent.mkdir(parents=True, exist_ok=True)
    builder.emit_c_code(str(target))
    return str(target.relative_to(ROOT))


class BuildNative(build_ext):  # type: ignore[misc]
    """Compiles our sources strictly, the generated wrapper leniently, and links both."""

    def build_extension(self, ext: Any) -> None:
        """Compile and link the one extension of the project."""
        if not sources():
            raise BuildError("no C sources: build in a source tree")
        previous = Path.cwd()
        os.chdir(ROOT)
        try:
            self._build(ext)
        finally:
            os.chdir(previous)

    def copy_file(self, infile: str, outfile: str, *arguments: Any, **settings: Any) -> Any:
        """Put the extension beside its package in one step.

        Written over in place, it would crash every process that has it loaded.
        """
        fresh = f"{outfile}.fresh"
        copied = super().copy_file(infile, fresh, *arguments, **settings)
        Path(fresh).replace(outfile)
        return (outfile, copied[1])

    def _build(self, ext: Any) -> None:
        core = [name for name in sources() if name.startswith(COVERED_PREFIX)]
        others = [name for name in sources() if name not in core]
        ext.extra_objects = self._compile(others, []) + self._compile(core, coverage_flags())
        ext.include_dirs = ["native"]
        ext.sources = [interface_source()]
        ext.extra_compile_args = [*COMMON_FLAGS, "-Wno-unused-function", *sanitize_flags()]
        ext.extra_link_args = link_arguments()
        ext.depends = ["native/native.h", "native/native_devices.h", "native/native_timing.h"]
        self.force = True
        super().build_extension(ext)

    def _compile(self, names: list[str], more_flags: list[str]) -> list[str]:
        quoted = [f"-iquote{directory}" for directory in QUOTE_DIRECTORIES]
        objects: list[str] = self.compiler.compile(
            names,
            output_dir=self.build_temp,
            include_dirs=include_directories(),
            extra_postargs=[
                *(*quoted, *COMMON_FLAGS, *sanitize_flags(), *STRICT_FLAGS),
                *more_flags,
            ],
        )
        return objects


def build_in_place(arguments: list[str]) -> None:
    """Build the extension beside its package, without installing anything."""
    os.chdir(ROOT)
    distribution = Distribution({"name": "ultravisor"})
    distribution.parse_config_files()
    distribution.script_args = ["build_ext", "--inplace", *arguments]
    if distribution.parse_command_line():
        distribution.run_commands()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        build_in_place(sys.argv[1:])
    except BuildError as failure:
        sys.exit(f"error: {failure}")
