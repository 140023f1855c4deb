# SPDX-License-Identifier: GPL-2.0-or-later
"""Kills a process that commits, opens its journal again, and judges: many times.

Run as a program, so that it may fork: `python -m tests.unit.kill_cycles PATH COUNT SEED`. The
child commits transactions of two writes each, some in groups, now and then compacts, and
says through a pipe which generation is acknowledged. It is killed at a moment that the seed
says. Prints a line of JSON; a broken promise is an assertion.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

from tests.unit.resource_examples import MACHINE
from ultravisor.resources.database import ResourceDatabase
from ultravisor.resources.file_journal import FileJournal
from ultravisor.resources.records import Domain

GROUPS = (1, 1, 2, 5)
LONGEST_SECONDS = 0.03
# How many messages of the child are waited for before the time begins: none, that it is ready,
# and acknowledged commits, which a loaded machine would not come to in so short a time.
AWAITED = (0, 1, 2, 2, 3)
READY = bytes(8)


def commit_until_killed(path: Path, seed: int, acknowledged: int) -> None:
    """Commit for ever; write each acknowledged generation to the pipe."""
    choice = random.Random(seed)
    database = ResourceDatabase.open(FileJournal.open(path), MACHINE)
    os.write(acknowledged, READY)
    while True:
        for _ in range(choice.choice(GROUPS)):
            text = str(database.generation + 1)
            transaction = database.begin("command")
            transaction.set_domain("one", text)
            number = transaction.create_partition(f"p{text}")
            transaction.assign_memory(number, choice.randrange(1, 400))
            transaction.set_domain("other", text)
            if number > 2:
                transaction.destroy_partition(number - 2)
                transaction.destroy_partition(number)
            transaction.commit(int(text), sync=False)
        os.write(acknowledged, database.sync().to_bytes(8, "little"))
        if choice.random() < 0.05:
            database.compact(keep=choice.randrange(10))


def kill_once(path: Path, seed: int, seconds: float, awaited: int) -> int:
    """Start a child, kill it after a time; return the last generation it acknowledged.

    The time begins when so many of its messages have come.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            commit_until_killed(path, seed, writer)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(writer)
    said = b"".join(os.read(reader, len(READY)) for _ in range(awaited))
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child ended by itself"
    with os.fdopen(reader, "rb") as pipe:
        said += pipe.read()
    whole = len(said) // 8 * 8
    return int.from_bytes(said[whole - 8 : whole], "little") if whole else 0


def judge(path: Path, acknowledged: int) -> int:
    """Open the journal; return its generation. Nothing acknowledged is lost, nothing is half."""
    database = ResourceDatabase.open(FileJournal.open(path), MACHINE)
    generation = database.generation
    assert generation >= acknowledged, f"{acknowledged} was acknowledged, {generation} is there"
    for name in ("one", "other"):
        domain = database.find(Domain, name)
        found = 0 if domain is None else int(domain.definition)
        assert found == generation, f"domain {name}: {found}, not {generation}"
    assert database.check() == []
    database.close()
    return generation


def main() -> None:
    """Kill as often as asked."""
    path, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    choice = random.Random(seed)
    generation, commits_seen = 0, 0
    for cycle in range(count):
        seconds = choice.random() * LONGEST_SECONDS
        awaited = choice.choice(AWAITED)
        acknowledged = kill_once(path, seed * 1_000_003 + cycle, seconds, awaited)
        commits_seen += acknowledged > 0
        generation = judge(path, max(acknowledged, generation))
    print(json.dumps({"cycles": count, "generation": generation, "with_commits": commits_seen}))


if __name__ == "__main__":
    main()
