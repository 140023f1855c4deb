# SPDX-License-Identifier: GPL-2.0-or-later
"""A recorded life, lived again for a person.

Owns what `replay` prints of it, and the schema "ultravisor.life-replay/1". Called by the verb.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ultravisor.cli.console_printer import ConsolePrinter
from ultravisor.cli.living import print_json
from ultravisor.errors import RecordError

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.life.life_record import LifeRecord, LifeResult
    from ultravisor.results import ConsoleOutput


def replay_life(path: Path, *, verify: bool, as_json: bool, supervise: bool) -> int:
    """Replay a record, compare, say so; return the exit code."""
    from ultravisor.life.life_record import differences, read_life_record
    from ultravisor.life.replay import replay, supervised_replay

    record = read_life_record(path)
    if verify and record.result is None:
        message = f"{path}: the recorded life came to no result ({record.failure or 'unknown'})"
        raise RecordError(message, "replay it without --verify")
    printer = ConsolePrinter([row.name for row in record.origin.policy.policy.domain], sys.stdout)
    shown = not verify and not as_json

    def show(output: ConsoleOutput) -> None:
        if shown:
            printer.write(output)

    result = (supervised_replay if supervise else replay)(record, show)
    printer.finish()
    found = [] if record.result is None else differences(record.result, result)
    (_print_json if as_json else _print_text)(record, result, found)
    return 1 if found else 0


def _print_json(record: LifeRecord, result: LifeResult, found: list[str]) -> None:
    import msgspec

    compared = record.result is not None
    print_json(
        {
            "schema": "ultravisor.life-replay/1",
            "compared": compared,
            "equal": not found if compared else None,
            "differences": found,
            "inputs": len(record.inputs),
            "position_cycles": record.position_cycles,
            "result": msgspec.to_builtins(result),
        }
    )


def _print_text(record: LifeRecord, result: LifeResult, found: list[str]) -> None:
    for difference in found:
        print(f"differs: {difference}")
    lived = f"{record.position_cycles:,} cycles with {len(record.inputs):,} inputs"
    if record.result is None:
        print(f"nothing to compare with: the recorded life came to no result; lived {lived}")
    elif not found:
        print(
            f"equal: {lived}; machine, database at generation {result.generation} "
            f"and {len(result.consoles)} consoles as recorded"
        )
