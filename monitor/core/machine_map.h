/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the monitor's own data lies in machine memory: the same in both builds.
 * Owns only numbers; used by monitor/core, monitor/entry (assembler too) and
 * native/engine, which plays the part of the firmware.
 */
#ifndef MACHINE_MAP_H
#define MACHINE_MAP_H

/* The first MiB is never given to anybody: a zero machine address is a mistake. */
#define VIEW_REGION_ADDRESS 0x00100000 /* read-only for monitor and engines */
#define VIEW_REGION_SIZE_BYTES 0x00100000
#define MONITOR_IMAGE_ADDRESS 0x00200000 /* simulated build: text, constants, data */
#define MONITOR_IMAGE_SIZE_BYTES 0x00100000
#define MONITOR_TEXT_SIZE_BYTES 0x00020000 /* of it: executable, the rest is not */
#define MONITOR_STATE_ADDRESS 0x00300000   /* struct monitor */
#define MONITOR_STATE_SIZE_BYTES 0x00200000
#define MONITOR_STACKS_ADDRESS 0x00500000 /* simulated build: a stack a processor */
#define MONITOR_STACK_SIZE_BYTES 0x00004000
#define MONITOR_BOOT_ROOT_ADDRESS 0x005e0000 /* simulated build: L4 table of boot and idling */
#define DESCRIPTOR_TABLES_ADDRESS 0x005f0000 /* GDTs, a page a processor; engines: read-only */
#define INTERRUPT_TABLE_ADDRESS 0x005f8000 /* one page: the IDT; guests see where, not what */
#define TASK_SELECTOR_FIRST 0x40 /* of processor 0; the next ones are 16 apart */
#define MONITOR_TABLES_ADDRESS 0x00600000 /* page tables and TSS pages that the firmware builds */
#define MONITOR_TABLES_SIZE_BYTES 0x00100000
#define MONITOR_ROOTS_ADDRESS 0x00700000 /* the L4 tables of 32-bit virtual processors */
#define MONITOR_ROOTS_SIZE_BYTES 0x00100000
#define FRAME_TABLE_ADDRESS 0x00800000 /* struct frame for every machine frame; guests follow */

/* Simulated build: machine address 0 as the monitor sees it, L4 slot 256. */
#define MONITOR_DIRECT_ADDRESS 0xffff800000000000

#endif
