# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory agent: which machine frames a partition or a channel gets.

Owns the choice alone: of all free runs that are long enough it takes the one that splits the fewest
large blocks, and of those the shortest; where none is long enough, several. A pure function of what
is free. Called by the planner.
"""

from __future__ import annotations

from msgspec import Struct

from ultravisor.partitions.decisions import Reason
from ultravisor.resources.records import FrameRange, Tier

AGENT = "memory"
FRAMES_A_MIB = (1 << 20) // 4096


class NoMemoryError(Exception):
    """There are not enough free frames, or they lie in too many runs."""

    def __init__(self, sentence: str) -> None:
        """Keep the sentence that the asker is told."""
        super().__init__(sentence)
        self.sentence = sentence


class FrameChoice(Struct, frozen=True):
    """Runs of machine frames, in the order in which they are given guest-physical places."""

    ranges: tuple[FrameRange, ...]
    reason: Reason


def choose_frames(
    free: tuple[FrameRange, ...], frame_count: int, ranges_maximum: int, subject: str
) -> FrameChoice:
    """Choose runs of free frames; raise NoMemoryError.

    `ranges_maximum` bounds the number of runs, `subject` is what the explanation calls the taker.
    """
    single = _best_single(free, frame_count)
    if single is not None:
        return FrameChoice((single,), _reason(subject, (single,)))
    total = sum(run.frame_count for run in free)
    if total < frame_count:
        raise NoMemoryError(f"{subject}: {frame_count} frames are wanted, {total} are free")
    taken: list[FrameRange] = []
    wanted = frame_count
    for run in sorted(free, key=lambda row: (-row.frame_count, row.machine_frame)):
        if wanted == 0 or len(taken) == ranges_maximum:
            break
        part = FrameRange(run.machine_frame, min(wanted, run.frame_count))
        taken.append(part)
        wanted -= part.frame_count
    if wanted:
        raise NoMemoryError(
            f"{subject}: {frame_count} frames are wanted, the {ranges_maximum} longest free runs "
            f"have {frame_count - wanted}"
        )
    ranges = tuple(taken)
    return FrameChoice(ranges, _reason(subject, ranges))


def choose_run(free: tuple[FrameRange, ...], frame_count: int, subject: str) -> FrameChoice:
    """Choose one run of free frames, as a channel needs it; raise NoMemoryError."""
    return choose_frames(free, frame_count, 1, subject)


def _best_single(free: tuple[FrameRange, ...], frame_count: int) -> FrameRange | None:
    candidates = [
        (_blocks_split(start, frame_count), run.frame_count, start)
        for run in free
        for start in _starts(run, frame_count)
    ]
    if not candidates:
        return None
    return FrameRange(min(candidates)[2], frame_count)


def _starts(run: FrameRange, frame_count: int) -> list[int]:
    """Return where in a run the frames could lie: at its ends, and on borders of blocks."""
    first, last = run.machine_frame, run.machine_frame + run.frame_count - frame_count
    if last < first:
        return []
    starts = {first, last}
    for tier in (Tier.G, Tier.M):
        size = tier.frame_count
        if frame_count >= size:
            starts.add(-(-first // size) * size)
        # The end of what is taken on a border keeps the blocks behind it whole.
        starts.add((last + frame_count) // size * size - frame_count)
    return sorted(start for start in starts if first <= start <= last)


def _blocks_split(start: int, frame_count: int) -> tuple[int, int]:
    """Return how many blocks of 1 GiB and of 2 MiB are taken in part only."""
    return _partial(start, frame_count, Tier.G), _partial(start, frame_count, Tier.M)


def _partial(start: int, frame_count: int, tier: Tier) -> int:
    size, end = tier.frame_count, start + frame_count
    whole = max(0, end // size - -(-start // size))
    touched = -(-end // size) - start // size
    return touched - whole


def _reason(subject: str, ranges: tuple[FrameRange, ...]) -> Reason:
    runs = ", ".join(
        f"{run.machine_frame:#x} to {run.machine_frame + run.frame_count - 1:#x}" for run in ranges
    )
    count = sum(run.frame_count for run in ranges)
    split = [_blocks_split(run.machine_frame, run.frame_count) for run in ranges]
    blocks = sum(giga for giga, _ in split), sum(mega for _, mega in split)
    sentence = (
        f"{subject}: {count} frames {runs}; blocks taken in part: {blocks[0]} of 1 GiB, "
        f"{blocks[1]} of 2 MiB"
    )
    return Reason(AGENT, "fewest split blocks, then the shortest run", sentence)
