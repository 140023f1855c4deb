# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor topology`: a picture of a host, from its resource database.

Owns the verb's options; ultravisor.topology owns the data, topology_picture the drawing.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from ultravisor.cli.db_journal import at_option, journal_option


@click.command(
    "topology",
    help="""Draw a host: partitions, processors, memory, channels, devices and zones.

\b
Examples:
  ultravisor topology --output host.svg
  ultravisor topology --journal host.journal --at 3 --html --output host.html

Without --journal a living host is asked. Without --output the picture goes to stdout.

\b
Exit codes: 0 drawn, 2 no place for the file, 3 damaged, 6 no such host, journal or generation.
""",
)
@journal_option
@at_option
@click.option("--html", is_flag=True, help="A page of its own instead of an SVG.")
@click.option("--json", "as_json", is_flag=True, help="The same as data instead of a picture.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, instead of stdout.",
)
def command(journal: Path, at: int | None, html: bool, as_json: bool, output: Path | None) -> int:
    """Draw it."""
    from ultravisor.cli.db_journal import open_state
    from ultravisor.cli.output_file import OutputFile
    from ultravisor.errors import UsageError
    from ultravisor.topology import gather
    from ultravisor.topology_picture import draw, page

    if html and as_json:
        raise UsageError("give either --html or --json")
    host = gather(open_state(journal, at), journal.stem)
    if as_json:
        text = json.dumps({"schema": "ultravisor.topology/1", **host}) + "\n"
    elif html:
        text = page(host)
    else:
        text = draw(host)
    if output is None:
        click.echo(text, nl=False)
    else:
        OutputFile(output).write(text.encode())
    return 0
