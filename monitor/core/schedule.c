/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scheduling is executed here, not decided: a slot of the map belongs to its record;
 * what the record does not use goes to idle, or to the next runnable one where the
 * slot donates. A record in debt stops so much earlier. Called by monitor.c, trap.c,
 * event.c, timer.c, processor.c and generation.c, always on the processor that is decided for.
 */
#include "schedule.h"

#include "descriptors.h"
#include "event.h"
#include "generation.h"
#include "hypercall.h"
#include "memory.h"
#include "processor.h"
#include "slots.h"
#include "timer.h"
#include "watchdog.h"

static void schedule_map_check(const struct processor *processor, const struct view_processor *map)
{
    const struct view_body *body = view_body(processor);
    uint64_t start_cycles = 0;

    MONITOR_ASSERT(map->slot_count <= SLOT_LIMIT);
    for (uint32_t index = 0; index < map->slot_count; index++) {
        const struct view_slot *slot = &map->slots[index];

        MONITOR_ASSERT(slot->start_cycles == start_cycles);
        MONITOR_ASSERT(slot->quantum_cycles >= QUANTUM_MINIMUM_CYCLES);
        MONITOR_ASSERT(slot->virtual_processor < body->virtual_processor_count);
        MONITOR_ASSERT(body->virtual_processors[slot->virtual_processor].processor ==
                       processor->id);
        start_cycles += slot->quantum_cycles;
        MONITOR_ASSERT(start_cycles > slot->start_cycles);
    }
    MONITOR_ASSERT(map->period_cycles == start_cycles);
}

static bool schedule_map_is(const struct view_processor *map, const struct view_processor *other)
{
    if (map->slot_count != other->slot_count) {
        return false;
    }
    for (uint32_t index = 0; index < map->slot_count; index++) {
        const struct view_slot *slot = &map->slots[index];
        const struct view_slot *new = &other->slots[index];

        if (slot->virtual_processor != new->virtual_processor || slot->flags != new->flags ||
            slot->quantum_cycles != new->quantum_cycles) {
            return false;
        }
    }
    return true;
}

static bool record_can_run(const struct virtual_processor *record)
{
    return record->state == VIRTUAL_PROCESSOR_RUNNABLE && record->yielded == YIELD_NONE;
}

/* Until when a record may run in the current slot: its own one is shortened by its debt. */
static uint64_t schedule_run_end(const struct processor *processor,
                                 const struct view_processor *map,
                                 const struct virtual_processor *record)
{
    uint64_t quantum_cycles = map->slots[processor->slot].quantum_cycles;
    uint64_t debt_cycles = record->debt_cycles;

    if (map->slots[processor->slot].virtual_processor != record->id) {
        return processor->slot_end_cycles;
    }
    return debt_cycles < quantum_cycles ? processor->slot_end_cycles - debt_cycles
                                        : processor->slot_start_cycles;
}

/* The owner may not have the rest of its slot, which pays off that much of its debt. */
static void schedule_withhold(const struct processor *processor, struct virtual_processor *owner,
                              uint64_t now)
{
    uint64_t withheld_cycles = processor->slot_end_cycles - now;

    owner->debt_cycles =
        owner->debt_cycles > withheld_cycles ? owner->debt_cycles - withheld_cycles : 0;
    owner->yielded = YIELD_WITHHELD;
}

static struct virtual_processor *schedule_idle(const struct processor *processor)
{
    return record_get(IDLE_ID_FIRST + processor->id);
}

/* The owner, or the next in map order where the slot donates; idle when nobody can run. */
static struct virtual_processor *schedule_candidate(const struct processor *processor,
                                                    const struct view_processor *map, uint64_t now)
{
    const struct view_slot *slot = &map->slots[processor->slot];
    struct virtual_processor *owner = record_get(slot->virtual_processor);
    uint32_t index = processor->slot;

    if (record_can_run(owner)) {
        if (now < schedule_run_end(processor, map, owner)) {
            return owner;
        }
        schedule_withhold(processor, owner, now);
    }
    if ((slot->flags & SLOT_DONATES) != 0) {
        for (uint32_t count = 1; count < map->slot_count; count++) {
            struct virtual_processor *record;

            index = index + 1 < map->slot_count ? index + 1 : 0;
            record = record_get(map->slots[index].virtual_processor);
            if (record_can_run(record)) {
                return record;
            }
        }
    }
    return schedule_idle(processor);
}

