# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor timing evaluate`: a core's error on published measurements.

Owns how the figures are shown, and the schema "ultravisor.timing.evaluate/1";
ultravisor.timing.evaluation predicts and ultravisor.timing.accuracy compares.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click


@click.command(
    "evaluate",
    help="""Predict every block of a file of measurements, and print the error.

\b
Examples:
  ultravisor timing evaluate measured.csv
  ultravisor timing evaluate measured.csv --core haswell --json

FILE has rows `hex,cycles`: machine code, and the cycles measured for 100 iterations, as
the BHive suite publishes them. Blocks run in the state of that suite's harness. All rows
count: one with an instruction that no table knows is in error by 100 %.

\b
Exit codes: 0 done, 2 wrong use, 3 not such a file, 6 no such file or core.
""",
)
@click.argument("file", metavar="FILE")
@click.option("--core", default="skylake", show_default=True, help="Which core to model.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(file: str, core: str, as_json: bool) -> int:
    """Evaluate and show."""
    from ultravisor.timing.accuracy import accuracy, read_measurements
    from ultravisor.timing.evaluation import predict_all

    blocks = read_measurements(Path(file))
    begin = time.perf_counter()
    predicted = list(predict_all(core, blocks))
    seconds = time.perf_counter() - begin
    found = accuracy(predicted)
    speed = len(blocks) / seconds
    if as_json:
        print(
            json.dumps(
                {
                    "schema": "ultravisor.timing.evaluate/1",
                    "core": core,
                    "blocks": found.blocks,
                    "unsupported": found.unsupported,
                    "mape_percent": round(found.mape_percent, 4),
                    "median_percent": round(found.median_percent, 4),
                    "kendall_tau": round(found.kendall_tau, 6),
                    "blocks_per_second": round(speed, 1),
                }
            )
        )
        return 0
    print(f"{core}: {found.blocks} blocks, {found.unsupported} not supported")
    print(f"mean absolute error  {found.mape_percent:.2f} %")
    print(f"median error         {found.median_percent:.2f} %")
    print(f"Kendall's tau        {found.kendall_tau:.3f}")
    print(f"speed                {speed:.0f} blocks a second (measured)")
    return 0
