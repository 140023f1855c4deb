/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables of the guest's own address spaces, by direct paging: tables hold
 * machine frames, are read-only for the guest while they are pinned, and change by
 * calls of the monitor. Frames here are guest-physical.
 */
#ifndef TABLES_H
#define TABLES_H

#include "abi.h"

/* An address space without user pages: the frame of its root. */
uint64_t space_create(void);

/* Makes it the one of user mode; or leaves user mode without one. */
int64_t space_enter(uint64_t root);
int64_t space_leave(void);

/* Sees each page's entry while a space is torn down, when its frame is no longer mapped there. */
typedef void space_entry_function(uint64_t entry);

/* Gives all tables back, lowest last; the space must not be the one in use. */
void space_destroy(uint64_t root, space_entry_function *function);

/* The entry that maps the page, or 0. */
uint64_t space_entry(uint64_t root, uint64_t address);

/* Writes that entry, with the tables it needs above it; 0 removes the page. */
void space_entry_set(uint64_t root, uint64_t address, uint64_t entry);
/* The same where the monitor may refuse the entry; returns what it answered. */
int64_t space_entry_try(uint64_t root, uint64_t address, uint64_t entry);

#endif
