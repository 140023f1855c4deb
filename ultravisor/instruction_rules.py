# SPDX-License-Identifier: GPL-2.0-or-later
"""Which instructions a guest must not use, and what it writes instead.

Owns the three kinds (sensitive, privileged, unsupported), the 19 sensitive cases and
the advice for each instruction. Called by ultravisor.checker with decoded text; it must
not know images or addresses. Names in backquotes are calls of the contract, or fields
of its structures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ultravisor.machine.abi import HYPERCALL_VECTOR, SYSTEM_CALL_VECTOR

Kind = Literal["sensitive", "privileged", "unsupported"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Why an instruction is reported."""

    kind: Kind
    case: str
    """The instruction's family; the sensitive ones have exactly 19."""
    advice: str


def _rules(kind: Kind, rows: dict[str, tuple[str, str]]) -> dict[str, Rule]:
    """Return rules by mnemonic; a row is a case with its mnemonics and its advice."""
    return {
        mnemonic: Rule(kind, case, advice)
        for case, (mnemonics, advice) in rows.items()
        for mnemonic in mnemonics.split()
    }


TABLES = "It stores the real table's address; keep yours in the kernel's own data instead."
SEGMENT_TEST = (
    "It answers by the real privilege level; test the address in the guest's own page tables."
)
NEAR = "There are no gates: use a near {0}; the monitor's calls go through the call page."

SENSITIVE = _rules(
    "sensitive",
    {
        "sgdt": ("sgdt", TABLES),
        "sidt": ("sidt", f"{TABLES} Handlers are registered by `trap_handlers_set`."),
        "sldt": ("sldt", "It stores the real selector; there is no local table, leave it out."),
        "str": (
            "str",
            "It stores the real task register; keep the processor's own data behind `base_set`.",
        ),
        "smsw": ("smsw", "It shows the real CR0; protection and paging are always on: omit it."),
        "pushf": (
            "pushf pushfd pushfq",
            "It shows the real IF; the virtual one is `events_masked` of the shared page.",
        ),
        "popf": (
            "popf popfd popfq",
            "It does not change IF; write `events_masked`, then call `event_poll` if one is due.",
        ),
        "lar": ("lar", SEGMENT_TEST),
        "lsl": ("lsl", SEGMENT_TEST),
        "verr": ("verr", SEGMENT_TEST),
        "verw": ("verw", SEGMENT_TEST),
        "call far": ("lcall", NEAR.format("call")),
        "jmp far": ("ljmp", NEAR.format("jump")),
        "int": (
            "int int1 into",
            "It uses the real table; register handlers by `trap_handlers_set`, system calls by "
            "`callback_set`.",
        ),
        "ret far": (
            "retf retfq",
            "It returns to the same real ring, so never to another mode; use a near return, or the "
            "call `iret`.",
        ),
        "iret": (
            "iret iretd iretq",
            "It restores neither IF nor the mode; make the call `iret` with the trap frame on the "
            "stack.",
        ),
    },
)
PUSH_SEGMENT = Rule(
    "sensitive",
    "push segment",
    "It shows the real ring; which mode was interrupted is in `state` of the trap frame.",
)
POP_SEGMENT = Rule(
    "sensitive",
    "pop segment",
    "It is checked against the real ring; selectors stay, bases are set by `base_set`.",
)
MOVE_FROM_SEGMENT = Rule("sensitive", "mov segment", PUSH_SEGMENT.advice)
MOVE_TO_SEGMENT = Rule("sensitive", "mov segment", POP_SEGMENT.advice)
STACK_SEGMENT = (
    "It is checked against the real ring; SS changes with the mode, the monitor sees to that."
)
POP_STACK_SEGMENT = Rule("sensitive", "pop segment", STACK_SEGMENT)
MOVE_TO_STACK_SEGMENT = Rule("sensitive", "mov segment", STACK_SEGMENT)
SEGMENT_CASES = (PUSH_SEGMENT, POP_SEGMENT, MOVE_TO_SEGMENT)

DEVICE = "There are no ports: use `console_write` and `console_read`, and links by `event_send`."
CACHES = "Caches are the monitor's; leave it out."
VIRTUALIZATION = "It starts a monitor, and there is one; the contract's call is `vmcall`."

