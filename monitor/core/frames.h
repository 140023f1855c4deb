/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owner, type and counts of every machine frame; see frames.c. */
#ifndef FRAMES_H
#define FRAMES_H

#include "state.h"

/* The frame must be below frame_count. */
static inline struct frame *frame_get(uint64_t number)
{
    struct frame *frames = machine_pointer(FRAME_TABLE_ADDRESS);

    return &frames[number];
}

static inline bool frame_is_owned(uint64_t number, uint32_t partition)
{
    return number < monitor_state()->frame_count && frame_get(number)->owner == partition;
}

/* The level of a page table, 0 for any other frame. */
static inline uint32_t frame_table_level(const struct frame *frame)
{
    return frame->type >= FRAME_TABLE_1 && frame->type <= FRAME_TABLE_4
               ? (uint32_t)frame->type - FRAME_TABLE_1 + 1
               : 0;
}

/* First frame behind the monitor's own memory, its frame table included. */
uint64_t frames_monitor_end(void);

/* Counts one reference, and one use of the type unless it is FRAME_NONE. Undone by frame_drop. */
enum error frame_take(uint64_t number, enum frame_type type);
void frame_drop(uint64_t number, enum frame_type type);

/* After a successful take, once the entry stands: who wrote and who executes. Never undone. */
void frame_settle(uint64_t number, enum frame_type type);

/* Scrubs it, and it is nobody's: the only way from one owner to another. Nothing may map it. */
void frame_free(uint64_t number);

#endif
