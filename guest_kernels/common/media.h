/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disks of a guest, as its control channel tells of them: channels of one instance are the
 * paths to one disk, and disks are numbered in the order in which they were first heard of. Maps
 * what appears, lets go of what goes, tells the ultravisor of a path that was lost. A guest with
 * channels of its own besides gives the operations for them. One user, one virtual processor.
 */
#ifndef MEDIA_H
#define MEDIA_H

#include "control.h"
#include "disk.h"

#define MEDIA_DISK_LIMIT 8u

/*
 * Finds the control channel and waits for nothing; 0: this partition has none. Devices of other
 * types are handed to `others`, which may be 0, with its context; events_start comes before.
 */
int media_start(const struct control_operations *others, void *context);

/* Takes control messages and moves every disk: how much was done. To be called after each event. */
uint32_t media_poll(void);

/* Waits for an event when there is nothing to do. Called with events masked, like events_wait. */
void media_wait(void);

/* Disk `number`, from 0 on; 0: not heard of yet. Paths may operate, or not. */
struct disk *media_disk(uint32_t number);

#endif