PRIVILEGED = _rules(
    "privileged",
    {
        "hlt": ("hlt", "Wait for an event by the call `block`."),
        "cli": ("cli", "Set `events_masked` in the shared page."),
        "sti": (
            "sti",
            "Clear `events_masked` in the shared page, then call `event_poll` if an event is due.",
        ),
        "port": ("in out insb insw insd outsb outsw outsd", DEVICE),
        "lgdt": ("lgdt", "The descriptor table is the monitor's: selectors stay as they are."),
        "lidt": ("lidt", "Register handlers by `trap_handlers_set`."),
        "lldt": ("lldt", "There is no local table; leave it out."),
        "ltr": ("ltr", "The stack for traps from user mode is set by `kernel_stack_set`."),
        "lmsw": ("lmsw", "Protection and paging are always on; leave it out."),
        "clts": ("clts", "The monitor saves floating-point state at each switch; leave it out."),
        "model-specific register": (
            "rdmsr wrmsr",
            "Bases are read and set by `base_get` and `base_set`, the system-call entry by "
            "`callback_set`.",
        ),
        "rdpmc": ("rdpmc", "Counters are the host's; read the clock by `time_get`."),
        "caches": ("invd wbinvd wbnoinvd", CACHES),
        "invlpg": ("invlpg invpcid", "Drop translations by `translation_flush`."),
        "swapgs": ("swapgs", "The monitor switches the base with the mode; set it by `base_set`."),
        "sysret": ("sysret sysretq sysexit sysexitq", "Return to user mode by the call `iret`."),
        "wait": ("monitor mwait monitorx mwaitx", "Wait for an event by the call `block`."),
        "access to user pages": ("clac stac", "User pages are mapped or not; leave it out."),
        "system management": ("rsm getsec", "There is no such mode; leave it out."),
        "virtualization": (
            "vmclear vmlaunch vmresume vmptrld vmptrst vmread vmwrite vmxoff vmxon vmfunc "
            "vmload vmsave vmrun vmmcall invept invvpid skinit stgi clgi invlpga",
            VIRTUALIZATION,
        ),
        "enclaves": ("encls enclv", "There are no enclaves; partitions contain."),
    },
)
CONTROL_REGISTERS = {
    "cr0": "Protection and paging are always on; floating-point state is the monitor's: omit it.",
    "cr2": "The address of a page fault is `fault_address` of the trap frame.",
    "cr3": "Switch the address space by `roots_set`; keep the root's frame in your own data.",
    "cr4": "The monitor chooses the processor's features; leave it out.",
    "cr8": "Mask events by `events_masked`, or ports by `events_disabled`.",
}
CONTROL_REGISTER_OTHER = "There is no such register for a guest; leave it out."
DEBUG_REGISTER = "Debug registers are the monitor's; leave it out."

ABSENT = "The modelled processor does not have it; build without it (-march=x86-64)."
UNSUPPORTED = _rules(
    "unsupported",
    {
        "random number": (
            "rdrand rdseed",
            "It would break determinism and is absent; start from the seed on the start page.",
        ),
        "sysenter": (
            "sysenter",
            "User programs use `syscall`; its entry is set by `callback_set`.",
        ),
        "extended state": (
            "xsave xsave64 xsavec xsavec64 xsaves xsaves64 xsaveopt xsaveopt64 xrstor xrstor64 "
            "xrstors xrstors64 xgetbv xsetbv",
            "It is not enabled, and the monitor saves the state; use fxsave and fxrstor.",
        ),
        "segment base": (
            "rdfsbase rdgsbase wrfsbase wrgsbase",
            "It is not enabled; use `base_get` and `base_set`.",
        ),
        "transaction": ("xbegin xend xabort xtest", ABSENT),
        "later instruction": (
            "movbe adcx adox sha1rnds4 sha1nexte sha1msg1 sha1msg2 sha256rnds2 sha256msg1 "
            "sha256msg2 clflushopt clwb rdpkru wrpkru enclu rdpid",
            ABSENT,
        ),
    },
)
VECTOR_EXTENSION = Rule(
    "unsupported",
    "vector extension",
    "AVX and its kin end in #UD; build with -march=x86-64, which uses SSE2.",
)
UNDECODABLE = Rule(
    "unsupported",
    "undecodable",
    "No instruction that the checker knows: it is data, or newer than the modelled processor.",
)

RULES = {**SENSITIVE, **PRIVILEGED, **UNSUPPORTED}
# Where 32-bit guests write something else instead.
RULES_32 = {
    **_rules(
        "sensitive",
        {
            "str": (
                "str",
                "It stores the real task register; keep the processor's own data in a segment, by "
                "`descriptor_set`.",
            ),
        },
    ),
    **_rules(
        "privileged",
        {
            "lgdt": (
                "lgdt",
                "The descriptor table is the monitor's; data segments are set by `descriptor_set`.",
            ),
            "model-specific register": (
                "rdmsr wrmsr",
                "Segments are set by `descriptor_set`, the system-call entry by `callback_set`.",
            ),
        },
    ),
    **_rules(
        "unsupported",
        {
            "sysenter": (
                "sysenter",
                "User programs use int 0x80; its entry is set by `callback_set`.",
            ),
            "syscall": (
                "syscall",
                "Only 64-bit code has it: call by int 0x82, and user programs by int 0x80.",
            ),
        },
    ),
}
SENSITIVE_CASES = frozenset(rule.case for rule in (*SENSITIVE.values(), *SEGMENT_CASES))

