# SPDX-License-Identifier: GPL-2.0-or-later
"""The options by which a boot records a pipeline.

Owns them, what they mean together, and how the file is written.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from ultravisor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ultravisor.cli.output_file import OutputFile
    from ultravisor.pipeline_window import PipelineWindow, WindowRequest

Function = TypeVar("Function", bound="Callable[..., Any]")

FIRST_DEFAULT = 0
COUNT_DEFAULT = 1000
FORM = "write FIRST:COUNT, for example 5000:200"


def _window(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Read `FIRST:COUNT`."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,19}):(\d{1,19})", value, re.ASCII)
    if match is None:
        raise click.BadParameter(f"`{value}` is no window: {FORM}")
    return int(match[1]), int(match[2])


OPTIONS = (
    click.option(
        "--pipeline",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write a window of the run for the Konata viewer; needs a core (--timing).",
    ),
    click.option(
        "--pipeline-window",
        callback=_window,
        metavar="FIRST:COUNT",
        help=f"Which instructions; by default {FIRST_DEFAULT}:{COUNT_DEFAULT}.",
    ),
    click.option(
        "--pipeline-processor",
        type=click.IntRange(0),
        metavar="N",
        help="Of which physical processor; by default 0.",
    ),
)


class Pipeline(NamedTuple):
    """A pipeline that is wanted: its file, and its window."""

    path: Path
    request: WindowRequest


def pipeline_options(function: Function) -> Function:
    """Give a verb these options."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def take_pipeline(given: dict[str, Any]) -> Pipeline | None:
    """Take what these options yielded out of a verb's arguments; None: nothing is wanted."""
    from ultravisor.pipeline_window import WindowRequest

    path = given.pop("pipeline")
    window = given.pop("pipeline_window")
    processor = given.pop("pipeline_processor")
    if path is None:
        if window is not None or processor is not None:
            raise UsageError("a window, but no file for it", "add --pipeline FILE")
        return None
    first, count = window if window is not None else (FIRST_DEFAULT, COUNT_DEFAULT)
    return Pipeline(path, WindowRequest(processor or 0, first, count))


def write_pipeline(
    pipeline: Pipeline, window: PipelineWindow, partitions: Sequence[str], file: OutputFile
) -> None:
    """Write the file; say where the run ended before the window did."""
    from ultravisor.pipeline_window import window_kanata

    recorded, wanted = len(window.instructions), pipeline.request.count
    if recorded < wanted:
        print(
            f"warning: {pipeline.path}: {recorded:,} of {wanted:,} instructions: processor "
            f"{pipeline.request.processor} executed no more of the window",
            file=sys.stderr,
        )
    file.write(window_kanata(window, partitions).encode())
