/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the pipeline shares with the rest of the core: how a place that no instruction follows
 * is written down. Used by core.c and pipeline.c.
 */
#ifndef TIMING_PIPELINE_H
#define TIMING_PIPELINE_H

/* Of code: nothing lies there. */
#define NO_ADDRESS (~0ull)
#define NO_PORT 255u

#endif
