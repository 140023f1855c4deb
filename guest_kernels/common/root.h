/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of building tables in which the widths differ: what a root holds beside the
 * space's own tables. Between tables.c and root_64.c or root_32.c only.
 */
#ifndef ROOT_H
#define ROOT_H

#include <width.h>

#define LINK_FLAGS (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER)

/* Entries of pinned tables: read through the direct map, written through the monitor. */
uint64_t slot_read(uint64_t table, uint32_t slot);
void slot_write(uint64_t table, uint32_t slot, uint64_t value);

/* Gives an empty root what every space has. */
void root_fill(uint64_t root);

#endif
