# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor inspect`: all that is known of a partition, or of the host.

Owns the form for a person; --json prints the host's own record, schema "ultravisor.inspect/1".
"""

from __future__ import annotations

from typing import Any

import click

from ultravisor.cli.living import living_options, print_fields, print_json


@click.command(
    "inspect",
    help="""Show all that is known of a partition, or without one of the host.

\b
Examples:
  ultravisor inspect
  ultravisor inspect hello --json

\b
Exit codes: 0 shown, 2 several hosts live, 6 no such host or partition.
""",
)
@click.argument("partition", required=False)
@living_options
def command(partition: str | None, host: str | None, as_json: bool) -> int:
    """Ask, and print."""
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Inspect

    with connect(host) as client:
        found: dict[str, Any] = client.ask(Inspect(partition=partition))
    if as_json:
        print_json({"schema": "ultravisor.inspect/1", **found})
        return 0
    print_fields(_lines({**found.pop("row", {}), **found}))
    return 0


def _lines(found: dict[str, Any]) -> list[tuple[str, object]]:
    """Return what a record says, a line each; lists take one for each of their rows."""
    lines: list[tuple[str, object]] = []
    for name, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines += [(f"{name}[{index}]", _words(row)) for index, row in enumerate(value)]
        elif isinstance(value, dict):
            lines.append((name, _words(value)))
        elif isinstance(value, list):
            lines.append((name, ", ".join(str(part) for part in value)))
        else:
            lines.append((name, value))
    return lines


def _words(row: dict[str, Any]) -> str:
    return "  ".join(f"{name}={value}" for name, value in row.items())
