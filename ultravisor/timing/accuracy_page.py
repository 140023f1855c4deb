# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes docs/accuracy.md from files of measurements.

Owns the categories and the page's text. Run by developers who have the measurements:
`python -m ultravisor.timing.accuracy_page skylake=FILE haswell=FILE`. It must not know how
predictions are made.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import capstone

from ultravisor.errors import UsageError
from ultravisor.machine.cores import CORES
from ultravisor.machine.cycle_core import BlockMeter, costs
from ultravisor.machine.interface import TimingIdeal
from ultravisor.timing.accuracy import PredictedBlock, accuracy, read_measurements
from ultravisor.timing.evaluation import predict_block
from ultravisor.timing.switching_section import switching_section

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ultravisor.timing.accuracy import MeasuredBlock

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "accuracy.md"
PARAMETERS = ROOT / "native" / "timing" / "parameters.c"
IDEALS = {
    "front end": TimingIdeal.FRONT_END,
    "ports": TimingIdeal.PORTS,
    "dependencies": TimingIdeal.DEPENDENCIES,
}
# What has to be gained by leaving a thing out, for it to be the bottleneck.
GAIN = 0.05


def _stores(text: str) -> bool:
    return any(
        "[" in line.split(",")[0] and not line.startswith(("cmp", "test", "lea", "nop"))
        for line in text.split("; ")
    )


CLASSES: dict[str, Callable[[str], bool]] = {
    "locked or serialising": lambda text: any(
        word in text for word in ("lock ", "xchg", "cpuid", "pause", "fence")
    ),
    "division": lambda text: "div" in text,
    "vector or x87": lambda text: "xmm" in text or "ymm" in text or " st(" in text or "fld" in text,
    "push, pop, call": lambda text: "push" in text or "pop" in text or "call" in text,
    "loads and stores": _stores,
    "loads": lambda text: "[" in text.replace("lea", ""),
    "registers only": lambda _text: True,
}

HEAD = """# Accuracy of the cycle-level cores

Written by `python -m ultravisor.timing.accuracy_page skylake=FILE haswell=FILE`; not edited by
hand. All predictions are modelled; all reference figures are
measurements published with the BHive suite (MIT licence), unrolled blocks in the state of its
harness. The mean of the absolute relative error counts
every row; a row with an instruction that no table knows counts as 100 %.

The measurements themselves are noisy: their authors' successors found 4.4 % between them and a
careful repetition on Skylake, 2.5 % on Haswell (Abel and Reineke, ICS 2022); a figure below these
would mean that noise was fitted.

No figure of the model was fitted to a row. Some rules were noticed because rows of these files
showed them, and were kept as general facts: that Haswell's last decoder leaves what might be fused,
that a store under another virtual address does not forward, that CMOVcc and SETcc need the old
destination late, the latency of shifts by CL, and where the harness's code begins. So these figures
are not those of data that nobody had seen. Manuals, tables and papers named as sources were quoted
from memory and not opened again; LLVM's tables and the harness were read, and so were the sources
of which `native/timing/parameters.c` and `native/timing/tables/system.inc` say it.
"""

TAIL = """
## What is not modelled

* **Values.** A division takes the time of operands whose upper half is a sign or zero extension;
  denormal numbers and x87 assists cost nothing extra.
* **AVX-512** (EVEX encodings) has no entries: such an instruction is timed by a default and
  counted. Transitions between VEX and legacy encodings are free.
* **The front end**: the jump erratum of Skylake (SKX102), what the loop buffer of Haswell and Ivy
  Bridge refuses beside loops that are too long, a limit of taken branches other than their port,
  and the limits of move elimination are left out. Code that another evicts from the first cache or
  TLB keeps its micro-ops; a root that is loaded takes them all away.
* **High bytes** (`ah` to `dh`) are parts of their register, not renamed apart.
* **Unrolled code comes through the decoders.** In the harness a part of short blocks came from
  the micro-op cache, which is why the smallest blocks are predicted up to a third too slow.
* **Memory**: pages are of 4 KiB; a page walk reads synthetic tables through the second cache; no
  bandwidth limit beyond the fill buffers; the replacement is true LRU.
* **Prefetchers**: of Intel's four all are there, in their published kind. How recent the load
  before must be that makes the first cache's next line come, and what the choice between prefetches
  of one cycle is, are not known: here the load before in the page, and both. Strides are
  kept in the same table of 24 entries on every core (`native/timing/prefetch.h` has the sources).
  No measurement of whole streams was compared. String
  instructions train none. Of Zen 4's three in the first cache there is the one of strides, by the
  rules of Intel's; those of streams and regions are left out, because when they begin and how far
  they go is not published.
* **The choice of a port** is the published model (Abel and Reineke), which is known to be simpler
  than the machine (Oziel and others, 2026): chains of one-cycle operations beside other work are
  predicted up to 60 % too slow.
* **Branches**: the predictor's shape is known in kind, not in size; wrong paths fetch nothing and
  disturb nothing.
* **Frequencies, turbo, simultaneous threads, interrupts of the platform** do not exist.
* **Ivy Bridge is declared and not validated**: its tables are LLVM's Sandy Bridge model, and no
  measurement was compared.
* **Zen 4 is declared and not validated**: no measured blocks of code were at hand. Single
  instructions were compared with InstLatX64's measurements of an EPYC 9654 (by hand; no test
  repeats it). Of 879 register forms the reciprocal throughput agrees within 10 % or 0.09 cycles
  for 698; 42 of the others are copies and zero idioms, which that suite shows as free. Of 773 the
  latency does for 657; most others are operations on MMX registers and saturating ones, for which
  LLVM says one cycle less. The same comparison of Skylake with a Xeon 8160 gives 754 of 849 and
  720 of 751. LEA, BSF, BSR, TZCNT, LZCNT, DIV, IDIV and LOCK were corrected by these measurements.
* **What AMD does otherwise** and the Zen 4 core does not: how dispatch chooses a port is not
  published (the emptiest, here); its four integer schedulers are one, and its two vector
  schedulers with the queue before them are one; an entry is held by a micro-op, not by a macro-op;
  the loop buffer; memory renaming; limits of an op cache line other than its macro-ops; a second
  level of the TLB for code apart from that for data; one taken branch a cycle; two stores a cycle
  to the same line (here one); the third cache as a victim cache; zero idioms beyond those of Intel
  (PANDN, saturating subtraction, MMX); LEA of one register as a copy.
* The published data say nothing about branches, the micro-op cache, caches beyond the first and
  transitions: those rest on microbenchmarks against published figures
  (`tests/native/test_timing_*.py`) and on the table below.
"""


