# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor policy check`: whether the files of a policy are right.

Owns the form, and the schema "ultravisor.policy-check/1"; ultravisor.partitions.policy_reader finds
what is wrong.
"""

from __future__ import annotations

import json

import click


@click.command(
    "check",
    help="""Read policy files as one policy, and say what it holds.

\b
Examples:
  ultravisor policy check examples/policy.toml
  ultravisor policy check examples/policy.toml examples/domains.toml --json

What is wrong is told with file, line and key.

\b
Exit codes: 0 right, 3 something is wrong, 6 no such file.
""",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(files: tuple[str, ...], as_json: bool) -> int:
    """Read and check, and count what was read."""
    from ultravisor.partitions.policy import Policy
    from ultravisor.partitions.policy_reader import load_policy
    from ultravisor.resolution import policy_paths

    policy = load_policy(policy_paths(files)).policy
    counts = {table: len(getattr(policy, table)) for table in Policy.__struct_encode_fields__}
    if as_json:
        print(json.dumps({"schema": "ultravisor.policy-check/1", "records": counts}))
        return 0
    words = ", ".join(f"{count} {table}" for table, count in counts.items() if count)
    print(f"right: {words or 'empty'}")
    return 0
