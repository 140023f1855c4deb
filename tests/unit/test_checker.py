# SPDX-License-Identifier: GPL-2.0-or-later
"""The checker, on functions of a few bytes: what is reported, what is walked, what is not."""

from __future__ import annotations

import re

import pytest

from tests.unit import tiny_guests as tiny
from tests.unit.elf_builder import TEXT_ADDRESS
from ultravisor.checker import CheckReport, check_code, check_image
from ultravisor.instruction_rules import (
    CONTROL_REGISTER_OTHER,
    CONTROL_REGISTERS,
    DEBUG_REGISTER,
    MOVE_TO_SEGMENT,
    MOVE_TO_STACK_SEGMENT,
    PUSH_SEGMENT,
    RULES,
    RULES_32,
    SENSITIVE_CASES,
    UNDECODABLE,
    VECTOR_EXTENSION,
    is_vector_extension,
)
from ultravisor.machine.abi import STRUCTURES, Hypercall
from ultravisor.machine.image import parse_image, read_image
from ultravisor.machine.records import Segment
from ultravisor.machine.symbols import SymbolTable
from ultravisor.resolution import bundled_names, find_image

BASE = 0x1000
RETURN = b"\xc3"
NO_OPERATION = b"\x90"

SENSITIVE = [
    ("0f0100", "sgdt"),
    ("0f0108", "sidt"),
    ("0f00c0", "sldt"),
    ("0f00c8", "str"),
    ("0f01e0", "smsw"),
    ("9c", "pushf"),
    ("669c", "pushf"),
    ("9d", "popf"),
    ("0f02c1", "lar"),
    ("0f03c1", "lsl"),
    ("0f00e0", "verr"),
    ("0f00e8", "verw"),
    ("8cc8", "mov segment"),
    ("8ed0", "mov segment"),
    ("8c10", "mov segment"),
    ("0fb200", "mov segment"),
    ("ff18", "call far"),
    ("ff28", "jmp far"),
    ("cd81", "int"),
    ("f1", "int"),
    ("cb", "ret far"),
    ("ca0800", "ret far"),
    ("cf", "iret"),
]
SENSITIVE_64 = [
    ("0fa0", "push segment"),
    ("0fa8", "push segment"),
    ("0fa1", "pop segment"),
    ("8cd8", "mov segment"),
    ("8ed8", "mov segment"),
    ("8e18", "mov segment"),
    ("0fb400", "mov segment"),
    ("48cf", "iret"),
    ("48cb", "ret far"),
    ("48ff28", "jmp far"),
    ("cd80", "int"),
    ("cd82", "int"),
]
SENSITIVE_32 = [
    ("0e", "push segment"),
    ("16", "push segment"),
    ("17", "pop segment"),
    ("ce", "int"),
    ("9a000000000800", "call far"),
    ("ea000000000800", "jmp far"),
    ("66ea00000800", "jmp far"),
]
PRIVILEGED = [
    ("f4", "hlt"),
    ("fa", "cli"),
    ("fb", "sti"),
    ("e4e9", "port"),
    ("ed", "port"),
    ("e6e9", "port"),
    ("ee", "port"),
    ("f36c", "port"),
    ("f36f", "port"),
    ("0f20c0", "mov cr0"),
    ("0f20d0", "mov cr2"),
    ("0f22d8", "mov cr3"),
    ("0f22e0", "mov cr4"),
    ("0f21f8", "mov debug register"),
    ("0f23f8", "mov debug register"),
    ("0f0110", "lgdt"),
    ("0f0118", "lidt"),
    ("0f00d0", "lldt"),
    ("0f00d8", "ltr"),
    ("0f01f0", "lmsw"),
    ("0f06", "clts"),
    ("0f32", "model-specific register"),
    ("0f30", "model-specific register"),
    ("0f33", "rdpmc"),
    ("0f09", "caches"),
    ("0f08", "caches"),
    ("0f0138", "invlpg"),
    ("660f388200", "invlpg"),
    ("0f35", "sysret"),
    ("0f01c8", "wait"),
    ("0f01cb", "access to user pages"),
    ("0f01c2", "virtualization"),
    ("0faa", "system management"),
]
PRIVILEGED_64 = [("440f20c0", "mov cr8"), ("0f01f8", "swapgs"), ("480f07", "sysret")]
UNSUPPORTED = [
    ("0fc7f0", "random number"),
    ("0fc7f8", "random number"),
    ("0f34", "sysenter"),
    ("0fae20", "extended state"),
    ("0fae28", "extended state"),
    ("0f01d0", "extended state"),
    ("c5f877", "vector extension"),
    ("c4e27d18c1", "vector extension"),
    ("62f17c4858c1", "vector extension"),
    ("8fe8789ec1", "vector extension"),
    ("0f38f000", "later instruction"),
    ("0f01d6", "transaction"),
]
UNSUPPORTED_32 = [("0f05", "syscall"), ("c5f8", "vector extension"), ("62f1", "vector extension")]
UNSUPPORTED_64 = [("f3480faec0", "segment base"), ("f30faed8", "segment base")]
ALLOWED = [
    "0f05",  # syscall
    "0f01c1",  # vmcall
    "0f31",  # rdtsc
    "0fa2",  # cpuid
    "0f0b",  # ud2
    "cc",  # int3: a trap like any other
    "0fae00",  # fxsave
    "660f58c1",  # addpd
    "8b0425cc9cf4fa",  # mov: its bytes look like others
    "f390",  # pause
    "50",  # push rax
]
ALLOWED_32 = [
    "cd82",  # a call of the monitor
    "cd80",  # a system call of a user program
    "0f01c1",  # vmcall
    "6200",  # bound
    "60",  # pusha
    "648b00",  # mov eax, fs:[eax]
    "06071e1f",  # push es; pop es; push ds; pop ds
    "0fa00fa1",  # push fs; pop fs
    "8cd88ec0",  # mov eax, ds; mov es, eax
    "c500",  # lds
    "c400",  # les
    "0fb500",  # lgs
    "8f00",  # pop [eax]
]


