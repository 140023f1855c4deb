/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a load seldom does: see prefetch.h. */
#include "prefetch.h"

#include "hierarchy.h"

#define STRIDE_LIMIT_BYTES 2048 /* SOM E.2.5.4: half a page, forward or backward */

/* SOM E.2.5.4: not beyond a page of 4 KiB, and not when many misses are in progress. */
void prefetch_ask(struct timing_core *core, const struct timing_access *access,
                  int64_t distance_bytes, uint64_t *asked_line, uint64_t cycle)
{
    uint64_t target = access->address + (uint64_t)distance_bytes;
    uint64_t line = (access->machine_address + (uint64_t)distance_bytes) >> LINE_BITS;
    bool beyond = (target ^ access->address) >> PAGE_BITS != 0;
    if (beyond || hierarchy_prefetch(core, line, cycle)) {
        *asked_line = line + 1;
    }
}

/* The place of an entry that has not been used since all others were. */
static uint32_t replace(struct prefetch_state *state, uint64_t instruction_address)
{
    uint32_t place = (uint32_t)__builtin_ctz(STRIDE_PLACES & ~state->used);
    struct stride_entry *entry = &state->strides[place];
    if (state->places[entry->instruction] == place) {
        state->places[entry->instruction] = 0;
    }
    *entry = (struct stride_entry){.instruction = (uint8_t)instruction_address};
    state->places[entry->instruction] = (uint8_t)place;
    return place;
}

/*
 * AFTERIMAGE: a load with another distance is still followed at the stride that was believed;
 * its own distance is what counts from then on.
 */
void prefetch_train(struct timing_core *core, const struct timing_access *access,
                    uint64_t instruction_address, uint64_t cycle)
{
    struct prefetch_state *state = &core->state.memory.prefetch;
    uint32_t place = state->places[instruction_address & 0xff];
    int64_t distance = 0;
    if (place == 0) {
        place = replace(state, instruction_address);
    } else {
        distance = (int64_t)(access->address - state->strides[place].address);
    }
    struct stride_entry *entry = &state->strides[place];
    if (entry->confidence == STRIDE_BELIEVED) {
        prefetch_at(core, access, entry->stride_bytes, &entry->asked_line, cycle);
    }
    bool regular = distance >= -STRIDE_LIMIT_BYTES && distance <= STRIDE_LIMIT_BYTES;
    entry->address = access->address;
    entry->stride_bytes = regular ? (int32_t)distance : 0;
    entry->confidence = 1;
    prefetch_mark(state, place);
}

void prefetch_forget(struct timing_core *core)
{
    memset(&core->state.memory.prefetch, 0, sizeof core->state.memory.prefetch);
}