/* Donated time goes round among those who yield: idle only when nobody wants it. */
static struct virtual_processor *schedule_choose(const struct processor *processor,
                                                 const struct view_processor *map, uint64_t now)
{
    struct virtual_processor *record = schedule_candidate(processor, map, now);

    if (record_is_idle(record) && (map->slots[processor->slot].flags & SLOT_DONATES) != 0) {
        slots_forgive_yields(map);
        record = schedule_candidate(processor, map, now);
    }
    return record;
}

static void time_page_write(const struct virtual_processor *record, uint64_t now)
{
    volatile struct time_page *page =
        machine_pointer(partition_of(record)->time_frame << PAGE_SHIFT);

    page->sequence++;
    page->time_cycles = now;
    page->sequence++;
}

static void schedule_switch(struct processor *processor, const struct virtual_processor *previous,
                            const struct virtual_processor *next, uint64_t now)
{
    if (next == previous) {
        return;
    }
    processor->current = next->id;
    processor->attention = 1;
    processor->switches++;
    if (!record_is_idle(next)) {
        descriptors_load(processor, next);
        time_page_write(next, now);
    }
    /*
     * The exit path still saves into it and runs on its root: it is free at the next entry, which
     * this one is for whoever departed before.
     */
    if (previous->state == VIRTUAL_PROCESSOR_STOPPED &&
        partition_is_living(partition_of(previous))) {
        processor_depart(processor);
        processor->departed = previous->id + 1;
        /* What has departed is let go at once, not when something else happens. */
        processor->entry_due_cycles = now;
    }
}

static void schedule_deadline(const struct processor *processor, const struct view_processor *map,
                              uint64_t timer_cycles)
{
    const struct virtual_processor *current = record_get(processor->current);
    uint64_t deadline = record_is_idle(current) ? slots_next_use(processor, map)
                                                : schedule_run_end(processor, map, current);

    if (timer_cycles < deadline) {
        deadline = timer_cycles;
    }
    if (processor->entry_due_cycles < deadline) {
        deadline = processor->entry_due_cycles;
    }
    if (processor->watchdog_due_cycles < deadline) {
        deadline = processor->watchdog_due_cycles;
    }
    platform_deadline_set(processor->id, deadline);
}

void schedule_deadline_update(const struct processor *processor)
{
    const struct view_processor *map = schedule_map(processor);

    schedule_deadline(processor, map, timers_next(map));
}

static void schedule_wake_all(const struct view_processor *map)
{
    for (uint32_t slot = 0; slot < map->slot_count; slot++) {
        (void)event_wake(record_get(map->slots[slot].virtual_processor));
    }
}

/*
 * What the old map still owes is settled first: who has run beyond its slot has a debt, and the
 * others lose nothing.
 */
void schedule_map_follow(struct processor *processor)
{
    const struct view_processor *next = &view_body(processor)->processors[processor->id];
    struct view_processor *map = &monitor_state()->maps[processor->id];

    schedule_map_check(processor, next);
    if (schedule_map_is(map, next)) {
        return;
    }
    if (processor->slot_entered != 0) {
        (void)slots_advance(processor, map, record_get(processor->current),
                            platform_time(processor->id));
        slots_forget_yields(map);
    }
    memory_copy(map, next, sizeof(*map));
    processor->slot_entered = 0;
    schedule_wake_all(map);
}

void schedule_run(struct processor *processor, bool kicked)
{
    const struct view_processor *map = schedule_map(processor);
    struct virtual_processor *previous = record_get(processor->current);
    struct virtual_processor *next = schedule_idle(processor);
    uint64_t now = platform_time(processor->id);
    uint64_t timer_cycles = TIME_NEVER;

    if (map->slot_count != 0) {
        now = slots_advance(processor, map, previous, now);
    }
    if (UNLIKELY(processor->watchdog_due_cycles <= now)) {
        watchdogs_expire(processor, now);
    }
    if (map->slot_count != 0) {
        timer_cycles = timers_expire(map, now);
        if (kicked) {
            schedule_wake_all(map);
        }
        next = schedule_choose(processor, map, now);
    }
    schedule_switch(processor, previous, next, now);
    if (record_is_idle(next) && UNLIKELY(generation_wants(processor))) {
        processor->entry_due_cycles = now;
    }
    schedule_deadline(processor, map, timer_cycles);
}

void schedule_woken(const struct virtual_processor *record)
{
    struct processor *processor = processor_of(record);

    if (schedule_map(processor)->slots[processor->slot].virtual_processor == record->id) {
        schedule_run(processor, false);
    }
}

int64_t hc_yield(struct virtual_processor *caller)
{
    caller->yielded = YIELD_GIVEN;
    processor_of(caller)->attention = 1;
    return 0;
}
