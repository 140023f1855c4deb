/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The area of payload of a channel, which its client owns, as blocks that are lent to requests.
 * What is lent is known here only, never from the channel: nobody else can change it. Pure.
 */
#ifndef PAYLOAD_AREA_H
#define PAYLOAD_AREA_H

#include <stdint.h>

#define PAYLOAD_BLOCK_SIZE_BYTES 4096u
#define PAYLOAD_BLOCK_LIMIT 512u /* what lies behind them stays unused */

struct payload_area {
    uint32_t offset; /* of block 0, from the channel's beginning */
    uint32_t block_count;
    uint32_t next; /* where the search begins */
    uint8_t lent[PAYLOAD_BLOCK_LIMIT];
};

/* The area from `offset` to the channel's end, all of it free. */
void payload_reset(struct payload_area *area, uint32_t offset, uint64_t channel_size_bytes);

uint32_t payload_size_bytes(const struct payload_area *area);

/* The offset from the channel's beginning of so many bytes, at least one; 0: no room now. */
uint32_t payload_lend(struct payload_area *area, uint32_t size_bytes);
void payload_return(struct payload_area *area, uint32_t offset, uint32_t size_bytes);

#endif
