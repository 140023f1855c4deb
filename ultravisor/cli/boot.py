# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor boot`: images or a configuration, run to their end.

Owns the verb's options. The work is done by ultravisor.resolution, ultravisor.plan and
cli.session, which are imported when the verb runs.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.completion import complete_hosts
from ultravisor.cli.host_options import host_options, take_settings
from ultravisor.cli.pipeline_options import Pipeline, pipeline_options, take_pipeline

if TYPE_CHECKING:
    from ultravisor.cli.output_file import OutputFile
    from ultravisor.cli.session import SessionResult
    from ultravisor.plan import HostPlan
    from ultravisor.results import HostResult

CATEGORIES = ("hypercall", "trap", "switch", "event", "partition", "mark", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class BootOptions:
    """What was given on the command line."""

    files: tuple[str, ...]
    settings: dict[str, Any]
    """[host] settings that override the configuration's; None: not given."""
    cycles: int | None
    log: tuple[str, ...]
    record: Path | None
    stats: Path | None
    """Where the result goes, as with --json."""
    trace: Path | None
    """Where a trace of the whole host goes, as it runs."""
    pipeline: Pipeline | None
    as_json: bool
    quiet: bool
    supervise: bool
    check: str
    """What happens to an image with findings: nothing, a warning, or a refusal."""
    snapshot: Path | None
    """A saved state of the same host, in place of a start."""
    exit_from: str | None
    """The partition whose exit code is the command's; None: the run's own."""


def _categories(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[str, ...]:
    """Split the names of log categories at commas, and check them."""
    names = tuple(name.strip() for name in (value or "").split(",") if name.strip())
    for name in names:
        if name not in CATEGORIES:
            raise click.BadParameter(f"no category `{name}`; there are {', '.join(CATEGORIES)}")
    return names


@click.command(
    "boot",
    help="""Boot images or a configuration, and show what they do.

\b
Examples:
  ultravisor boot hello
  ultravisor boot examples/two-processors.toml --json
  ultravisor boot compute --timing skylake --stats stats.json

FILE is an ELF image, a TOML configuration, or the name of a bundled one. Several
become one host, their partitions spread over the processors.
""",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=complete_hosts)
@click.option("--cycles", type=click.IntRange(0), help="Stop when the clocks reach this.")
@host_options
@click.option(
    "--check",
    type=click.Choice(["off", "warn", "refuse"]),
    default="warn",
    show_default=True,
    help="What to do about instructions that a guest must not use.",
)
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path),
    metavar="STATE",
    help="Go on from a state that `ultravisor snap save` wrote of the same host.",
)
@click.option(
    "--exit-from",
    metavar="PARTITION",
    help="End with this partition's exit code, 0 to 255.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
@click.option(
    "--log",
    callback=_categories,
    metavar="CATEGORIES",
    help=f"Log to standard error: {', '.join(CATEGORIES)}.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what `ultravisor replay` needs.",
)
@click.option(
    "--stats",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the result to a file, as --json prints it.",
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a trace of the whole host for the Perfetto viewer.",
)
@pipeline_options
@click.option("--quiet", "-q", is_flag=True, help="Only the consoles: no table, no progress.")
@click.option(
    "--no-supervise",
    is_flag=True,
    help="Run in this process: an abort of the engine ends the command without a replay file.",
)
def command(files: tuple[str, ...], no_supervise: bool, **given: Any) -> int:
    """Boot, and return the exit code."""
    return boot(
        BootOptions(
            files=files,
            settings=take_settings(given),
            cycles=given["cycles"],
            log=given["log"],
            record=given["record"],
            stats=given["stats"],
            trace=given["trace"],
            pipeline=take_pipeline(given),
            as_json=given["as_json"],
            quiet=given["quiet"],
            supervise=not no_supervise,
            check=given["check"],
            snapshot=given["snapshot"],
            exit_from=given["exit_from"],
        )
    )


def boot(options: BootOptions) -> int:
    """Check everything, run the host, print what came out."""
    from ultravisor.cli.exit_from import require_partition
    from ultravisor.cli.session import report_internal_failure
    from ultravisor.errors import ExitCode
    from ultravisor.plan import make_plan
    from ultravisor.resolution import resolve

    plan = make_plan(resolve(options.files, **options.settings))
    if options.exit_from is not None:
        require_partition(plan, options.exit_from)
    if options.pipeline is not None:
        from ultravisor.pipeline_window import require_window

        require_window(plan.configuration, options.pipeline.request)
    if options.check != "off":
        from ultravisor.cli.image_warning import check_images

        check_images(plan, refuse=options.check == "refuse")
    session = _run_and_write(plan, options)
    result = _shown(session, options)
    if options.as_json:
        print(result.to_json())
    elif not options.quiet:
        from ultravisor.cli.table import print_result

        print_result(result, sys.stdout)
    if session.result.exit.code == ExitCode.INTERNAL:
        report_internal_failure(session, options.record)
    return result.exit.code


def _run_and_write(plan: HostPlan, options: BootOptions) -> SessionResult:
    """Run the host and write the files asked for, which are proved writable first."""
    from ultravisor.cli.pipeline_options import write_pipeline
    from ultravisor.cli.session import SessionOptions, run_session

    pipeline = options.pipeline
    with ExitStack() as stack:
        record = _open(stack, options.record)
        stats = _open(stack, options.stats)
        pipeline_file = _open(stack, pipeline.path if pipeline is not None else None)
        session = run_session(
            plan,
            SessionOptions(
                cycles=options.cycles,
                log=options.log,
                consoles=not options.as_json,
                progress=not options.quiet and not options.as_json,
                supervise=options.supervise,
                replay_path=options.record,
                state=options.snapshot,
                window=pipeline.request if pipeline is not None else None,
                trace=options.trace,
            ),
        )
        if record is not None:
            record.write(session.record.to_json())
        if stats is not None:
            stats.write(_shown(session, options).to_json().encode() + b"\n")
        if pipeline is not None and pipeline_file is not None and session.window is not None:
            names = [row.configuration.name for row in plan.partitions]
            write_pipeline(pipeline, session.window, names, pipeline_file)
    return session


def _shown(session: SessionResult, options: BootOptions) -> HostResult:
    """Return the result with the exit code that was asked for."""
    from ultravisor.cli.exit_from import exit_as

    if options.exit_from is None:
        return session.result
    return exit_as(session.result, options.exit_from)


def _open(stack: ExitStack, path: Path | None) -> OutputFile | None:
    from ultravisor.cli.output_file import OutputFile

    return stack.enter_context(closing(OutputFile(path))) if path is not None else None
