# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots hosts for a test, and ends them with it.

Owns the settings that a test may give, and where images are looked for. The pytest
plugin's `host` fixture is one of these.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import msgspec

from ultravisor.configuration import Configuration, PartitionConfiguration
from ultravisor.configuration_check import check_configuration
from ultravisor.errors import UsageError
from ultravisor.host import Host
from ultravisor.plan import make_plan
from ultravisor.resolution import override, resolve
from ultravisor.supervised_host import SupervisedHost
from ultravisor.testing.booted_host import BootedHost

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.configuration import ClockName, MonitorName, RightName
    from ultravisor.machine.cores import TimingName


class BootSettings(TypedDict, total=False):
    """What a test may set; what it does not set is as for `ultravisor boot`."""

    build: MonitorName
    """Which build of the monitor runs."""
    timing: TimingName
    clock: ClockName
    """What slots and timers run by: guest work, or the monitor's too."""
    seed: int
    memory_mib: int
    """Of the partition; needs a host with one."""
    command_line: str
    processors: tuple[int, ...]
    """The physical processor of each virtual one."""
    rights: tuple[RightName, ...]
    supervise: bool
    """False: in this process, which an abort of the engine would end."""


HOST_SETTINGS = {"build": "monitor", "timing": "timing", "clock": "clock", "seed": "seed"}
PARTITION_SETTINGS = ("memory_mib", "command_line", "processors", "rights")


class HostFactory:
    """Boots as many hosts as a test wants; `close` ends them all."""

    def __init__(
        self, folder: Path, replay_folder: Callable[[], Path], build: MonitorName = "native"
    ) -> None:
        """Look for images below `folder` too; ask for a new folder for what a failure leaves."""
        self._folder = folder
        self._replay_folder = replay_folder
        self._build = build
        self._hosts: list[BootedHost] = []

    def boot(
        self, *images: str | Path | Configuration, **settings: Unpack[BootSettings]
    ) -> BootedHost:
        """Boot images, configurations or bundled ones as one host; it has not run yet."""
        configuration = self._configuration(images, settings)
        plan = make_plan(configuration)
        kind = SupervisedHost if settings.get("supervise", True) else Host
        host = BootedHost(kind(plan), self._replay_folder)
        self._hosts.append(host)
        return host

    def close(self) -> None:
        """End all hosts."""
        while self._hosts:
            self._hosts.pop().close()

    def _configuration(
        self, images: tuple[str | Path | Configuration, ...], settings: BootSettings
    ) -> Configuration:
        _require_known(settings)
        given: dict[str, object] = {"build": self._build, **settings}
        host = {theirs: given.get(ours) for ours, theirs in HOST_SETTINGS.items()}
        if len(images) == 1 and isinstance(images[0], Configuration):
            configuration = override(images[0], **host)
        else:
            names = [self._find(image) for image in images]
            configuration = resolve(names, **host)
        partition = {name: given[name] for name in PARTITION_SETTINGS if name in given}
        return _with_partition(configuration, partition) if partition else configuration

    def _find(self, image: str | Path | Configuration) -> str:
        """Return an image's path or name; what is not found here may be below the folder."""
        if isinstance(image, Configuration):
            raise UsageError("a configuration is a whole host", "boot it alone")
        below = self._folder / image
        return str(below) if not Path(image).exists() and below.is_file() else str(image)


def _require_known(settings: BootSettings) -> None:
    known = BootSettings.__annotations__
    for name in settings:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(known)}"
            raise UsageError(f"a boot has no setting `{name}`", hint)


def _with_partition(configuration: Configuration, settings: dict[str, object]) -> Configuration:
    """Return the configuration with settings of its only partition."""
    if len(configuration.partition) != 1:
        names = ", ".join(settings)
        raise UsageError(f"{names}: the host has several partitions", "write a configuration")
    fields = {**msgspec.structs.asdict(configuration.partition[0]), **settings}
    try:
        partition = msgspec.convert(fields, PartitionConfiguration)
    except msgspec.ValidationError as failure:
        raise UsageError(f"partition: {failure}") from None
    changed = msgspec.structs.replace(configuration, partition=(partition,))
    check_configuration(changed, "boot")
    return changed
