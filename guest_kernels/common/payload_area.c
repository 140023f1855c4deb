/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns which blocks of an area are lent: the next run that is long enough, all around.
 */
#include "payload_area.h"

#include "bytes.h"

static uint32_t blocks(uint32_t size_bytes)
{
    return (size_bytes - 1) / PAYLOAD_BLOCK_SIZE_BYTES + 1;
}

void payload_reset(struct payload_area *area, uint32_t offset, uint64_t channel_size_bytes)
{
    uint64_t size_bytes = channel_size_bytes > offset ? channel_size_bytes - offset : 0;

    memset(area, 0, sizeof(*area));
    area->offset = offset;
    area->block_count = size_bytes >= (uint64_t)PAYLOAD_BLOCK_LIMIT * PAYLOAD_BLOCK_SIZE_BYTES
                            ? PAYLOAD_BLOCK_LIMIT
                            : (uint32_t)size_bytes / PAYLOAD_BLOCK_SIZE_BYTES;
}

uint32_t payload_size_bytes(const struct payload_area *area)
{
    return area->block_count * PAYLOAD_BLOCK_SIZE_BYTES;
}

/* The first run of free blocks in [begin, end) that is long enough; `end` when there is none. */
static uint32_t run_find(const struct payload_area *area, uint32_t begin, uint32_t end,
                         uint32_t count)
{
    uint32_t length = 0;

    for (uint32_t block = begin; block < end; block++) {
        length = area->lent[block] ? 0 : length + 1;
        if (length == count) {
            return block + 1 - count;
        }
    }
    return end;
}

uint32_t payload_lend(struct payload_area *area, uint32_t size_bytes)
{
    uint32_t count = blocks(size_bytes);
    uint32_t begin = run_find(area, area->next, area->block_count, count);

    if (begin == area->block_count) {
        begin = run_find(area, 0, area->block_count, count);
    }
    if (begin == area->block_count) {
        return 0;
    }
    memset(area->lent + begin, 1, count);
    area->next = begin + count;
    return area->offset + begin * PAYLOAD_BLOCK_SIZE_BYTES;
}

void payload_return(struct payload_area *area, uint32_t offset, uint32_t size_bytes)
{
    memset(area->lent + (offset - area->offset) / PAYLOAD_BLOCK_SIZE_BYTES, 0, blocks(size_bytes));
}
