# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor timing`: cycles of a piece of code, and how far they are from measurements.

Owns the group only: predicting and evaluating are a module each.
"""

from __future__ import annotations

import click

from ultravisor.cli.lazy import LazyGroup, Verb

VERBS = {
    "predict": Verb("ultravisor.cli.timing_predict", "Say what a piece of code costs, and why."),
    "speed": Verb("ultravisor.cli.timing_speed", "Measure how fast a core runs on this host."),
    "evaluate": Verb("ultravisor.cli.timing_evaluate", "Compare with published measurements."),
}


@click.group(
    "timing",
    cls=LazyGroup,
    verbs=VERBS,
    help="""Use the cycle-level cores on their own, without a machine.

\b
Examples:
  ultravisor timing predict --hex 4801d84801d8 --core skylake
  ultravisor timing evaluate measured.csv --core haswell --json

Every figure printed is modelled, unless it says that it was measured.
""",
)
def command() -> None:
    """Hold the two together."""