def check(code: bytes, *, width: int = 64, roots: tuple[int, ...] = (BASE,)) -> CheckReport:
    segment = Segment(address=BASE, size_bytes=4096, data=code, writable=False, executable=True)
    return check_code([segment], roots, SymbolTable([(BASE, 0, "start")]), width=width)


def cases(report: CheckReport) -> list[tuple[int, str]]:
    return [(finding.address - BASE, finding.rule.case) for finding in report.findings]


@pytest.mark.parametrize(
    ("kind", "width", "code", "case"),
    [
        *(("sensitive", 64, *row) for row in SENSITIVE + SENSITIVE_64),
        *(("sensitive", 32, *row) for row in SENSITIVE + SENSITIVE_32),
        *(("privileged", 64, *row) for row in PRIVILEGED + PRIVILEGED_64),
        *(("privileged", 32, *row) for row in PRIVILEGED),
        *(("unsupported", 64, *row) for row in UNSUPPORTED + UNSUPPORTED_64),
        *(("unsupported", 32, *row) for row in UNSUPPORTED + UNSUPPORTED_32),
    ],
)
def test_each_is_reported_once(kind: str, width: int, code: str, case: str) -> None:
    report = check(NO_OPERATION + bytes.fromhex(code) + RETURN, width=width)
    (finding,) = report.findings
    assert (finding.rule.kind, finding.rule.case) == (kind, case)
    assert (finding.address, finding.symbol) == (BASE + 1, "start+0x1")


@pytest.mark.parametrize(
    ("width", "code"),
    [*((64, code) for code in ALLOWED), *((32, code) for code in ALLOWED_32)],
)
def test_what_a_guest_may_use_is_not_reported(width: int, code: str) -> None:
    assert check(bytes.fromhex(code) + RETURN, width=width).findings == ()


def test_there_are_19_sensitive_cases_and_each_is_tested() -> None:
    assert len(SENSITIVE_CASES) == 19
    for more in (SENSITIVE_64, SENSITIVE_32):
        assert {case for _, case in SENSITIVE + more} == SENSITIVE_CASES


def test_advice_is_a_sentence_and_names_what_exists() -> None:
    fields = {field.name for row in STRUCTURES.values() for field in row.fields}
    calls = {call.name.lower() for call in Hypercall}
    instructions = {"vmcall", "syscall"}
    rules = (*RULES.values(), *RULES_32.values(), PUSH_SEGMENT, MOVE_TO_SEGMENT)
    rules = (*rules, MOVE_TO_STACK_SEGMENT, VECTOR_EXTENSION, UNDECODABLE)
    others = (*CONTROL_REGISTERS.values(), CONTROL_REGISTER_OTHER, DEBUG_REGISTER)
    for advice in [*(rule.advice for rule in rules), *others]:
        assert re.fullmatch(r"[A-Z].*[.:a-z)]\.?", advice), advice
        names = set(re.findall(r"`(\w+)`", advice))
        assert names <= fields | calls | instructions, advice


def test_data_that_nothing_reaches_is_not_reported() -> None:
    # jmp over two bytes; hlt and cli stand there as data.
    report = check(b"\xeb\x02\xf4\xfa\xc3")
    assert cases(report) == []
    assert (report.executable_bytes, report.unreached_bytes) == (5, 2)


