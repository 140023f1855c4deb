# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor policy explain`: which rule decides what.

Owns the form, and the schema "ultravisor.policy-explain/1"; ultravisor.partitions.explanation says
what is decided.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.terminal import paint, printable
from ultravisor.errors import UsageError

if TYPE_CHECKING:
    from ultravisor.partitions.explanation import Explanation


@click.command(
    "explain",
    help="""Say what a policy decides of its domains and channels, and by which rule.

\b
Examples:
  ultravisor policy explain examples/policy.toml
  ultravisor policy explain examples/policy.toml --domain web --processors 2 --memory 512 --json

Several FILEs are one policy. With --processors and --memory, the resource agents place the domains
on an empty host of that size, in the order of their priorities.

\b
Exit codes: 0 all accepted, 1 something is refused, 2 usage, 3 a file is wrong, 6 not found.
""",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--domain", "domains", multiple=True, metavar="NAME", help="Only these; repeatable.")
@click.option("--processors", type=click.IntRange(1, 8), help="Physical processors of the host.")
@click.option("--memory", "memory_mib", type=click.IntRange(64, 8192), help="Its memory, in MiB.")
@click.option("--device", "devices", multiple=True, metavar="NAME", help="A device that it has.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(
    files: tuple[str, ...],
    domains: tuple[str, ...],
    processors: int | None,
    memory_mib: int | None,
    devices: tuple[str, ...],
    as_json: bool,
) -> int:
    """Explain, and return 1 when anything is refused."""
    from ultravisor.partitions.explanation import empty_host, explain
    from ultravisor.partitions.policy_reader import load_policy
    from ultravisor.resolution import policy_paths

    if (processors is None) != (memory_mib is None):
        raise UsageError("--processors and --memory go together", "give both, or none")
    host = None
    if processors is not None and memory_mib is not None:
        host = empty_host(processors, memory_mib, devices)
    elif devices:
        raise UsageError("--device needs a host", "give --processors and --memory too")
    found = explain(load_policy(policy_paths(files)), domains, host)
    if as_json:
        print(json.dumps(_object(found), ensure_ascii=False))
    else:
        for explanation in found:
            _show(explanation)
    return 0 if all(explanation.accepted for explanation in found) else 1


def _object(found: tuple[Explanation, ...]) -> dict[str, Any]:
    return {
        "schema": "ultravisor.policy-explain/1",
        "accepted": all(explanation.accepted for explanation in found),
        "explanations": [
            {
                "noun": explanation.noun,
                "name": explanation.name,
                "accepted": explanation.accepted,
                "reasons": [
                    {"question": row.question, "rule": row.rule, "sentence": row.sentence}
                    for row in explanation.reasons
                ],
            }
            for explanation in found
        ],
    }


def _show(explanation: Explanation) -> None:
    verdict = "accepted" if explanation.accepted else "refused"
    colour = "green" if explanation.accepted else "red"
    print(f"{explanation.noun} {explanation.name}: {paint(verdict, colour, sys.stdout)}")
    for reason in explanation.reasons:
        print(f"  {reason.question}: {printable(reason.sentence)}")
        print(f"      by {printable(reason.rule)}")
