/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random drivers from fixed seeds: mostly right, often not, against each kind of device. Whatever
 * they do, a device answers, does a bounded amount of work, touches nothing that the IOMMU refuses
 * (the sanitizers see to it) and does the same again from the same seed.
 */
#include "rig.h"

#include <string.h>

#define SEED_COUNT 300u
#define STEP_COUNT 400u
#define REACH_LIMIT 400000u /* of one act: some hundred requests, some hundred pieces each */

static uint64_t random_state;

static uint32_t draw(uint32_t count)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) % count);
}

static uint32_t odd_number(void)
{
    static const uint32_t odd[] = {0, 1, 7, 8, 15, 16, 511, 512, 0xffff, 0x10000, 0xffffffff};
    return draw(4) != 0 ? draw(1024) : odd[draw(11)];
}

static uint64_t odd_address(void)
{
    switch (draw(8)) {
    case 0:
        return UINT64_MAX - draw(64);
    case 1:
        return RIG_MEMORY_BYTES - draw(64);
    default:
        return RIG_DATA + draw(0x4000);
    }
}

static void descriptor(struct rig *rig, uint64_t table)
{
    uint32_t flags = draw(16) == 0 ? INDIRECT : draw(4);
    rig_descriptor(rig, table, draw(9), odd_address(), odd_number(), flags, draw(9));
}

/* A right request or frame in the queue, of which the next step may spoil anything. */
static void right_request(struct rig *rig, uint32_t queue)
{
    static const uint32_t types[] = {BLK_IN, BLK_OUT, BLK_FLUSH, BLK_GET_ID, BLK_DISCARD, 13, 77};
    bool in = draw(2) == 0;
    if (queue == 0 && rig->disk == NULL) {
        rig_descriptor(rig, rig_ring(0), 0, RIG_BUFFER, 1526 + draw(64), WRITE, 0);
    } else if (queue == 0) {
        rig_request(rig, types[draw(7)], draw(70), draw(9) * 128, in);
    } else {
        rig_descriptor(rig, rig_ring(1), 0, RIG_BUFFER, 12 + 14 + draw(1600), 0, 0);
    }
    rig_send(rig, queue, 0);
}

static uint64_t features(const struct rig *rig)
{
    return (rig->disk != NULL ? F_FLUSH : 0) | F_INDIRECT;
}

static void step(struct rig *rig)
{
    uint32_t queue = draw(2);
    switch (draw(12)) {
    case 0:
        device_write(rig->device, draw(64) * 4, 4, odd_number());
        break;
    case 1:
        (void)device_read(rig->device, draw(0x1000), 1u << draw(3));
        break;
    case 2:
        descriptor(rig, draw(2) != 0 ? rig_ring(queue) : RIG_DATA + draw(0x100));
        break;
    case 3:
        rig_send(rig, queue, draw(9));
        break;
    case 4:
        rig_put(rig, rig_ring(queue) + 0x1000 + draw(24), odd_number(), 2);
        break;
    case 5:
        rig->refused_first = draw(0x14000);
        rig->refused_end = rig->refused_first + (draw(4) == 0 ? 64 : 0);
        break;
    case 6:
        device_fence(rig->device, draw(4) != 0);
        break;
    case 7:
        if (draw(4) == 0 || (rig_read(rig, R_STATUS) & NEEDS_RESET) != 0) {
            rig_start(rig, features(rig));
        }
        break;
    case 8:
        (void)device_input(rig->device, rig->memory + RIG_DATA, draw(100));
        device_link_set(rig->device, draw(2) != 0);
        break;
    default:
        right_request(rig, queue);
    }
}

static void passes(struct rig *rig)
{
    uint64_t reached = rig->reach_count;
    rig->now += draw(2 * RIG_LATENCY);
    device_act(rig->device);
    CHECK(rig->reach_count - reached < REACH_LIMIT);
}

/* A switch's other port keeps sending, so that there is something to receive. */
static void outside(struct network_switch *medium, uint64_t now)
{
    uint8_t frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 9, 9, 9, 9, 9};
    (void)switch_send(medium, 1, frame, sizeof frame, now);
    switch_drop(medium, 1);
}

static uint64_t drive(struct rig *rig, uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    rig_start(rig, features(rig));
    for (uint32_t index = 0; index < STEP_COUNT; index++) {
        step(rig);
        if (rig->medium != NULL) {
            outside(rig->medium, rig->now);
        }
        if (draw(3) == 0) {
            passes(rig);
        }
    }
    /* However it ended, a reset and a right driver bring it back. */
    rig->refused_first = rig->refused_end = 0;
    device_fence(rig->device, true);
    rig_start(rig, features(rig));
    CHECK_EQUAL(rig_read(rig, R_STATUS), STARTED);
    return device_hash(rig->device) ^ rig_report(rig).request_count * 31 ^
           rig_report(rig).refused_count;
}

static uint64_t drive_kind(uint32_t kind, uint64_t seed, uint64_t *completed)
{
    char reason[DEVICE_REASON_LIMIT];
    struct switch_options options = {.port_count = 2};
    struct network_switch *medium = switch_new(&options, reason);
    struct rig rig;
    if (kind == 0) {
        rig_block(&rig, seed % 5 == 0);
    } else if (kind == 1) {
        switch_port_up(medium, 1, true);
        rig_network(&rig, medium, 0);
    } else {
        rig_console(&rig);
    }
    uint64_t hash = drive(&rig, seed);
    *completed += rig_report(&rig).request_count;
    rig_free(&rig);
    switch_free(medium);
    return hash;
}

static void random_drivers(uint32_t kind)
{
    uint64_t completed = 0;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        uint64_t first = drive_kind(kind, seed, &completed);
        CHECK_EQUAL(drive_kind(kind, seed, &completed), first);
    }
    CHECK(completed > (uint64_t)SEED_COUNT * 20); /* a fuzz that only fails would test nothing */
}

static void block_drivers(void)
{
    random_drivers(0);
}

static void network_drivers(void)
{
    random_drivers(1);
}

static void console_drivers(void)
{
    random_drivers(2);
}

static const struct test tests[] = {
    {"block_drivers", block_drivers},
    {"network_drivers", network_drivers},
    {"console_drivers", console_drivers},
    {NULL, NULL},
};

const struct suite suite_fuzz = {"fuzz", tests};
