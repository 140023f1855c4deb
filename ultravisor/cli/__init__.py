# SPDX-License-Identifier: GPL-2.0-or-later
"""The `ultravisor` command.

Owns the group of verbs and the way in which everything that goes wrong ends: a message
on standard error and a documented exit code. A verb is imported only when it runs, so
that --help is fast; this module must import nothing heavy.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.failures import report_failure, report_unexpected
from ultravisor.cli.interrupt import block, ignore_from_now_on, interruptible_once
from ultravisor.cli.lazy import LazyGroup, Verb
from ultravisor.errors import ExitCode, OutputError, UltravisorError

if TYPE_CHECKING:
    from ultravisor.cli.interrupt import Interrupt

VERBS = {
    "boot": Verb("ultravisor.cli.boot", "Boot images or a configuration, and show what they do."),
    "check": Verb("ultravisor.cli.check", "List what an image must not contain, with advice."),
    "test": Verb("ultravisor.cli.test", "Run images that are tests, and judge them."),
    "replay": Verb("ultravisor.cli.replay", "Run a recorded run again, and compare."),
    "snap": Verb("ultravisor.cli.snap", "Save a host's state to a file, and restore it."),
    "db": Verb("ultravisor.cli.db", "Ask a host's resource database, now or in its past."),
    "topology": Verb("ultravisor.cli.topology", "Draw a host, from its resource database."),
    "demo": Verb("ultravisor.cli.demo", "Boot the bundled host, under both builds of the monitor."),
    "up": Verb("ultravisor.cli.up", "Start a host that lives, with all its infrastructure."),
    "down": Verb("ultravisor.cli.down", "End a living host."),
    "ps": Verb("ultravisor.cli.ps", "List the partitions of a living host."),
    "inspect": Verb("ultravisor.cli.inspect", "All that is known of a partition, or of a host."),
    "console": Verb("ultravisor.cli.console", "Attach to a partition's console."),
    "logs": Verb("ultravisor.cli.logs", "Print what a partition has written."),
    "events": Verb("ultravisor.cli.events", "Print what has happened on a living host."),
    "create": Verb("ultravisor.cli.orders", "Make a partition, and start it.", "create"),
    "start": Verb("ultravisor.cli.orders", "Start a partition.", "start"),
    "pause": Verb("ultravisor.cli.orders", "Take a partition off its processors.", "pause"),
    "resume": Verb("ultravisor.cli.orders", "Let a paused partition go on.", "resume"),
    "reset": Verb("ultravisor.cli.orders", "Begin a partition anew.", "reset"),
    "destroy": Verb("ultravisor.cli.orders", "Take everything from a partition.", "destroy"),
    "kill": Verb("ultravisor.cli.orders", "Stop a partition at once.", "kill"),
    "txn": Verb("ultravisor.cli.txn", "Give command a transaction, whole."),
    "io": Verb("ultravisor.cli.io", "Look at disks and networks, and move them."),
    "chan": Verb("ultravisor.cli.chan", "Look at memory channels."),
    "bench": Verb("ultravisor.cli.bench", "Measure speed and costs."),
    "timing": Verb("ultravisor.cli.timing", "Predict cycles of code, and measure the accuracy."),
    "config": Verb("ultravisor.cli.config", "Show the configuration that a boot would use."),
    "policy": Verb("ultravisor.cli.policy", "Check policies, and say which rule decides what."),
    "completion": Verb("ultravisor.cli.completion", "Print a shell's completion script."),
    "doctor": Verb("ultravisor.cli.doctor", "Say whether this installation works."),
}

# Set by the scripts of `ultravisor completion`.
COMPLETION_VARIABLE = "_ULTRAVISOR_COMPLETE"
OUTPUT_ERRORS = (errno.EPIPE, errno.ENOSPC, errno.EIO)

HELP = """An x86 para-virtualization emulator: boot guests, contain them, measure them.

\b
Examples:
  ultravisor boot hello
  ultravisor boot pingpong --monitor simulated

\b
Exit codes:
    0  ok                          6  not found
    1  a guest failed              7  cycle budget reached
    2  wrong usage                69  an optional part is missing
    3  configuration or image     70  internal error
    4  refused by policy         130  Ctrl-C
    5  conflict, try again
"""


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from ultravisor.recording import versions

    found = versions()
    click.echo(f"ultravisor {found.pop('ultravisor')}")
    click.echo(", ".join(f"{name} {version}" for name, version in found.items()))
    context.exit()


@click.group(
    cls=LazyGroup,
    verbs=VERBS,
    help=HELP,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show versions, for bug reports.",
)
@click.pass_context
def group(context: click.Context) -> None:
    """Show the help when no verb is given."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _run_group(arguments: list[str] | None) -> object:
    try:
        return group.main(arguments, prog_name="ultravisor", standalone_mode=False)
    except SystemExit as end:
        if COMPLETION_VARIABLE in os.environ:
            # A shell asked for completions, and click has answered.
            return end.code
        # What click makes of a broken pipe.
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None


def _report_output(failure: OSError) -> int:
    """End well when standard output is full or its reader has gone; else it is our error."""
    if failure.filename is not None or failure.errno not in OUTPUT_ERRORS:
        report_unexpected(failure)
        return ExitCode.INTERNAL
    # What is still buffered would fail again when the process ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if failure.errno != errno.EPIPE:
        report_failure(OutputError(f"standard output cannot be written: {failure.strerror}"))
    return ExitCode.USAGE


def _run_verb(arguments: list[str] | None, interrupt: Interrupt) -> int:
    try:
        result: Any = _run_group(arguments)
        sys.stdout.flush()
        return int(result or 0)
    except Exception:
        if interrupt.has_come:
            # What ends in the middle of its work may fail because of that.
            raise KeyboardInterrupt from None
        raise


def _run_reporting(arguments: list[str] | None, interrupt: Interrupt) -> int:
    try:
        return _run_verb(arguments, interrupt)
    except click.ClickException as failure:
        failure.show()
        return failure.exit_code
    except click.Abort:
        return ExitCode.INTERRUPTED
    except UltravisorError as failure:
        report_failure(failure)
        return failure.exit_code
    except OSError as failure:
        return _report_output(failure)
    except Exception as failure:
        report_unexpected(failure)
        return ExitCode.INTERNAL


def run(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code, never raise."""
    try:
        with interruptible_once() as interrupt:
            return _run_reporting(arguments, interrupt)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def main() -> None:
    """Run the command and end the process with its exit code, whatever comes meanwhile."""
    ignore_from_now_on()
    code = run()
    block()
    sys.exit(code)
