# SPDX-License-Identifier: GPL-2.0-or-later
"""A click group whose verbs are imported when they run.

Owns the loading and the suggestion for a mistyped verb. Knows no verb.
"""

from __future__ import annotations

import difflib
import importlib
from typing import Any, NamedTuple

import click


class Verb(NamedTuple):
    """Where a verb is: a module, the name of its command in it, its line in the group's help."""

    module: str
    summary: str
    name: str = "command"


class LazyGroup(click.Group):
    """Imports a verb's module only when the verb is called."""

    def __init__(self, *arguments: Any, verbs: dict[str, Verb], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which they were given."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb."""
        if cmd_name not in self.verbs:
            return None
        verb = self.verbs[cmd_name]
        command = getattr(importlib.import_module(verb.module), verb.name, None)
        if not isinstance(command, click.Command):
            raise TypeError(f"{verb.module} has no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; suggest the nearest one for a name that is none."""
        wrong = bool(args) and args[0] not in self.verbs and not args[0].startswith("-")
        # A shell that completes asks about words which nobody has sent off yet.
        if wrong and not ctx.resilient_parsing:
            close = difflib.get_close_matches(args[0], self.verbs, 1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            ctx.fail(f"No such command `{args[0]}`.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in self.verbs.items()])
