# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor db init`: a journal for a host that has nothing yet.

Owns the verb's options; ultravisor.resources owns the file.
"""

from __future__ import annotations

from pathlib import Path

import click

FRAMES_A_MIB = 256


@click.command(
    "init",
    help="""Make a journal for a host that has nothing yet.

\b
Examples:
  ultravisor db init host.journal
  ultravisor db init host.journal --memory 256 --processors 2

\b
Exit codes: 0 made, 2 there is such a file, 3 it cannot be written.
""",
)
@click.argument("journal", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--memory", type=click.IntRange(1), default=64, show_default=True, help="MiB of the machine."
)
@click.option(
    "--processors", type=click.IntRange(1), default=1, show_default=True, help="Of the machine."
)
def command(journal: Path, memory: int, processors: int) -> int:
    """Make it."""
    from ultravisor.errors import OutputError
    from ultravisor.resources.database import ResourceDatabase
    from ultravisor.resources.file_journal import FileJournal
    from ultravisor.resources.records import MachineDescription

    if journal.exists():
        raise OutputError(f"{journal}: exists already", "name a new file")
    machine = MachineDescription(frame_count=memory * FRAMES_A_MIB, processor_count=processors)
    ResourceDatabase.open(FileJournal.open(journal), machine).close()
    print(f"{journal}: {memory} MiB, {processors} processors, generation 0")
    return 0
