# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract is written once: what is derived from it is current, and its rows are sound."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.architecture.source_tree import ROOT, SourceTree, report
from ultravisor.machine.contract import Contract, read_contract

ARGUMENT_TYPES = frozenset(
    {"in_bytes", "out_bytes", "in_array", "in_struct", "out_struct", "size", "count", "address"}
    | {"code", "stack", "frame", "level", "entry", "descriptor", "port", "processor", "time"}
    | {"choice", "value"}
)
# The size of native.h's table of counters, one a call.
COUNTED_CALLS_MAXIMUM = 64
_LIMIT = re.compile(r"^#define (\w+) (?!$)(.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def contract() -> Contract:
    """Return the contract as its headers say it."""
    return read_contract(ROOT)


def test_generated_files_are_current(project: SourceTree) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ultravisor.machine.generate_abi", "--check"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stderr}\nRun `make docs` and commit what it writes."


def test_call_numbers_are_dense_and_unique(contract: Contract) -> None:
    numbers = [call.number for call in contract.calls]
    assert numbers == list(range(len(numbers))), "Number the rows of hypercalls.def 0, 1, 2, ..."
    assert len(numbers) <= COUNTED_CALLS_MAXIMUM, "native.h counts calls in a table of 64"


def test_names_are_unique(contract: Contract) -> None:
    for names in ([call.name for call in contract.calls], [row.name for row in contract.errors]):
        assert len(names) == len(set(names)), f"a name appears twice in {names}"


def test_error_numbers_are_dense_and_unique(contract: Contract) -> None:
    numbers = [row.value for row in contract.errors]
    assert numbers == list(range(1, len(numbers) + 1)), "Number the rows of errors.def 1, 2, ..."


def test_calls_name_rights_that_exist(contract: Contract) -> None:
    rights = {row.name.removeprefix("RIGHT_") for row in contract.rights} - {"ALL"}
    wrong = [f"{call.name}: {call.right}" for call in contract.calls if call.right not in rights]
    assert not wrong, report(wrong, f"Rights are defined in view.h: {sorted(rights)}")


def test_arguments_have_types_of_the_grammar(contract: Contract) -> None:
    structures = {structure.name for structure in contract.structures}
    known = structures | set(contract.enums) | {""}
    wrong = [
        f"{call.name}: {argument.type}({argument.of}) {argument.name}"
        for call in contract.calls
        for argument in call.arguments
        if argument.type not in ARGUMENT_TYPES or argument.of not in known
    ]
    assert not wrong, report(wrong, "The grammar stands at the top of hypercalls.def.")


def test_every_call_and_error_has_a_sentence(contract: Contract) -> None:
    sentences = [(call.name, call.sentence) for call in contract.calls]
    sentences += [(row.name, row.sentence) for row in contract.errors]
    wrong = [name for name, sentence in sentences if not sentence.endswith(".")]
    assert not wrong, report(wrong, "The sentence is the reference page: write one.")


def uncommented_limits(text: str) -> list[str]:
    """Return the limits without a comment on their line or right above it."""
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines):
        match = _LIMIT.match(line)
        above_is_a_comment = lines[number - 1].startswith("/*")
        if match is not None and "/*" not in line and not above_is_a_comment:
            found.append(match[1])
    return found


def test_every_limit_says_what_it_limits(project: SourceTree) -> None:
    text = (project.root / "monitor/abi/limits.h").read_text(encoding="utf-8")
    violations = uncommented_limits(text)
    assert not violations, report(violations, "Say behind each limit what it counts.")


def test_a_limit_without_a_comment_is_found() -> None:
    text = "/* Time. */\n#define A 1\n#define B 2 /* things */\n#define C 3\n"
    assert uncommented_limits(text) == ["C"]


def test_every_shared_field_is_asserted_in_layout_c(
    project: SourceTree, contract: Contract
) -> None:
    text = (project.root / "monitor/abi/layout.c").read_text(encoding="utf-8")
    sizes = [f"SIZE({s.name}, {s.size_bytes});" for s in contract.structures]
    fields = [
        f"FIELD({s.name}, {field.name}, {field.offset});"
        for s in contract.structures
        for field in s.fields
    ]
    missing = [line for line in sizes + fields if line not in text]
    assert not missing, report(missing, "Add these lines to monitor/abi/layout.c.")
