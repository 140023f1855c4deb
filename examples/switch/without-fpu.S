/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's own paths, but a switch neither saves nor restores the state of FPU and SSE:
 * what taking it lazily can buy at most, where no guest uses it. Not for guests that do: they
 * would see each other's. For `ultravisor bench switch --entry`.
 */
.macro fxsave64 place:vararg
.endm
.macro fxrstor64 place:vararg
.endm

#include "entry.S"
