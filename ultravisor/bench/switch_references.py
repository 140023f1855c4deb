# SPDX-License-Identifier: GPL-2.0-or-later
"""Published costs to stand beside a path.

Owns the figures, their machines and sources, and what differs. They are checks, never what
a model is fitted to. Those whose source was not read again say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ultravisor.bench.switch_results import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping

_L4RE = "l4re.org/perf and l4re.org/performance"
_SEL4 = "Elphinstone and Heiser, SOSP 2013, and trustworthy.systems"
_DALL = "Dall et al., ISCA 2016, table II"
_NO_HARDWARE = "hardware virtualization: the exit saves and loads more than a system call"
_IPC = "carries a message, between address spaces of one kernel"

_NULL: Final = (
    Reference(
        160,
        "null system call, 148 instructions",
        "Xeon Platinum 8352S (Ice Lake-SP)",
        _L4RE,
        "a kernel's own system call; core clocks; a later core",
        verified=True,
    ),
    Reference(
        1300,
        "hypercall of KVM",
        "Xeon E5-2450 (Sandy Bridge-EN)",
        _DALL,
        _NO_HARDWARE,
        verified=False,
    ),
    Reference(
        1228,
        "hypercall of Xen",
        "Xeon E5-2450 (Sandy Bridge-EN)",
        _DALL,
        _NO_HARDWARE,
        verified=False,
    ),
)
_ONE_WAY: Final = (
    Reference(
        301,
        "IPC of seL4, one way, hot",
        "Core i7-4770 (Haswell), 32 bits",
        _SEL4,
        f"{_IPC}; no FPU state is switched",
        verified=True,
    ),
    Reference(
        1172,
        "IPC of L4Re between address spaces, 613 instructions",
        "Xeon Gold 6248R (Cascade Lake)",
        _L4RE,
        f"{_IPC}; core clocks",
        verified=True,
    ),
    Reference(
        4812,
        "switch of virtual machines by KVM",
        "Xeon E5-2450 (Sandy Bridge-EN)",
        _DALL,
        "an exit, a switch in the host and an entry, by hardware virtualization",
        verified=False,
    ),
    Reference(
        10534,
        "switch of virtual machines by Xen",
        "Xeon E5-2450 (Sandy Bridge-EN)",
        _DALL,
        "an exit, a switch in the host and an entry, by hardware virtualization",
        verified=False,
    ),
)
_EVENT: Final = (
    Reference(
        5562,
        "virtual interrupt to another processor of Xen, one way",
        "Xeon E5-2450 (Sandy Bridge-EN)",
        _DALL,
        "one way, between processors, by hardware virtualization",
        verified=False,
    ),
)
_FAULT: Final = (
    Reference(
        6552,
        "page fault of a Linux on Xen, 2.73 us at 2.4 GHz",
        "2.4 GHz Xeon (Pentium 4)",
        "Barham et al., SOSP 2003, tables 3 to 5",
        "lmbench: finding and mapping the page is in it",
        verified=False,
    ),
)
_SYSTEM_CALL: Final = (
    Reference(
        1510,
        "system call of an application in gVisor on KVM, 408 ns at 3.7 GHz",
        "Xeon W-2135 (Skylake-W)",
        "gVisor pull request 7370",
        "the kernel is a guest's ring 0; its handler does more",
        verified=True,
    ),
    Reference(
        1104,
        "null call of a Linux on Xen, 0.46 us at 2.4 GHz",
        "2.4 GHz Xeon (Pentium 4)",
        "Barham et al., SOSP 2003, tables 3 to 5",
        "32 bits, where the trap goes to the guest's kernel without Xen",
        verified=False,
    ),
)

REFERENCES: Final[Mapping[str, tuple[Reference, ...]]] = {
    "null": _NULL,
    "yield": _ONE_WAY,
    "event": _EVENT,
    "page-fault": _FAULT,
    "system-call": _SYSTEM_CALL,
}
