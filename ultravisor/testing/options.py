# SPDX-License-Identifier: GPL-2.0-or-later
"""The pytest plugin's options.

Owns their names, and the reading of their values. Imports nothing heavy: pytest loads it
with the plugin, in every run.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.configuration import MonitorName


def add_options(parser: pytest.Parser) -> None:
    """Make the options known to pytest."""
    group = parser.getgroup("ultravisor", "guests under test")
    group.addoption(
        "--ultravisor-build",
        choices=("native", "simulated", "both"),
        help="the build of the monitor under which guests are tested",
    )
    parser.addini(
        "ultravisor_build",
        "the same: native (the default), simulated or both",
        default="native",
    )
    parser.addini(
        "ultravisor_images",
        "globs, from the root folder, of images that are tests",
        type="args",
        default=[],
    )
    parser.addini(
        "ultravisor_cycles",
        "when an image that has not ended is a crash",
        default="",
    )


def wanted_builds(config: pytest.Config) -> tuple[MonitorName, ...]:
    """Return the builds of the monitor under which guests are tested."""
    from ultravisor.testing.runner import BUILDS

    given = str(config.getoption("--ultravisor-build") or config.getini("ultravisor_build"))
    if given == "both":
        return BUILDS
    if given not in BUILDS:
        raise pytest.UsageError(f"ultravisor_build: {given}: write native, simulated or both")
    return (given,)


def names_image(config: pytest.Config, path: Path) -> bool:
    """Say whether the setting of images names a file."""
    inside = path.is_relative_to(config.rootpath)
    return inside and any(path.relative_to(config.rootpath).match(glob) for glob in _globs(config))


def leads_to_image(config: pytest.Config, folder: Path) -> bool:
    """Say whether the setting of images names files somewhere below a folder."""
    if not folder.is_relative_to(config.rootpath):
        return False
    parts = folder.relative_to(config.rootpath).parts
    for glob in _globs(config):
        above = PurePath(glob).parts[:-1]
        named = zip(parts, above, strict=False)
        if len(parts) <= len(above) and all(PurePath(part).match(name) for part, name in named):
            return True
    return False


def _globs(config: pytest.Config) -> list[str]:
    return list(config.getini("ultravisor_images"))


def limit_cycles(config: pytest.Config) -> int:
    """Return when an image that has not ended is a crash."""
    from ultravisor.testing.limits import SCENARIO_LIMIT_CYCLES

    given = str(config.getini("ultravisor_cycles") or SCENARIO_LIMIT_CYCLES).replace("_", "")
    if not given.isdecimal() or int(given) == 0:
        raise pytest.UsageError(f"ultravisor_cycles: {given}: write a number of cycles")
    return int(given)
