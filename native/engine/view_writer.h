/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the view as far as a configuration says it before the boot, and what a booting host's
 * firmware leaves in memory. From the boot on, view_publication.c brings the next generations.
 */
#ifndef VIEW_WRITER_H
#define VIEW_WRITER_H

#include <stdint.h>

struct machine;
struct view_body;

/* The first body, to be filled until the boot. */
int view_open(struct machine *machine);
/* Starts of slots and periods are sums of the quanta. */
void view_complete(struct view_body *body);
/* Generation 1: from here on the monitor may read the view. */
void view_publish_first(struct machine *machine);
/* Descriptor table, the monitor's page tables, frame count: what firmware hands over. */
void firmware_prepare(struct machine *machine);

#endif
