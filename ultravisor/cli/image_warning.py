# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said before a boot of images that a guest's processor would not run right.

Owns the warning and the refusal. Called by the boot verb when images are read and
nothing has started.
"""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from ultravisor.checker import check_image
from ultravisor.cli.terminal import paint, printable
from ultravisor.errors import ImageError

if TYPE_CHECKING:
    from ultravisor.checker import CheckReport
    from ultravisor.plan import HostPlan

# A boot must not wait long for an image of many megabytes; `ultravisor check` has no limit.
LIMIT_INSTRUCTIONS = 100_000


def check_images(plan: HostPlan, *, refuse: bool) -> None:
    """Warn on standard error, a line an image; or raise ImageError for the first."""
    images = {partition.image.path: partition.image for partition in plan.partitions}
    for path, image in images.items():
        report = check_image(image, LIMIT_INSTRUCTIONS)
        sentence = _sentence(report)
        if not sentence:
            continue
        hint = f"see: ultravisor check {shlex.quote(path)}"
        if refuse:
            raise ImageError(f"{path}: {sentence}", hint)
        if report.findings:
            label = paint("warning:", "yellow", sys.stderr)
            print(f"{label} {printable(f'{path}: {sentence}; {hint}')}", file=sys.stderr)


def _sentence(report: CheckReport) -> str:
    """Return what is wrong; empty where nothing is."""
    count = len(report.findings)
    if count:
        what = "instruction that a guest" if count == 1 else "instructions that a guest"
        limit = "" if report.complete else f" among the first {LIMIT_INSTRUCTIONS}"
        return f"{count} {what} must not use{limit}"
    if not report.complete:
        return f"too large to be checked before a boot (above {LIMIT_INSTRUCTIONS} instructions)"
    return ""
