# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor create|start|pause|resume|reset|destroy|kill`: a partition's life, by orders.

Owns the verbs, which differ in their order and their sentence only. Each order goes to the
command partition, which makes a transaction of it; what is printed is its answer.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.living import living_options, print_json

if TYPE_CHECKING:
    from ultravisor.life.protocol import OrderName

CODES = """
\b
Exit codes: 0 done, 2 several hosts live or the order is not possible now,
4 refused by policy, 5 conflict, 6 no such host or partition.
"""


def _ask(
    order: OrderName, partition: str, host: str | None, definition: dict[str, Any] | None = None
) -> dict[str, Any]:
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Order

    with connect(host) as client:
        request = Order(order=order, partition=partition, definition=definition)
        answer: dict[str, Any] = client.ask(request)
        return answer


def _report(order: str, partition: str, answer: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print_json({"schema": "ultravisor.order/1", "order": order, **answer})
    else:
        print(f"{partition}: {answer['state']} (generation {answer['generation']})")
    return 0


def _order(name: OrderName, summary: str, more: str = "") -> click.Command:
    """Return the verb of an order that takes a partition and nothing else."""

    @click.command(
        name,
        help=f"""{summary}

\b
Examples:
  ultravisor {name} hello
  ultravisor {name} hello --json
{more}
{CODES}""",
    )
    @click.argument("partition")
    @living_options
    def command(partition: str, host: str | None, as_json: bool) -> int:
        answer = _ask(name, partition, host)
        return _report(name, partition, answer, as_json=as_json)

    return command


start = _order("start", "Start a partition that is ready.")
pause = _order("pause", "Take a running partition off its processors; its state stays.")
resume = _order("resume", "Let a paused partition go on.")
reset = _order(
    "reset",
    "Lay a partition's image into its memory again, and start it.",
    "\nWhat it had in memory is scrubbed; its resources stay its own.\n",
)
destroy = _order(
    "destroy",
    "Take everything from a partition, and forget it.",
    "\nIts memory is scrubbed before anybody else gets it. A running one is stopped first.\n",
)
kill = _order("kill", "Stop a partition at once; it stays, to be looked at, reset or destroyed.")


@click.command(
    "create",
    help=f"""Make a partition, and start it.

\b
Examples:
  ultravisor create second --image hello
  ultravisor create third --file examples/two-processors.toml --no-start

What is not given comes from the image's note and the policies.
{CODES}""",
)
@click.argument("partition")
@click.option("--image", help="An ELF image, or the name of a bundled one.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A configuration; its [[partition]] of that name is taken, or its only one.",
)
@click.option("--memory", "memory_mib", type=click.IntRange(1), metavar="MIB", help="Memory.")
@click.option("--start/--no-start", default=True, show_default=True, help="Whether to start it.")
@living_options
def create(partition: str, *, start: bool, host: str | None, as_json: bool, **given: Any) -> int:
    """Read the definition, send it."""
    definition = _definition(partition, given["image"], given["path"])
    if given["memory_mib"] is not None:
        definition["memory_mib"] = given["memory_mib"]
    definition["wanted"] = "running" if start else "stopped"
    answer = _ask("create", partition, host, definition)
    return _report("create", partition, answer, as_json=as_json)


def _definition(partition: str, image: str | None, path: Path | None) -> dict[str, Any]:
    """Return what the partition is to be: what a policy's [[domain]] says."""
    from ultravisor.errors import UsageError

    if image is not None and path is None:
        return {"image": _found(image, None)}
    if path is None or image is not None:
        raise UsageError("give either --image or --file")
    definition = _row(path, partition)
    definition["image"] = _found(str(definition.get("image", "")), path)
    processors = definition.pop("processors", None)
    if processors is not None:
        definition["processors"] = len(processors) if isinstance(processors, list) else processors
    for name in ("name", "quantum_cycles"):
        definition.pop(name, None)
    return definition


def _row(path: Path, name: str) -> dict[str, Any]:
    """Return the [[partition]] of a name in a configuration, or the only one in it."""
    from ultravisor.errors import ConfigurationError

    try:
        rows = tomllib.loads(path.read_text("utf-8")).get("partition", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
        raise ConfigurationError(f"{path}: {failure}") from None
    named = [row for row in rows if row.get("name") == name] or rows
    if len(named) != 1:
        raise ConfigurationError(
            f"{path}: no [[partition]] is named `{name}`, and it holds {len(rows)}",
            "name one of them",
        )
    found: dict[str, Any] = dict(named[0])
    return found


def _found(image: str, path: Path | None) -> str:
    """Return the image as the host finds it, whose folder may be another."""
    from ultravisor.life.life_plan import absolute_image

    where = path.parent / image if path is not None and (path.parent / image).exists() else image
    return absolute_image(str(where))
