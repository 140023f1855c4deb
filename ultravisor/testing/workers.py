# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs scenarios in several processes at once.

Owns who runs what: each worker takes the next scenario that nobody has taken, and the
outcomes come back in the order of the scenarios, however long each took. Called by
`ultravisor test`. A worker that dies takes no more than the run with it: the scenarios
themselves run in children of their own.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ultravisor.machine.supervised import Channel, ChannelClosed, Child
from ultravisor.testing.outcome import Outcome
from ultravisor.testing.runner import RunSettings, run_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ultravisor.configuration import MonitorName
    from ultravisor.testing.scenario import Scenario

OUTCOME_DECODER: msgspec.msgpack.Decoder[Outcome] = msgspec.msgpack.Decoder(Outcome)
encode = msgspec.msgpack.encode


class Task(NamedTuple):
    """A scenario to run, under one build."""

    scenario: Scenario
    build: MonitorName


def run_tasks(tasks: Sequence[Task], settings: RunSettings, jobs: int) -> Iterator[Outcome]:
    """Yield the outcome of every task, in their order; `jobs` run at a time."""
    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield run_scenario(task.scenario, task.build, settings)
        return
    workers: list[Child] = []
    try:
        workers.extend(
            Child(lambda channel: _serve(tasks, settings, channel))
            for _ in range(min(jobs, len(tasks)))
        )
        yield from _distribute(workers, len(tasks))
    finally:
        for worker in workers:
            worker.close()


def _serve(tasks: Sequence[Task], settings: RunSettings, channel: Channel) -> None:
    """Run what the parent asks for until it goes away; a worker's whole life."""
    while True:
        task = tasks[msgspec.msgpack.decode(channel.receive(), type=int)]
        channel.send(encode(run_scenario(task.scenario, task.build, settings)))


def _distribute(workers: list[Child], count: int) -> Iterator[Outcome]:
    """Keep every worker busy, and yield what they return in order."""
    waiting = iter(range(count))
    busy: dict[Channel, tuple[Child, int]] = {}
    done: dict[int, Outcome] = {}

    def give(worker: Child) -> None:
        index = next(waiting, None)
        if index is not None:
            worker.channel.send(encode(index))
            busy[worker.channel] = (worker, index)

    for worker in workers:
        give(worker)
    for index in range(count):
        while index not in done:
            for channel in select.select(list(busy), [], [])[0]:
                worker, finished = busy.pop(channel)
                done[finished] = _receive(worker)
                give(worker)
        yield done.pop(index)


def _receive(worker: Child) -> Outcome:
    try:
        return OUTCOME_DECODER.decode(worker.channel.receive())
    except ChannelClosed:
        raise worker.death() from None
