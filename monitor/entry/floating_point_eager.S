/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FPU and SSE of a switch, eagerly: included by entry.S. What is not lazy cannot leak. */

.macro floating_point_boot
.endm

        /* %rdx: the record that stops. */
.macro floating_point_leave
        fxsave64 RECORD_floating_point(%rdx)
.endm

        /* %rsi: the record that goes on. */
.macro floating_point_enter
        fxrstor64 RECORD_floating_point(%rsi)
.endm

        /* Nothing raises it: CR0.TS is never set. */
.macro floating_point_trap
        trap_stub VECTOR_DEVICE_NOT_AVAILABLE, 0
.endm
