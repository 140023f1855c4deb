/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and writing what a guest names by its own addresses, with the guest's own rights:
 * the walk that the processor would make, accessed and dirty bits included. Used where an
 * instruction is executed by us, far_transfer.c; knows neither instructions nor segments.
 */
#ifndef GUEST_ACCESS_H
#define GUEST_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "machine_memory.h"

/* Whose rights: the tables, and whether they must grant the access to ring 3. */
struct guest_rights {
    const struct machine_memory *memory;
    uint64_t root;
    bool user;
};

/* What a page fault says. */
struct guest_fault {
    uint64_t address;
    uint32_t error_code;
};

/* Whether the bytes could be read, or written; changes nothing. False: *fault says why not. */
bool guest_access_allowed(const struct guest_rights *rights, uint64_t address, uint32_t size_bytes,
                          bool write, struct guest_fault *fault);

/* The access itself; it has been allowed. Marks the tables as the processor does. */
void guest_access_read(const struct guest_rights *rights, uint64_t address, void *to,
                       uint32_t size_bytes);
void guest_access_write(const struct guest_rights *rights, uint64_t address, const void *from,
                        uint32_t size_bytes);

#endif
