/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables of the guest's own address spaces, by direct paging: tables hold
 * machine frames, are read-only for the guest while they are pinned, and change by
 * calls of the monitor. Frames here are guest-physical.
 */
#ifndef TABLES_H
#define TABLES_H

#include "abi.h"

/* An empty address space: the frame of its root, to be translated for roots_set. */
uint64_t space_create(void);

/* Sees each page's entry while a space is torn down, when its frame is no longer mapped there. */
typedef void space_entry_function(uint64_t entry);

/* Gives all tables back, lowest last; the space must not be the one in use. */
void space_destroy(uint64_t root, space_entry_function *function);

/* The entry that maps the page, or 0. */
uint64_t space_entry(uint64_t root, uint64_t address);

/* Writes that entry, with the tables it needs above it; 0 removes the page. */
void space_entry_set(uint64_t root, uint64_t address, uint64_t entry);

#endif
