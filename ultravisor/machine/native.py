# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads the native extension, and turns its error codes into exceptions.

Owns the loading order and `check`. Imported by machine only; it must not know
partitions, images or configurations.
"""

from __future__ import annotations

import ctypes
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ultravisor.errors import (
    ConfigurationError,
    EngineError,
    MachineError,
    NotFoundError,
    UltravisorError,
)
from ultravisor.machine.interface import NativeError

if TYPE_CHECKING:
    from ultravisor.machine._native import CData

__all__ = [
    "EngineReport",
    "calibrate",
    "check",
    "ffi",
    "last_error",
    "lib",
    "raise_error",
    "require_engine",
]

REINSTALL = "install again: pip install --force-reinstall ultravisor (in a source tree: make)"


# The files inside the wheels. Once they are loaded, the loader finds them by their names.
LIBRARIES = {"unicorn": "libunicorn.so.2", "capstone": "libcapstone.so"}


def _load_library(package: str, name: str) -> None:
    """Load a library from the wheel that ships it; nothing of its Python is imported."""
    specification = importlib.util.find_spec(package)
    if specification is None or specification.origin is None:
        raise EngineError(f"{package} is not installed", REINSTALL)
    ctypes.CDLL(str(Path(specification.origin).parent / "lib" / name))


try:
    for wheel, library in LIBRARIES.items():
        _load_library(wheel, library)
    from ultravisor.machine._native import ffi, lib
except (ImportError, OSError) as failure:
    raise EngineError(f"the native extension cannot be loaded: {failure}", REINSTALL) from failure

ERROR_CLASSES: dict[NativeError, type[UltravisorError]] = {
    NativeError.INVALID: ConfigurationError,
    NativeError.NO_MEMORY: ConfigurationError,
    NativeError.ENGINE: EngineError,
    NativeError.STATE: MachineError,
    NativeError.FILE: NotFoundError,
    NativeError.LIMIT: ConfigurationError,
}


@dataclass(frozen=True, slots=True)
class EngineReport:
    """What the calibration found."""

    version: str
    environment_offset: int
    calibrated: bool
    text: str


def last_error(machine: CData) -> str:
    """Return the last failure of a machine, or of its creation, in a sentence."""
    return ffi.string(lib.machine_error(machine)).decode("utf-8", "replace")


def raise_error(code: int, machine: CData) -> NoReturn:
    """Raise the exception that an error code stands for."""
    try:
        error = NativeError(code)
    except ValueError:
        raise MachineError(f"the extension returned {code}, which is no error of its") from None
    raise ERROR_CLASSES[error](last_error(machine) or f"the machine failed: {error.name.lower()}")


def check(code: int, machine: CData = ffi.NULL) -> int:
    """Return a result that is not negative; raise what a negative one stands for."""
    if code < 0:
        raise_error(code, machine)
    return code


@lru_cache(maxsize=1)
def calibrate() -> EngineReport:
    """Examine the engine and say what was found, also when it is not what we know.

    Done once a process, before any machine: the extension keeps what it found.
    """
    report = ffi.new("struct engine_report *")
    code = lib.engine_calibrate(report)
    version = f"{report.version_major}.{report.version_minor}.{report.version_patch}"
    text = ffi.string(report.text).decode("utf-8", "replace")
    return EngineReport(
        version=version,
        environment_offset=report.environment_offset,
        calibrated=code == 0 and report.calibrated == 1,
        text=text or (last_error(ffi.NULL) if code != 0 else ""),
    )


def require_engine() -> EngineReport:
    """Refuse to go on with an engine that is not the one we know."""
    report = calibrate()
    if not report.calibrated:
        raise EngineError(
            f"the engine is not the one that this build was made for: {report.text}",
            "run `ultravisor doctor`; the exact version of unicorn is pinned in pyproject.toml",
        )
    return report
