# SPDX-License-Identifier: GPL-2.0-or-later
"""What the verbs of `db` share: the journal that they read, and how they show records.

Owns the options `--journal`, `--host`, `--at` and `--json` of these verbs, the copy of a living
host's journal, and the forms of records and changes.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ultravisor.resources.changes import Change
    from ultravisor.resources.database import ResourceDatabase
    from ultravisor.resources.queries import Queries
    from ultravisor.resources.records import Record
    from ultravisor.resources.tables import Table

Function = TypeVar("Function", bound="Callable[..., Any]")
at_option = click.option(
    "--at", type=click.IntRange(0), metavar="GENERATION", help="A generation of the past."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON lines, nothing else."
)


def journal_option(function: Function) -> Function:
    """Give a verb `--journal` and `--host`; it is called with the path of a journal either way."""

    @click.option("--host", metavar="NAME", help="Which living host; by default the only one.")
    @click.option(
        "--journal",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="The journal of a host that does not run; without it, a living host is asked.",
    )
    @wraps(function)
    def command(*, journal: Path | None, host: str | None, **given: Any) -> Any:
        from ultravisor.errors import UsageError

        if journal is None:
            with fetched_journal(host) as copy:
                return function(journal=copy, **given)
        if host is not None:
            raise UsageError("give either --journal FILE or --host NAME")
        return function(journal=journal, **given)

    return cast("Function", command)


@contextmanager
def fetched_journal(host: str | None) -> Iterator[Path]:
    """Let a living host copy its journal to a file that is gone again afterwards."""
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Journal

    with TemporaryDirectory(prefix="ultravisor-") as folder, connect(host) as client:
        path = Path(folder) / f"{client.place.name}.journal"
        client.ask(Journal(path=str(path)))
        yield path


def open_database(path: Path) -> ResourceDatabase:
    """Return what a journal says, without changing the file; print what is torn."""
    from ultravisor.errors import NotFoundError
    from ultravisor.resources.database import ResourceDatabase
    from ultravisor.resources.file_journal import FileJournal

    if not path.exists():
        raise NotFoundError(f"{path}: no such journal", "`ultravisor db init` makes one")
    journal = FileJournal.open(path, read_only=True)
    if journal.notice:
        print(journal.notice, file=sys.stderr)
    return ResourceDatabase.open(journal)


def open_state(path: Path, at: int | None) -> Queries:
    """Return the state of a journal, or that of a generation of its past."""
    database = open_database(path)
    return database if at is None else database.at(at)


def fields_of(record: Record) -> dict[str, Any]:
    """Return a record's fields as JSON has them; a partition's descriptor is named too."""
    import msgspec

    from ultravisor.resources.records import Partition

    fields: dict[str, Any] = msgspec.to_builtins(record)
    if isinstance(record, Partition):
        fields["descriptor"] = record.descriptor
    return fields


def _readable_fields(record: Record) -> dict[str, Any]:
    """Return a record's fields for people: of bytes, how many there are."""
    fields = fields_of(record)
    for name in fields:
        value = getattr(record, name)
        if isinstance(value, bytes):
            fields[name] = f"{len(value)} bytes"
    return fields


def key_of(table: Table, words: tuple[str, ...]) -> tuple[int | str, ...]:
    """Return the key that words name; raise UsageError."""
    from typing import get_type_hints

    from ultravisor.errors import UsageError

    hints = get_type_hints(table.record)
    if len(words) != len(table.key):
        raise UsageError(
            f"table {table.name}: {len(words)} words of a key, it has {len(table.key)}: "
            f"{', '.join(table.key)}"
        )
    try:
        return tuple(
            int(word) if hints[column] is int else word
            for column, word in zip(table.key, words, strict=True)
        )
    except ValueError:
        raise UsageError(
            f"table {table.name}: `{' '.join(words)}`: the key is {' '.join(table.key)}, "
            "in numbers",
            f"`ultravisor db ls {table.name}` lists its records",
        ) from None


def print_records(records: Iterable[Record], columns: Iterable[str]) -> None:
    """Print records as a table."""
    from rich.console import Console

    from ultravisor.cli.table_form import make_table, width_columns

    names = list(columns)
    table = make_table(*((name, False) for name in names))
    for record in records:
        fields = _readable_fields(record)
        table.add_row(*(_shown(fields[name]) for name in names))
    # Records are for grep as well: no line is folded.
    width = max(width_columns(table), 1)
    Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False).print(table)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return json.dumps(value) if isinstance(value, list) else str(value)


def change_fields(change: Change) -> dict[str, Any]:
    """Return a change as JSON has it."""
    return {
        "table": change.table,
        "key": list(change.key),
        "before": None if change.before is None else fields_of(change.before),
        "after": None if change.after is None else fields_of(change.after),
    }


def print_commits(commits: Iterable[tuple[int, tuple[Change, ...]]], *, as_json: bool) -> None:
    """Print commits, a line for each change; in JSON a line for each commit."""
    for generation, changes in commits:
        if as_json:
            rows = [change_fields(change) for change in changes]
            print(json.dumps({"generation": generation, "changes": rows}), flush=True)
        else:
            for change in changes:
                print(f"{generation} {change_line(change)}", flush=True)


def change_line(change: Change) -> str:
    """Return a change as a line: its sign, its record, and which fields changed."""
    key = " ".join(map(str, change.key))
    before, after = (
        None if record is None else _readable_fields(record)
        for record in (change.before, change.after)
    )
    if before is None:
        assert after is not None
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in after.items())
        return f"+ {change.table} {key}: {shown}"
    if after is None:
        return f"- {change.table} {key}"
    shown = ", ".join(
        f"{name} {_shown(before[name])} -> {_shown(after[name])}"
        for name in before
        if before[name] != after[name] and name != "version"
    )
    return f"~ {change.table} {key}: {shown or 'what belongs to it'}"