def test_branches_and_calls_are_followed_and_fallen_through() -> None:
    # je +1 over hlt to ret: both ways; call +2 over jmp; the callee is sti.
    assert cases(check(b"\x74\x01\xf4\xc3")) == [(2, "hlt")]
    assert cases(check(b"\xe8\x02\x00\x00\x00\xfa\xc3\xfb\xc3")) == [(5, "cli"), (7, "sti")]
    assert cases(check(b"\xe2\x01\xc3\xf4\xc3")) == [(3, "hlt")]
    # A branch backwards, into an instruction that was read another way: mov eax, imm with hlt.
    assert cases(check(b"\xb8\x90\x90\x90\xf4\xeb\xfd")) == [(4, "hlt")]


@pytest.mark.parametrize("end", ["c3", "0f0b", "ebfe", "ff28", "cf", "cb", "ffe0"])
def test_nothing_falls_through_an_end(end: str) -> None:
    report = check(bytes.fromhex(end) + b"\xf4")
    assert "hlt" not in [case for _, case in cases(report)]
    assert report.unreached_bytes == 1


def test_every_root_is_walked_and_a_wild_one_is_none() -> None:
    code = b"\xc3\xf4\xc3\xfa"
    roots = (BASE, BASE + 1, BASE - 1, BASE + 4, 1 << 63)
    assert cases(check(code, roots=roots)) == [(1, "hlt")]
    assert check(code, roots=()).unreached_bytes == 4


def test_segments_without_code_are_not_walked() -> None:
    segment = Segment(address=BASE, size_bytes=4096, data=b"\xf4", writable=True, executable=False)
    report = check_code([segment], [BASE], SymbolTable(()))
    assert (report.findings, report.executable_bytes) == ((), 0)


def test_bytes_that_are_no_instruction_are_reported_where_they_are_reached() -> None:
    report = check(b"\x90\x06\xf4")
    assert cases(report) == [(1, "undecodable")]
    assert report.findings[0].instruction == "(bytes 06 f4)"
    # Cut off in the middle of an instruction of AVX, at the end of the segment.
    assert cases(check(b"\x90\xc5\xf8")) == [(1, "vector extension")]


def test_prefixes_alone_are_no_vector_extension() -> None:
    assert not is_vector_extension(b"\x66\x66\x66", 64)
    assert not is_vector_extension(b"\x8f\x00", 64), "pop into memory"
    assert is_vector_extension(b"\x66\xc5\xf8\x77", 64)
    assert not is_vector_extension(b"\xc5\x00", 32), "lds"


def test_long_runs_are_walked_whole_and_a_limit_ends_them() -> None:
    code = NO_OPERATION * 1000 + b"\xf4" + RETURN
    segment = Segment(address=BASE, size_bytes=4096, data=code, writable=False, executable=True)
    symbols = SymbolTable(())
    whole = check_code([segment], [BASE], symbols, limit_instructions=1002)
    assert (len(whole.findings), whole.unreached_bytes, whole.complete) == (1, 0, True)
    short = check_code([segment], [BASE], symbols, limit_instructions=1001)
    assert (short.unreached_bytes, short.complete) == (1, False)


def test_an_image_is_walked_from_its_entry_without_symbols() -> None:
    image = parse_image(tiny.image(b"\xf4" + tiny.leave()), "guest.elf")
    (finding,) = check_image(image).findings
    assert (finding.address, finding.symbol, finding.rule.case) == (TEXT_ADDRESS, "", "hlt")


# They have what others must not: each has a test of its own below.
NOT_CLEAN = ("broken", "broken_32", "hosted")


@pytest.mark.guest
@pytest.mark.parametrize("name", [name for name in bundled_names(".elf") if name not in NOT_CLEAN])
def test_bundled_guests_are_clean(name: str) -> None:
    image = read_image(find_image(name))
    report = check_image(image)
    assert report.findings == ()
    assert report.complete
    assert len(image.functions) > 10
    # What is left is padding between functions and what only pointers lead to.
    assert report.unreached_bytes < report.executable_bytes / 3


@pytest.mark.guest
def test_the_kernel_of_hosted_partitions_has_its_doorbell_and_nothing_else() -> None:
    (finding,) = check_image(read_image(find_image("hosted"))).findings
    assert (finding.instruction, finding.rule.case) == ("out 0xe5, al", "port")


@pytest.mark.guest
@pytest.mark.parametrize("name", ["broken", "broken_32"])
def test_the_guest_with_all_sensitive_cases_has_each_once_and_no_others(name: str) -> None:
    """Each in the function that is named after it."""
    findings = check_image(read_image(find_image(name))).findings
    found = {finding.rule.case: finding.symbol for finding in findings}
    assert len(findings) == 19
    assert set(found) == SENSITIVE_CASES
    assert {finding.rule.kind for finding in findings} == {"sensitive"}
    for case, symbol in found.items():
        function = symbol.partition("+")[0]
        assert function == "broken_" + case.removesuffix(" segment").replace(" ", "_")


@pytest.mark.guest
def test_there_are_bundled_guests() -> None:
    assert "hello" in bundled_names(".elf")
