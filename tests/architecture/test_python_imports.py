# SPDX-License-Identifier: GPL-2.0-or-later
"""Python depends one way: commands on the host, the host on the machine, the machine on C."""

from __future__ import annotations

import pytest

from tests.architecture.python_source import imports, module_name
from tests.architecture.source_tree import SourceTree, report

PACKAGE = "ultravisor"
# What the lower parts may know of the rest of the package, and the sentence that says so.
MAY_IMPORT = {
    "ultravisor.machine": (
        ("ultravisor.machine", "ultravisor.errors"),
        "ultravisor.machine imports nothing else of the package but errors",
    ),
    "ultravisor.channels": (
        ("ultravisor.channels", "ultravisor.machine.abi", "ultravisor.errors"),
        "ultravisor.channels knows the contract, and nothing of who owns a channel",
    ),
    "ultravisor.resources": (
        ("ultravisor.resources", "ultravisor.errors"),
        "ultravisor.resources imports nothing else of the package but errors",
    ),
}
# The parts that put a running host together, and may therefore know ultravisor.host.
ABOVE_THE_HOST = (
    "ultravisor.host",
    "ultravisor.supervised_host",
    "ultravisor.life",
    "ultravisor.cli",
    "ultravisor.bench",
    "ultravisor.testing",
)
# Programs are given turns: of the machine they know numbers and the form of a turn, no clock, no
# socket, no chance.
PROGRAMS = "ultravisor.partitions"
PROGRAMS_MAY_KNOW = ("ultravisor.machine.abi", "ultravisor.machine.hosted")
PROGRAMS_MUST_NOT = (
    "ultravisor.life",
    "asyncio",
    "datetime",
    "os",
    "random",
    "socket",
    "threading",
    "time",
)
ROOTS = ("ultravisor", "ultravisor.__main__")


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Say whether a module is one of the packages or lies in one."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def violations_of(tree: SourceTree) -> list[str]:
    """Return all imports inside the package that point the wrong way."""
    found = []
    for path in tree.files(".py", ".pyi", under=PACKAGE):
        module = module_name(path, tree.root)
        for imported in imports(path, tree.root):
            wrong = wrong_import(module, imported.name)
            if wrong is not None:
                found.append(f"{tree.name(path)}:{imported.line}: {imported.name}: {wrong}")
    return found


def wrong_import(module: str, imported: str) -> str | None:
    """Return why a module must not import a name, or None."""
    ours = within(imported, (PACKAGE,))
    inside_machine = within(module, ("ultravisor.machine",))
    if "_native" in imported.split(".") and not inside_machine:
        return "only ultravisor.machine knows the extension"
    for part, (may, sentence) in MAY_IMPORT.items():
        if within(module, (part,)) and ours and not within(imported, may):
            return sentence
    in_cli = within(module, ("ultravisor.cli",)) or module in ROOTS
    if within(imported, ("ultravisor.cli",)) and not in_cli:
        return "nothing imports the command but its own entry"
    above = within(module, ABOVE_THE_HOST) or module in ROOTS
    if within(imported, ("ultravisor.host",)) and not above:
        return "ultravisor.host is the composition root: what it puts together does not know it"
    if within(imported, ("tests",)):
        return "the product does not import its tests"
    return wrong_program_import(imported) if within(module, (PROGRAMS,)) else None


def wrong_program_import(imported: str) -> str | None:
    """Return why a program must not import a name, or None."""
    machine = within(imported, ("ultravisor.machine",))
    if machine and not within(imported, PROGRAMS_MAY_KNOW):
        return "a program sees its turn and the contract, not the machine"
    if within(imported, PROGRAMS_MUST_NOT):
        return "a program is driven by turns: pass it in"
    return None


def test_python_imports_point_one_way(project: SourceTree) -> None:
    violations = violations_of(project)
    advice = "Dependencies point one way (docs/architecture.md): pass it in, or move it down."
    assert not violations, report(violations, advice)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("ultravisor/machine/a.py", "from ultravisor.configuration import load\n"),
        ("ultravisor/machine/a.py", "from ..host import Host\n"),
        ("ultravisor/channels/a.py", "from ultravisor.machine.machine import Machine\n"),
        ("ultravisor/channels/a.py", "import ultravisor.resources\n"),
        ("ultravisor/resources/a.py", "from ultravisor.machine import abi\n"),
        ("ultravisor/report.py", "from ultravisor.machine._native import lib\n"),
        ("ultravisor/report.py", "from ultravisor.cli import boot\n"),
        ("ultravisor/configuration.py", "import ultravisor.host\n"),
        ("ultravisor/partitions/a.py", "from ultravisor.machine.machine import Machine\n"),
        ("ultravisor/partitions/a.py", "import time\n"),
        ("ultravisor/configuration.py", "from tests.architecture import conftest\n"),
    ],
)
def test_a_wrong_import_is_found(example: SourceTree, file: str, text: str) -> None:
    example.plant(file, text)
    assert len(violations_of(example)) == 1


def test_right_imports_are_accepted(example: SourceTree) -> None:
    example.plant("ultravisor/machine/a.py", "from . import _native, abi\nfrom ..errors import E\n")
    example.plant("ultravisor/cli/boot.py", "from ultravisor.host import Host\n")
    example.plant("ultravisor/__main__.py", "from ultravisor.cli import main\n")
    assert violations_of(example) == []