# How 32-bit kernels call the monitor, and user programs their kernel.
CALL_INTERRUPTS = frozenset({hex(HYPERCALL_VECTOR), hex(SYSTEM_CALL_VECTOR)})
# Segment registers that a guest leaves alone. In 32 bits it loads the others by itself, with
# selectors of the contract and of its own; they hold nothing that it did not put there.
_SEGMENTS = {
    32: frozenset({"cs", "ss"}),
    64: frozenset({"cs", "ds", "es", "fs", "gs", "ss"}),
}
_TO_SEGMENT = {
    32: {"pop": POP_STACK_SEGMENT, "mov": MOVE_TO_STACK_SEGMENT},
    64: {"pop": POP_SEGMENT, "mov": MOVE_TO_SEGMENT},
}
_FAR_LOADS = frozenset({"lds", "les", "lfs", "lgs", "lss"})
_CONTROL = re.compile(r"\b(cr\d+)\b")
_DEBUG = re.compile(r"\b[dt]r\d+\b")
_LEGACY_PREFIXES = frozenset({0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3})
_REX = range(0x40, 0x50)
# VEX with three and two bytes, EVEX; XOP shares its byte with `pop`.
_VECTOR_OPCODES = frozenset({0xC4, 0xC5, 0x62})
_XOP_OPCODE = 0x8F
# Calls and jumps through registers and memory; the next byte says which, and whether far.
_INDIRECT_OPCODE = 0xFF


def rule_of(mnemonic: str, operands: str, code: bytes, width: int) -> Rule | None:
    """Return why an instruction is reported; None where a guest may use it."""
    name = mnemonic.rpartition(" ")[2]
    if name == "int" and width == 32 and operands in CALL_INTERRUPTS:
        return None
    found = RULES_32.get(name) if width == 32 else None
    found = found or RULES.get(name) or _far_branch(name, code, width)
    if found is not None:
        return found
    if name in _FAR_LOADS:
        return _TO_SEGMENT[width]["mov"] if name[1:] in _SEGMENTS[width] else None
    if name in ("push", "pop", "mov"):
        return _operand_rule(name, operands, width)
    return VECTOR_EXTENSION if is_vector_extension(code, width) else None


def is_vector_extension(code: bytes, width: int) -> bool:
    """Say whether bytes begin a VEX, EVEX or XOP instruction, known to a decoder or not."""
    at = _prefix_count(code, width)
    if at + 1 >= len(code):
        return False
    opcode, following = code[at], code[at + 1]
    if opcode == _XOP_OPCODE:
        return following & 0x38 != 0
    # In 32 bits the same bytes are LES, LDS and BOUND, whose operand lies in memory.
    return opcode in _VECTOR_OPCODES and (width == 64 or following >= 0xC0)


def _far_branch(name: str, code: bytes, width: int) -> Rule | None:
    """Return the rule of a far branch through memory, which a decoder may name like a near one."""
    if name not in ("call", "jmp"):
        return None
    at = _prefix_count(code, width)
    if at + 1 >= len(code) or code[at] != _INDIRECT_OPCODE:
        return None
    far_case = {3: "lcall", 5: "ljmp"}.get(code[at + 1] >> 3 & 7)
    return SENSITIVE[far_case] if far_case is not None else None


def _prefix_count(code: bytes, width: int) -> int:
    """Return how many prefixes stand before an instruction's opcode."""
    at = 0
    while at < len(code) and (code[at] in _LEGACY_PREFIXES or (width == 64 and code[at] in _REX)):
        at += 1
    return at


def _operand_rule(name: str, operands: str, width: int) -> Rule | None:
    """Return the rule of an instruction that is reported for one of its operands only."""
    words = [word.strip() for word in operands.split(",")]
    if name in ("push", "pop"):
        if words[0] not in _SEGMENTS[width]:
            return None
        return PUSH_SEGMENT if name == "push" else _TO_SEGMENT[width]["pop"]
    if words[0] in _SEGMENTS[width]:
        return _TO_SEGMENT[width]["mov"]
    if words[-1] in _SEGMENTS[width]:
        return MOVE_FROM_SEGMENT
    control = _CONTROL.search(operands)
    if control is not None:
        register = control.group(1)
        advice = CONTROL_REGISTERS.get(register, CONTROL_REGISTER_OTHER)
        return Rule("privileged", f"mov {register}", advice)
    if _DEBUG.search(operands) is not None:
        return Rule("privileged", "mov debug register", DEBUG_REGISTER)
    return None
