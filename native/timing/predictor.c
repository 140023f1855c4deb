/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Branch prediction: see predictor.h. */
#include "predictor.h"

#include <string.h>

#define TAG_MASK 0xfffu
#define NO_TABLE TAGGED_TABLES

static const uint8_t history_bits[TAGGED_TABLES] = {5, 12, 27, 60};

static uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdull;
    value ^= value >> 29;
    return value;
}

struct place {
    uint32_t index[TAGGED_TABLES];
    uint16_t tag[TAGGED_TABLES];
    uint32_t provider; /* the longest history that knows the branch */
};

static struct place find_place(const struct predictor *predictor, uint64_t address)
{
    struct place place = {.provider = NO_TABLE};
    for (uint32_t table = 0; table < TAGGED_TABLES; table++) {
        uint64_t history = predictor->history & ((1ull << history_bits[table]) - 1);
        uint64_t hash = mix(address * 0x9e3779b97f4a7c15ull ^ history << 2 ^ table);
        place.index[table] = (uint32_t)(hash % TAGGED_LIMIT);
        place.tag[table] = (uint16_t)((hash >> 40 & TAG_MASK) | 1u);
        if (predictor->tagged[table][place.index[table]].tag == place.tag[table]) {
            place.provider = table;
        }
    }
    return place;
}

static int8_t moved(int8_t counter, bool up, int8_t low, int8_t high)
{
    if (up) {
        return (int8_t)(counter < high ? counter + 1 : high);
    }
    return (int8_t)(counter > low ? counter - 1 : low);
}

/* A branch that was mispredicted gets an entry with a longer history. */
static void allocate(struct predictor *predictor, const struct place *place, bool taken)
{
    uint32_t first = place->provider == NO_TABLE ? 0 : place->provider + 1;
    for (uint32_t table = first; table < TAGGED_TABLES; table++) {
        struct tagged_counter *entry = &predictor->tagged[table][place->index[table]];
        if (entry->useful == 0) {
            *entry = (struct tagged_counter){.tag = place->tag[table],
                                             .counter = (int8_t)(taken ? 0 : -1)};
            return;
        }
        entry->useful--;
    }
}

static bool predict_direction(struct predictor *predictor, uint64_t address, bool taken)
{
    struct place place = find_place(predictor, address);
    int8_t *bimodal = &predictor->bimodal[mix(address) % BIMODAL_LIMIT];
    bool base = *bimodal >= 0;
    bool predicted = base;
    if (place.provider != NO_TABLE) {
        struct tagged_counter *entry =
            &predictor->tagged[place.provider][place.index[place.provider]];
        predicted = entry->counter >= 0;
        if (predicted != base) {
            entry->useful =
                (uint8_t)(predicted == taken ? (entry->useful < 3 ? entry->useful + 1 : 3)
                                             : (entry->useful > 0 ? entry->useful - 1 : 0));
        }
        entry->counter = moved(entry->counter, taken, -4, 3);
    } else {
        *bimodal = moved(*bimodal, taken, -2, 1);
    }
    if (predicted != taken) {
        allocate(predictor, &place, taken);
    }
    predictor->history = predictor->history << 1 | taken;
    return predicted;
}

/* Whether the target buffer knew it; it does from now on. */
static bool know_target(struct predictor *predictor, uint64_t address, uint64_t target)
{
    struct branch_target *entry = &predictor->targets[mix(address) % TARGET_LIMIT];
    bool known = entry->address == address && entry->target == target;
    *entry = (struct branch_target){.address = address, .target = target};
    return known;
}

enum prediction predictor_conditional(struct timing_core *core, uint64_t address, bool taken,
                                      uint64_t target)
{
    struct predictor *predictor = &core->state.predictor;
    bool predicted = predict_direction(predictor, address, taken);
    if (predicted != taken) {
        if (taken) {
            (void)know_target(predictor, address, target);
        }
        return PREDICTION_WRONG;
    }
    return !taken || know_target(predictor, address, target) ? PREDICTION_RIGHT : PREDICTION_LATE;
}

enum prediction predictor_direct(struct timing_core *core, uint64_t address, uint64_t target)
{
    return know_target(&core->state.predictor, address, target) ? PREDICTION_RIGHT
                                                                : PREDICTION_LATE;
}

enum prediction predictor_indirect(struct timing_core *core, uint64_t address, uint64_t target)
{
    struct predictor *predictor = &core->state.predictor;
    if (address - core->unpredicted_address < core->unpredicted_size_bytes) {
        return PREDICTION_WRONG; /* and nothing is learnt */
    }
    uint64_t hash = mix(address * 0x9e3779b97f4a7c15ull ^ (predictor->history & 0xffff));
    struct branch_target *entry = &predictor->indirect[hash % INDIRECT_LIMIT];
    bool by_history = entry->address == address && entry->target == target;
    bool has_history = entry->address == address;
    *entry = (struct branch_target){.address = address, .target = target};
    bool known = know_target(predictor, address, target);
    predictor->history = predictor->history << 2 | (mix(target) & 3);
    return (has_history ? by_history : known) ? PREDICTION_RIGHT : PREDICTION_WRONG;
}

void predictor_call(struct timing_core *core, uint64_t return_address)
{
    struct predictor *predictor = &core->state.predictor;
    uint32_t entries = core->parameters->return_entries;
    predictor->return_stack[predictor->returns++ % entries] = return_address;
}

/* A ring: after more calls than it holds the oldest are overwritten. */
enum prediction predictor_return(struct timing_core *core, uint64_t target)
{
    struct predictor *predictor = &core->state.predictor;
    uint32_t entries = core->parameters->return_entries;
    uint64_t *entry = &predictor->return_stack[--predictor->returns % entries];
    return *entry == target ? PREDICTION_RIGHT : PREDICTION_WRONG;
}

void predictor_forget_targets(struct timing_core *core)
{
    struct predictor *predictor = &core->state.predictor;
    memset(predictor->targets, 0, sizeof predictor->targets);
    memset(predictor->indirect, 0, sizeof predictor->indirect);
}

void predictor_forget_returns(struct timing_core *core)
{
    struct predictor *predictor = &core->state.predictor;
    memset(predictor->return_stack, 0, sizeof predictor->return_stack);
}
