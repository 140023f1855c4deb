/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the view in force has a partition's guest frames. Whether the monitor has given them, and
 * what may be done there, each caller judges by its own rule: a device (iommu.c) or a program
 * (hosted.c).
 */
#ifndef VIEW_LOOKUP_H
#define VIEW_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

/* The machine frame behind a frame of the partition's extents, or 0: none of them has it. */
uint64_t view_extent_frame(const struct machine *machine, uint32_t partition, uint64_t guest_frame);

/* The same of a mapped channel's end: its row, its side and the machine frame. */
struct channel_frame {
    uint32_t row, side;
    uint64_t machine_frame;
};
/* False: no channel of the partition is there. */
bool view_channel_frame(const struct machine *machine, uint32_t partition, uint64_t guest_frame,
                        struct channel_frame *found);

#endif
