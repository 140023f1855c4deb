# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor timing speed`: how fast a core runs, without a machine around it.

Owns how the figure is shown, and the schema "ultravisor.timing.speed/1";
ultravisor.timing.speed measures it.
"""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command(
    "speed",
    help="""Run every block of a file as a loop, and print instructions a second.

\b
Examples:
  ultravisor timing speed measured.csv
  ultravisor timing speed measured.csv --core haswell --json

FILE has rows `hex,cycles`, as for `timing evaluate`. Caches, translation and prediction
are on; decoding and the engine are not counted.

\b
Exit codes: 0 done, 2 wrong use, 3 not such a file, 6 no such file or core.
""",
)
@click.argument("file", metavar="FILE")
@click.option("--core", default="skylake", show_default=True, help="Which core to model.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(file: str, core: str, as_json: bool) -> int:
    """Measure and show."""
    from ultravisor.timing.accuracy import read_measurements
    from ultravisor.timing.speed import measure_speed

    found = measure_speed(core, read_measurements(Path(file)))
    if as_json:
        print(
            json.dumps(
                {
                    "schema": "ultravisor.timing.speed/1",
                    "core": core,
                    "basis": "measured",
                    "blocks": found.blocks,
                    "instructions": found.instructions,
                    "cpu_seconds": round(found.seconds, 6),
                    "instructions_per_second": round(found.instructions_per_second),
                }
            )
        )
        return 0
    millions = found.instructions_per_second / 1e6
    print(f"{core}: {millions:.1f} million instructions a second (measured on this host)")
    return 0
