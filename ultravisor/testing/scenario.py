# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios: images that are tests, found and read before any of them runs.

Owns how a person names them: a file, a folder of images, or a bundled set. Called by
`ultravisor test` and by the pytest plugin; it must not run anything.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ultravisor.errors import NotFoundError, UsageError
from ultravisor.machine.abi import StopReason
from ultravisor.machine.image import Image, read_image
from ultravisor.resolution import BUNDLED, NOT_GUESTS, bundled_names
from ultravisor.testing.note import read_note

if TYPE_CHECKING:
    from collections.abc import Sequence

IMAGE_SUFFIX = ".elf"
# `example`, or `example/traps`.
_BARE = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)?")
_WIDTH = re.compile(r"_(?:32|64)$")


@dataclass(frozen=True, slots=True)
class Scenario:
    """An image that can be run as a test."""

    name: str
    """Where it is from, without suffix and width: `hostile/pin_twice`."""
    image: Image
    sentence: str
    """What it tests; empty for an image without a scenario's note."""
    expected_stop: StopReason
    """NONE: it ends with a verdict."""
    expected_vector: int

    @property
    def width(self) -> int:
        """Return the width of its code."""
        return self.image.width

    @property
    def expectation(self) -> str:
        """Return how it means to end, in words."""
        if self.expected_stop == StopReason.NONE:
            return "a verdict"
        vector = f", vector {self.expected_vector}" if self.expected_vector else ""
        return f"stop: {self.expected_stop.name.lower()}{vector}"


def find_scenarios(arguments: Sequence[str]) -> list[Scenario]:
    """Return what the arguments of `test` name, each once, in their order."""
    if not arguments:
        raise UsageError("nothing to test", "name an image, a folder of images or a set")
    paths = [path for argument in arguments for path in find_images(argument)]
    return [read_scenario(path) for path in dict.fromkeys(paths)]


def find_images(argument: str) -> list[Path]:
    """Return the images that one argument names: a file's, a folder's or a bundled set's."""
    path = Path(argument)
    if path.is_file():
        return [path]
    found = _images_in(path) or _bundled(argument)
    if found:
        return found
    if path.is_dir():
        raise NotFoundError(f"{argument}: no image is there", f"images end in {IMAGE_SUFFIX}")
    raise _not_found(argument)


def bundled_sets() -> list[str]:
    """Return the names of the bundled sets, sorted."""
    return sorted({path.parent.name for path in BUNDLED.glob(f"*/*{IMAGE_SUFFIX}")})


def read_scenario(path: Path) -> Scenario:
    """Read and check one image and its note."""
    image = read_image(path)
    note = read_note(image)
    return Scenario(
        name=scenario_name(path),
        image=image,
        sentence=note.sentence if note is not None else "",
        expected_stop=note.expected_stop if note is not None else StopReason.NONE,
        expected_vector=note.expected_vector if note is not None else 0,
    )


def scenario_name(path: Path) -> str:
    """Return what tables call an image."""
    if path.is_absolute() and path.is_relative_to(BUNDLED):
        path = path.relative_to(BUNDLED)
    return _WIDTH.sub("", path.with_suffix("").as_posix())


def _images_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob(f"*{IMAGE_SUFFIX}") if path.stem not in NOT_GUESTS)


def _bundled(argument: str) -> list[Path]:
    """Return the images of a bundled set, or one bundled image in every width it has."""
    if not _BARE.fullmatch(argument):
        return []
    path = BUNDLED / argument
    one = [path.with_name(f"{path.name}{width}{IMAGE_SUFFIX}") for width in ("", "_32", "_64")]
    wanted = [file for file in one if file.is_file() and file.stem not in NOT_GUESTS]
    return _images_in(path) or wanted


def _not_found(argument: str) -> NotFoundError:
    candidates = [*bundled_sets(), *bundled_names(IMAGE_SUFFIX)]
    close = difflib.get_close_matches(argument, candidates, 1)
    hint = f"did you mean `{close[0]}`?" if close else f"sets: {', '.join(bundled_sets())}"
    return NotFoundError(f"{argument}: no such file, and no bundled set has that name", hint)
