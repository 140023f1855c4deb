# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections to SQLite in memory: made, copied, turned into a snapshot and back.

Owns how SQLite is set up. It knows the schema, and none of the rules.
"""

from __future__ import annotations

import apsw

from ultravisor.resources.schema import TABLE_STATEMENTS, TRIGGER_STATEMENTS
from ultravisor.resources.store import STATEMENT_COUNT
from ultravisor.resources.tables import TABLES


def _connect() -> apsw.Connection:
    connection = apsw.Connection(":memory:", statementcachesize=STATEMENT_COUNT)
    # Without this, SQLite prepares a statement again for every new value of a binding that a
    # partial index might care about: fifty times the cost of running it.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def new_connection() -> apsw.Connection:
    """Return an empty database with all tables, and no triggers yet."""
    connection = _connect()
    for statement in TABLE_STATEMENTS:
        connection.execute(statement)
    return connection


def bring_to_life(connection: apsw.Connection) -> None:
    """Turn triggers and references on, after a replay."""
    for statement in TRIGGER_STATEMENTS:
        connection.execute(statement)
    connection.execute("PRAGMA foreign_keys = ON")
    # What a commit asks is made to use indexes that exist.
    connection.execute("PRAGMA automatic_index = OFF")


def copy_of(connection: apsw.Connection) -> apsw.Connection:
    """Return a copy without triggers and references, to apply changesets to."""
    copy = _connect()
    copy.deserialize("main", connection.serialize("main"))
    names = copy.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for (name,) in names:
        copy.execute(f"DROP TRIGGER {name}")
    return copy


def snapshot_of(connection: apsw.Connection) -> bytes:
    """Return all records as a changeset of an empty database."""
    connection.execute("ATTACH ':memory:' AS empty")
    try:
        for statement in TABLE_STATEMENTS:
            if statement.startswith("CREATE TABLE"):
                connection.execute(statement.replace("CREATE TABLE ", "CREATE TABLE empty.", 1))
        session = apsw.Session(connection, "main")
        for table in TABLES:
            session.attach(table)
            session.diff("empty", table)
        snapshot = session.changeset()
        session.close()
    finally:
        connection.execute("DETACH empty")
    return snapshot