def class_of(code: bytes) -> str:
    """Return the first of the classes that a block belongs to."""
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    text = "; ".join(f"{name} {operands}" for _, _, name, operands in decoder.disasm_lite(code, 0))
    return next(name for name, belongs in CLASSES.items() if belongs(text))


def bottleneck_of(meter: BlockMeter, code: bytes, cycles: float) -> str:
    """Return what, left out, makes the block faster, and by most."""
    gains = {}
    for name, ideal in IDEALS.items():
        without = predict_block(meter, code, int(ideal))
        gains[name] = (cycles - (without if without is not None else cycles)) / cycles
    name = max(gains, key=lambda key: gains[key])
    return name if gains[name] > GAIN else "issue and retirement, or several"


def _table(title: str, groups: dict[str, list[PredictedBlock]]) -> list[str]:
    lines = ["", f"| {title} | blocks | mean error | median error |", "|---|---|---|---|"]
    for name, rows in sorted(groups.items(), key=lambda item: -len(item[1])):
        found = accuracy(rows)
        mean, middle = found.mape_percent, found.median_percent
        lines.append(f"| {name} | {found.blocks} | {mean:.1f} % | {middle:.1f} % |")
    return lines


def core_section(core: str, blocks: Sequence[MeasuredBlock]) -> str:
    """Return the part of the page about one core."""
    meter = BlockMeter(core)
    rows = [PredictedBlock(block, predict_block(meter, block.code)) for block in blocks]
    bottlenecks: dict[str, list[PredictedBlock]] = {}
    classes: dict[str, list[PredictedBlock]] = {}
    for row in rows:
        bottleneck = bottleneck_of(meter, row.block.code, row.cycles or 1.0)
        bottlenecks.setdefault(bottleneck, []).append(row)
        classes.setdefault(class_of(row.block.code), []).append(row)
    found = accuracy(rows)
    within = sum(row.error <= 0.05 for row in rows) / len(rows)
    lines = [
        "",
        f"## {core.capitalize()}",
        "",
        f"{found.blocks} blocks, {found.unsupported} not supported: mean error "
        f"**{found.mape_percent:.2f} %**, median {found.median_percent:.2f} %, Kendall's tau "
        f"**{found.kendall_tau:.3f}**, {100 * within:.0f} % of the blocks within 5 %.",
        *_table("bound by", bottlenecks),
        *_table("with", classes),
    ]
    return "\n".join(lines) + "\n"


def cost_section() -> str:
    """Return the table of instructions that cost cycles instead of ports."""
    lines = ["", "## Costs without ports", ""]
    lines += ["In cycles; *slanted* where no measurement of that core is known. The short names of"]
    lines += ["sources are explained in `native/timing/tables/system.inc`.", ""]
    lines += [f"| instruction | {' | '.join(CORES)} | source |"]
    lines += ["|---" * (len(CORES) + 2) + "|"]
    for row in zip(*(costs(core) for core in CORES), strict=True):
        name = row[0].name.lower().replace("_", " ")
        cells = [f"*{cell.cycles}*" if cell.assumed else str(cell.cycles) for cell in row]
        lines.append(f"| `{name}` | {' | '.join(cells)} | {row[0].source} |")
    return "\n".join(lines) + "\n"


def assumption_section() -> str:
    """Return the parameters for which there is no measurement, from where they are kept."""
    lines = ["", "## Assumed parameters", ""]
    lines += ["Marked `[A]` in `native/timing/parameters.c`:", ""]
    core = "every core"
    for line in PARAMETERS.read_text(encoding="utf-8").splitlines():
        name = re.search(r'\.name = "(\w+)"', line)
        core = name[1] if name is not None else core
        row = re.search(r"\.(\w+) = (.+?),?\s*/\* (.*\[A\].*) \*/", line)
        if row is not None:
            lines.append(f"* {core}: `{row[1]}` = {row[2]} ({row[3].replace('[A]', 'assumed')})")
    return "\n".join(lines) + "\n"


def render(measurements: dict[str, Path]) -> str:
    """Return the whole page."""
    sections = [core_section(core, read_measurements(path)) for core, path in measurements.items()]
    return (
        HEAD
        + "".join(sections)
        + TAIL
        + switching_section()
        + assumption_section()
        + cost_section()
    )


def main(arguments: list[str]) -> None:
    """Write the page; without measurements its figures would be lost."""
    measurements = {}
    if not arguments:
        raise UsageError("no measurements", "name them: skylake=FILE.csv haswell=FILE.csv")
    for argument in arguments:
        core, separator, path = argument.partition("=")
        if not separator:
            raise UsageError(f"{argument}: not CORE=FILE")
        measurements[core] = Path(path)
    PAGE.write_text(render(measurements), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
