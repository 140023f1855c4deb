/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host does for a monitor of either build: called by platform_native.c directly
 * and by doorbell.c when the doorbell rings. Arguments from a doorbell come from
 * the simulated monitor, which is ours, but processors and partitions are checked there.
 */
#ifndef PLATFORM_HOST_H
#define PLATFORM_HOST_H

#include <stdint.h>

struct machine;

/* Before the monitor's code runs natively for this machine. */
void platform_enter(struct machine *machine);

uint64_t host_time(struct machine *machine, uint32_t processor_id);
void host_deadline_set(struct machine *machine, uint32_t processor_id, uint64_t deadline_cycles);
void host_clock_rebate(struct machine *machine, uint32_t processor_id, uint64_t cycles);
void host_kick(struct machine *machine, uint32_t processor_id);
void host_translation_flush(struct machine *machine, uint32_t partition);
void host_code_changed(struct machine *machine, uint32_t partition);
void host_console_write(struct machine *machine, uint32_t partition, uint64_t machine_address,
                        uint32_t size_bytes);
uint32_t host_console_read(struct machine *machine, uint32_t partition, uint64_t machine_address,
                           uint32_t size_bytes);
_Noreturn void host_panic(struct machine *machine, const char *where);

#endif
