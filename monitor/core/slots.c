/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slots: slot k of cycle c of a processor's map begins at c * period + its start,
 * whatever happened before. What a record runs beyond the end of a slot becomes its
 * debt and the clock is set back, so that the next slot is whole. Called by
 * schedule.c. Does not choose who runs.
 */
#include "slots.h"

void slots_forget_yields(const struct view_processor *map)
{
    for (uint32_t slot = 0; slot < map->slot_count; slot++) {
        record_get(map->slots[slot].virtual_processor)->yielded = YIELD_NONE;
    }
}

void slots_forgive_yields(const struct view_processor *map)
{
    for (uint32_t slot = 0; slot < map->slot_count; slot++) {
        struct virtual_processor *record = record_get(map->slots[slot].virtual_processor);

        if (record->yielded == YIELD_GIVEN) {
            record->yielded = YIELD_NONE;
        }
    }
}

/* Who yielded in a slot is its owner, or one to whom it was donated. */
static void slot_leave(const struct processor *processor, const struct view_processor *map)
{
    const struct view_slot *slot = &map->slots[processor->slot];

    if ((slot->flags & SLOT_DONATES) != 0) {
        slots_forget_yields(map);
    } else {
        record_get(slot->virtual_processor)->yielded = YIELD_NONE;
    }
}

/* The common case: the slot that follows. */
static void slot_follow(struct processor *processor, const struct view_processor *map)
{
    processor->slot = processor->slot + 1 < map->slot_count ? processor->slot + 1 : 0;
    processor->slot_start_cycles = processor->slot_end_cycles;
    processor->slot_end_cycles += map->slots[processor->slot].quantum_cycles;
}

/* After the start and after long idling: any slot of any cycle. */
static void slot_find(struct processor *processor, const struct view_processor *map, uint64_t now)
{
    uint64_t offset = now % map->period_cycles;
    uint32_t slot = 0;

    while (slot + 1 < map->slot_count && map->slots[slot + 1].start_cycles <= offset) {
        slot++;
    }
    processor->slot = slot;
    processor->slot_start_cycles = now - offset + map->slots[slot].start_cycles;
    processor->slot_end_cycles = processor->slot_start_cycles + map->slots[slot].quantum_cycles;
}

uint64_t slots_advance(struct processor *processor, const struct view_processor *map,
                       struct virtual_processor *previous, uint64_t now)
{
    if (processor->slot_entered == 0) {
        processor->slot_entered = 1;
        slots_forget_yields(map);
        slot_find(processor, map, now);
        return now;
    }
    if (now < processor->slot_end_cycles) {
        return now;
    }
    slot_leave(processor, map);
    if (!record_is_idle(previous) && now > processor->slot_end_cycles) {
        uint64_t overshoot_cycles = now - processor->slot_end_cycles;

        previous->debt_cycles += overshoot_cycles;
        platform_clock_rebate(processor->id, overshoot_cycles);
        now = processor->slot_end_cycles;
    }
    slot_follow(processor, map);
    if (now >= processor->slot_end_cycles) {
        slot_find(processor, map, now);
    }
    return now;
}

/* A slot of a record in debt counts too: that it is withheld has to be written down. */
uint64_t slots_next_use(const struct processor *processor, const struct view_processor *map)
{
    uint64_t start_cycles = processor->slot_end_cycles;
    uint64_t use_cycles = TIME_NEVER;
    uint32_t slot = processor->slot;
    bool any_runnable = false;

    for (uint32_t count = 0; count < map->slot_count; count++) {
        const struct view_slot *next;
        bool runnable;

        slot = slot + 1 < map->slot_count ? slot + 1 : 0;
        next = &map->slots[slot];
        runnable = record_get(next->virtual_processor)->state == VIRTUAL_PROCESSOR_RUNNABLE;
        any_runnable |= runnable;
        /* Whoever is runnable may use a slot that donates. */
        if (use_cycles == TIME_NEVER && (runnable || (next->flags & SLOT_DONATES) != 0)) {
            use_cycles = start_cycles;
        }
        start_cycles += next->quantum_cycles;
    }
    return any_runnable ? use_cycles : TIME_NEVER;
}
