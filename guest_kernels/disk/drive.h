/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's disk, when its device is one: a request at a time, and waited for. */
#ifndef DRIVE_H
#define DRIVE_H

#include "io.h"

/* From reset to running. */
void drive_start(void);
uint64_t drive_sector_count(void);
/*
 * A read or a write of whole sectors, to or from a device address: guest-physical. Returns an enum
 * disk_status.
 */
uint32_t drive_transfer(enum disk_operation operation, uint64_t sector, uint64_t address,
                        uint32_t size_bytes);
uint32_t drive_flush(void);

#endif
