# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor check`: the instructions of an image that a guest must not use.

Owns how findings are shown, and the schema "ultravisor.check/1"; ultravisor.checker
finds them.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.completion import complete_images
from ultravisor.cli.terminal import paint, printable

if TYPE_CHECKING:
    from ultravisor.checker import CheckReport, Finding
    from ultravisor.machine.image import Image

COLOURS = {"sensitive": "magenta", "privileged": "yellow", "unsupported": "red"}


@click.command(
    "check",
    help="""List every sensitive, privileged and unsupported instruction of an image.

\b
Examples:
  ultravisor check hello
  ultravisor check pingpong smp --json

IMAGE is an ELF image, or the name of a bundled one. The code is followed from the entry
and the function symbols; what nothing leads to is not looked at, but counted.

\b
Exit codes: 0 nothing found, 1 something found, 3 not an image, 6 no such file.
""",
)
@click.argument(
    "images", nargs=-1, required=True, metavar="IMAGE...", shell_complete=complete_images
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(images: tuple[str, ...], as_json: bool) -> int:
    """Check every image; return 1 when anything was found in one."""
    from ultravisor.checker import check_image
    from ultravisor.machine.image import read_image
    from ultravisor.resolution import find_image

    # All are read first: a name that is none is told before any report.
    found = [read_image(find_image(name)) for name in images]
    clean = True
    rows = []
    for name, image in zip(images, found, strict=True):
        report = check_image(image)
        clean = clean and not report.findings
        if as_json:
            rows.append(_row(name, image, report))
        else:
            _show(name, report)
    if as_json:
        report_object = {"schema": "ultravisor.check/1", "clean": clean, "images": rows}
        print(json.dumps(report_object, ensure_ascii=False))
    return 0 if clean else 1


def _row(name: str, image: Image, report: CheckReport) -> dict[str, Any]:
    return {
        "image": name,
        "sha256": image.sha256,
        "width": image.width,
        "executable_bytes": report.executable_bytes,
        "unreached_bytes": report.unreached_bytes,
        "findings": [
            {
                "address": f"{finding.address:#x}",
                "symbol": finding.symbol,
                "instruction": finding.instruction,
                "kind": finding.rule.kind,
                "case": finding.rule.case,
                "advice": finding.rule.advice,
            }
            for finding in report.findings
        ],
    }


def _show(name: str, report: CheckReport) -> None:
    for finding in report.findings:
        _show_finding(name, finding)
    count = len(report.findings)
    verdict = f"{count} finding{'' if count == 1 else 's'}" if count else "clean"
    colour = "red" if count else "green"
    print(
        f"{printable(name)}: {paint(verdict, colour, sys.stdout)}; {report.unreached_bytes} of "
        f"{report.executable_bytes} bytes of executable segments were not reached"
    )


def _show_finding(name: str, finding: Finding) -> None:
    place = f"{finding.address:#x}"
    if finding.symbol:
        place += f" ({printable(finding.symbol)})"
    kind = paint(finding.rule.kind, COLOURS[finding.rule.kind], sys.stdout)
    print(f"{printable(name)}: {place}: {kind}: {finding.instruction}")
    print(f"    {finding.rule.advice}")
