# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor completion`: the script by which a shell completes the command.

Owns the verb, and what completes an argument that names an image. The scripts are
click's; they run the command again with a variable set, which click answers.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PROGRAM = "ultravisor"


@click.command(
    "completion",
    help="""Print the script by which a shell completes this command.

\b
Examples:
  ultravisor completion bash
  ultravisor completion fish

\b
To install it:
  bash  add to ~/.bashrc:  eval "$(ultravisor completion bash)"
  zsh   add to ~/.zshrc, after compinit:  eval "$(ultravisor completion zsh)"
  fish  ultravisor completion fish > ~/.config/fish/completions/ultravisor.fish

Exit code 0.
""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the script, whether that shell is installed here or not."""
    from click.shell_completion import get_completion_class

    from ultravisor.cli import COMPLETION_VARIABLE, group

    found = get_completion_class(shell)
    if found is None:
        raise RuntimeError(f"click has no completion for {shell}")
    complete = found(group, {}, PROGRAM, COMPLETION_VARIABLE)
    # Not source(): for bash that runs bash, to ask its version.
    sys.stdout.write(complete.source_template % complete.source_vars())
    sys.stdout.write("\n")
    return 0


def complete_images(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete an image: a bundled one by name, or a file, which the shell knows."""
    from click.shell_completion import CompletionItem

    from ultravisor.resolution import bundled_names

    return _items(CompletionItem(incomplete, type="file"), bundled_names(".elf"), incomplete)


def complete_hosts(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete what can be booted: an image or a configuration, bundled or a file."""
    from click.shell_completion import CompletionItem

    from ultravisor.resolution import bundled_names

    names = sorted({*bundled_names(".elf"), *bundled_names(".toml")})
    return _items(CompletionItem(incomplete, type="file"), names, incomplete)


def complete_scenarios(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete what can be tested: a bundled set by name, or a file."""
    from click.shell_completion import CompletionItem

    from ultravisor.testing.scenario import bundled_sets

    return _items(CompletionItem(incomplete, type="file"), bundled_sets(), incomplete)


def _items(file: CompletionItem, names: list[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [file, *(CompletionItem(name) for name in names if name.startswith(incomplete))]
