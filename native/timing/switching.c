/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tags of address spaces, and the barriers of a model: see switching.h. */
#include "switching.h"

#include "front_end.h"
#include "hierarchy.h"
#include "predictor.h"
#include "system.h"

#define OWNER_MASK 0x7ffu /* of a root's low bits, behind the one for the monitor's side */

/* By transition, from the first that costs something: the row that says what. */
static const uint32_t rows[MODEL_COST_LIMIT] = {
    X86_INS_MOV_TO_CR3,     /* ENTRY_ROOT */
    X86_INS_MOV_TO_CR3,     /* EXIT_ROOT */
    X86_INS_WRMSR,          /* ENTRY_RESTRICTION */
    X86_INS_WRMSR,          /* EXIT_RESTRICTION */
    X86_INS_VERW,           /* BUFFER_CLEARING */
    X86_INS_TARGET_BARRIER, /* TARGET_BARRIER */
    X86_INS_DATA_CACHE_FLUSH,
    X86_INS_RETURN_FILLING,
};

void timing_core_model(struct timing_core *core, uint32_t model, uint64_t monitor_address,
                       uint64_t monitor_size_bytes)
{
    core->model = model;
    core->global_address = monitor_address;
    core->global_size_bytes = (model & MODEL_GLOBAL) != 0 ? monitor_size_bytes : 0;
    core->unpredicted_address = monitor_address;
    core->unpredicted_size_bytes = (model & MODEL_RETPOLINE) != 0 ? monitor_size_bytes : 0;
    for (uint32_t i = 0; i < MODEL_COST_LIMIT; i++) {
        core->model_costs[i] = system_cycles_of(rows[i], core->parameters->column);
    }
}

uint64_t switching_cycles(const struct timing_core *core, uint32_t transition)
{
    uint64_t retired = core->state.reorder.retire_cycle;
    uint64_t stored = later(core->state.stores.commit_cycle, core->state.stores.fence_cycle);
    return later(retired, stored) - retired +
           core->model_costs[transition - TIMING_TRANSITION_ENTRY_ROOT];
}

static uint32_t owner_of(uint64_t root)
{
    return root >> 1 & OWNER_MASK;
}

uint32_t timing_core_owner(const struct timing_core *core)
{
    return (uint32_t)core->state.spaces.owner;
}

void timing_core_stale(struct timing_core *core, uint32_t owner, uint32_t in_force_too)
{
    struct spaces *spaces = &core->state.spaces;
    for (uint32_t i = 0; i < SPACE_LIMIT; i++) {
        bool in_force = core->state.space == i + 1;
        if (spaces->roots[i] != 0 && owner_of(spaces->roots[i]) == owner &&
            (!in_force || in_force_too != 0)) {
            spaces->stale |= 1ull << i;
        }
    }
}

/* What is in all spaces stays. */
static void drop_space(struct timing_core *core, uint64_t space)
{
    hierarchy_flush_space(core, space);
    front_end_flush_uops(core);
}

/* The place of a root's tag, or of the one that it gets: the longest unused. */
static uint32_t place_of(const struct spaces *spaces, uint64_t root)
{
    uint32_t place = 0;
    for (uint32_t i = 0; i < SPACE_LIMIT; i++) {
        if (spaces->roots[i] == root) {
            return i;
        }
        place = spaces->used[i] < spaces->used[place] ? i : place;
    }
    return place;
}

/*
 * A root loaded over itself drops its translations: that is what it is loaded for. Others of
 * its owner may hang on the same tables.
 */
static void load_tagged(struct timing_core *core, uint64_t root, bool by_instruction)
{
    struct spaces *spaces = &core->state.spaces;
    uint32_t place = place_of(spaces, root);
    bool known = spaces->roots[place] == root;
    bool again = known && by_instruction && core->state.space == place + 1;
    if (again || (spaces->stale >> place & 1) != 0 || (!known && spaces->roots[place] != 0)) {
        drop_space(core, place + 1);
    }
    if (again) {
        timing_core_stale(core, owner_of(root), 0);
    }
    spaces->stale &= ~(1ull << place);
    spaces->roots[place] = root;
    spaces->used[place] = ++spaces->loads;
    core->state.space = place + 1;
    core->state.front.line = 0;
}

void switching_note_page(struct timing_core *core)
{
    uint64_t space = core->state.space;
    if ((core->model & MODEL_PCID) != 0 && space != 0) {
        timing_core_stale(core, owner_of(core->state.spaces.roots[space - 1]), 0);
    }
}

static void load_root(struct timing_core *core, uint64_t root, bool by_instruction)
{
    if ((core->model & MODEL_PCID) != 0) {
        load_tagged(core, root, by_instruction);
    } else {
        drop_space(core, core->state.space);
    }
    if (owner_of(root) != 0) {
        core->state.spaces.owner = owner_of(root);
    }
}

void switching_apply(struct timing_core *core, uint32_t transition, uint64_t value)
{
    switch (transition) {
    case TIMING_TRANSITION_ROOT:
    case TIMING_TRANSITION_ENTRY_ROOT:
    case TIMING_TRANSITION_EXIT_ROOT:
        load_root(core, value, transition == TIMING_TRANSITION_ROOT);
        break;
    case TIMING_TRANSITION_TARGET_BARRIER:
        predictor_forget_targets(core);
        break;
    case TIMING_TRANSITION_DATA_CACHE_FLUSH:
        hierarchy_empty_data_cache(core);
        break;
    case TIMING_TRANSITION_RETURN_FILLING:
        predictor_forget_returns(core);
        break;
    default:
        break;
    }
}
