# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether this installation works, check by check.

Owns the checks; each returns instead of raising, and what could crash runs in a child
process. Called by `ultravisor doctor`.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from ultravisor.errors import EngineError, UltravisorError
from ultravisor.machine.supervised import Channel, ChannelClosed, Child
from ultravisor.partitions.policy_reader import load_policy
from ultravisor.plan import make_plan
from ultravisor.recording import versions
from ultravisor.resolution import (
    BUNDLED,
    MONITOR_NAMES,
    POLICY_SUFFIX,
    bundled_names,
    monitor_image,
    policy_paths,
    resolve,
)
from ultravisor.supervised_host import SupervisedHost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PYTHON_MINIMUM = (3, 11)
MEMORY_PROBE_BYTES = 1 << 30
GUESTS = ("hello", "hello_32")
REINSTALL = "install again: pip install --force-reinstall ultravisor (in a source tree: make)"


class Check(Struct, frozen=True):
    """One check: what was looked at, whether it is well, what was seen, what to do."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


class Calibration(Struct, frozen=True):
    """What the engine's calibration found."""

    version: str
    calibrated: bool
    text: str


def check_all() -> Iterator[Check]:
    """Yield every check as it is made; a failed one does not stop the others."""
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("python", _python),
        ("system", _system),
        ("packages", _packages),
        ("memory", _memory),
        ("engine", _engine),
        ("images", _images),
        ("boot native", lambda: _boot("native")),
        ("boot simulated", lambda: _boot("simulated")),
    ]
    for name, check in checks:
        try:
            yield check()
        except UltravisorError as failure:
            yield Check(name, False, failure.message, failure.hint)


def _python() -> Check:
    text = platform.python_version()
    wanted = ".".join(str(number) for number in PYTHON_MINIMUM)
    return Check("python", sys.version_info >= PYTHON_MINIMUM, text, f"install Python {wanted}")


def _system() -> Check:
    name, machine = platform.system(), platform.machine()
    ok = (name, machine) == ("Linux", "x86_64")
    return Check("system", ok, f"{name} {machine}", "use Linux on x86-64")


def _packages() -> Check:
    found = versions()
    detail = ", ".join(f"{name} {version}" for name, version in found.items())
    return Check("packages", "not installed" not in found.values(), detail, REINSTALL)


def _memory() -> Check:
    """Machine memory is a sparse file in memory; a gigabyte must be possible."""
    try:
        number = os.memfd_create("ultravisor-doctor")
        try:
            os.ftruncate(number, MEMORY_PROBE_BYTES)
        finally:
            os.close(number)
    except OSError as failure:
        advice = "allow memfd_create, and a gigabyte of address space (ulimit -v)"
        return Check("memory", False, f"memfd_create: {failure.strerror}", advice)
    return Check("memory", True, "memfd_create gives sparse memory")


def _engine() -> Check:
    calibration = _calibration()
    advice = "install the pinned version: pip install 'unicorn==2.1.3'"
    detail = f"unicorn {calibration.version}: {calibration.text}"
    return Check("engine", calibration.calibrated, detail, advice)


def _calibration() -> Calibration:
    """Calibrate in a child: an engine that is not the one we know may crash."""

    def serve(channel: Channel) -> None:
        from ultravisor.machine.native import calibrate

        report = calibrate()
        calibration = Calibration(report.version, report.calibrated, report.text)
        channel.send(msgspec.msgpack.encode(calibration))

    child = Child(serve)
    try:
        message = child.channel.receive()
    except ChannelClosed:
        raise EngineError(child.death().message, REINSTALL) from None
    child.close()
    return msgspec.msgpack.decode(message, type=Calibration)


def _images() -> Check:
    names = bundled_names(".elf")
    missing = _missing_images(names)
    if missing:
        advice = "build the images: make (an installed package has them)"
        return Check("images", False, f"missing in {BUNDLED}: {', '.join(missing)}", advice)
    for fpu in MONITOR_NAMES:
        monitor_image(fpu)
    return Check("images", True, ", ".join([*names, *MONITOR_NAMES.values()]))


def _missing_images(names: list[str]) -> list[str]:
    """Return the images that bundled configurations and policies name and that are not there."""
    needed = set(GUESTS)
    for name in bundled_names(".toml"):
        needed |= {row.image for row in resolve([name]).partition}
    for name in bundled_names(POLICY_SUFFIX):
        needed |= {row.image for row in load_policy(policy_paths([name])).policy.domain}
    return sorted(needed - set(names))


def _boot(monitor: str) -> Check:
    name = f"boot {monitor}"
    with SupervisedHost(make_plan(resolve(GUESTS, monitor=monitor))) as host:
        result = host.run()
    if result.exit.code != 0:
        reasons = [row.reason for row in result.partitions if row.exit_code != 0]
        reason = "; ".join(reason or result.exit.reason for reason in reasons)
        return Check(name, False, reason, "report this, with the output of --json")
    return Check(name, True, f"{', '.join(GUESTS)}: state hash {result.state_hash}")
