/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traps into the guest kernel; see trap.c. */
#ifndef TRAP_H
#define TRAP_H

#include "state.h"

#define TRAP_INVALID_OPCODE 6
#define TRAP_GENERAL_PROTECTION 13
#define TRAP_PAGE_FAULT 14

/* What is delivered, and where to. */
struct trap {
    uint64_t vector;
    uint64_t error_code;
    uint64_t fault_address;
    uint64_t handler_address;
    bool mask_events;
};

/*
 * Writes the frame and makes the record enter the handler in kernel mode. False: the
 * frame could not be written and the partition is stopped. Whoever delivers to the
 * record that is loaded has to load its root when it was in user mode.
 */
bool trap_deliver(struct virtual_processor *record, const struct trap *trap);

/* Root and GS base of a 64-bit guest follow the mode; those of a 32-bit guest serve both. */
void trap_mode_set(struct virtual_processor *record, uint32_t user_mode);

/* Makes that true of the record that is loaded, between trap_mode_set's two sides. */
static inline void trap_mode_save(struct virtual_processor *current)
{
    if (!record_is_32(current)) {
        platform_bases_save(current);
    }
}

static inline void trap_mode_load(struct virtual_processor *current)
{
    if (!record_is_32(current)) {
        platform_bases_load(current);
        platform_root_load(current);
    }
}

/* After any entry of a guest: what the processor would refuse to load is gone. */
void trap_sanitise(struct virtual_processor *record);

/* Whatever made the running record enter the monitor, other than a call from kernel mode. */
void trap_handle(struct virtual_processor *current);

#endif
