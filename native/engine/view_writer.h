/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the view and what a booting host's firmware leaves in memory. A plain host-side
 * function for now: the resource database takes its place without touching the monitor.
 */
#ifndef VIEW_WRITER_H
#define VIEW_WRITER_H

#include <stdint.h>

struct machine;

/* The first body, to be filled until the boot. */
int view_open(struct machine *machine);
/* Completes the maps of slots: from here on the monitor may read the view. */
void view_publish(struct machine *machine);
/* Descriptor table, the monitor's page tables, frame count: what firmware hands over. */
void firmware_prepare(struct machine *machine);

#endif
