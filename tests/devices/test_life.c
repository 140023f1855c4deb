/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fences and resets with requests in flight, and devices that are saved, loaded and hashed. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

static void writing(struct rig *rig)
{
    rig_block(rig, false);
    rig_start(rig, F_FLUSH);
    memset(rig->memory + RIG_BUFFER, 0x91, 512);
    rig_request(rig, BLK_OUT, 0, 512, false);
    rig_send(rig, 0, 0);
}

static uint8_t disk_byte(struct rig *rig)
{
    uint8_t byte = 0;
    CHECK_EQUAL(disk_read(rig->disk, 0, &byte, 1), 0);
    return byte;
}

static void a_fence_stops_what_is_in_flight(void)
{
    struct rig rig;
    writing(&rig);
    device_fence(rig.device, false);
    uint64_t reached = rig.reach_count;
    CHECK_EQUAL(device_due(rig.device), DEVICE_NEVER);
    rig.now = 10 * RIG_LATENCY;
    device_act(rig.device);
    rig_write(&rig, R_QUEUE_NOTIFY, 0);
    CHECK_EQUAL(rig.reach_count, reached);
    CHECK_EQUAL(rig.interrupt_count, 0);
    CHECK_EQUAL(rig_status(&rig), NOT_ANSWERED);
    CHECK_EQUAL(disk_byte(&rig), 0);
    CHECK_EQUAL(rig_report(&rig).in_flight_count, 1);
    device_fence(rig.device, true);
    CHECK_EQUAL(device_due(rig.device), RIG_LATENCY);
    device_act(rig.device);
    CHECK_EQUAL(rig_status(&rig), BLK_S_OK);
    CHECK_EQUAL(disk_byte(&rig), 0x91);
    CHECK_EQUAL(rig.interrupt_count, 1);
    rig_free(&rig);
}

/* What was offered during a fence is found when it ends, notified or not. */
static void a_device_looks_when_its_fence_ends(void)
{
    struct rig rig;
    rig_block(&rig, false);
    rig_start(&rig, F_FLUSH);
    device_fence(rig.device, false);
    rig_request(&rig, BLK_FLUSH, 0, 0, false);
    rig_send(&rig, 0, 0);
    CHECK_EQUAL(rig_report(&rig).in_flight_count, 0);
    rig.now = 500;
    device_fence(rig.device, true);
    CHECK_EQUAL(device_due(rig.device), 500 + RIG_LATENCY);
    rig_run(&rig);
    CHECK_EQUAL(rig_status(&rig), BLK_S_OK);
    rig_free(&rig);
}

/* An interrupt that a fence held back comes with its end. */
static void a_fence_holds_interrupts_back(void)
{
    struct switch_options options = {.port_count = 1};
    char reason[DEVICE_REASON_LIMIT];
    struct network_switch *medium = switch_new(&options, reason);
    struct rig rig;
    rig_network(&rig, medium, 0);
    rig_start(&rig, 0);
    device_fence(rig.device, false);
    device_link_set(rig.device, false);
    CHECK_EQUAL(rig.interrupt_count, 0);
    device_fence(rig.device, true);
    CHECK_EQUAL(rig.interrupt_count, 1);
    CHECK_EQUAL(rig_read(&rig, R_INTERRUPT_STATUS), 2);
    rig_free(&rig);
    switch_free(medium);
}

static void a_reset_drops_what_is_in_flight(void)
{
    struct rig rig;
    writing(&rig);
    rig_write(&rig, R_STATUS, 0);
    CHECK_EQUAL(rig_report(&rig).in_flight_count, 0);
    CHECK_EQUAL(device_due(rig.device), DEVICE_NEVER);
    rig.now = 10 * RIG_LATENCY;
    device_act(rig.device);
    CHECK_EQUAL(rig_status(&rig), NOT_ANSWERED);
    CHECK_EQUAL(disk_byte(&rig), 0);
    CHECK_EQUAL(rig_used_index(&rig, 0), 0);
    rig_start(&rig, F_FLUSH);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 512, false), BLK_S_OK);
    CHECK_EQUAL(disk_byte(&rig), 0x91);
    rig_free(&rig);
}

static void a_queue_that_is_stopped_forgets_its_requests(void)
{
    struct rig rig;
    writing(&rig);
    rig_write(&rig, R_QUEUE_SEL, 0);
    rig_write(&rig, R_QUEUE_READY, 0);
    rig.now = 10 * RIG_LATENCY;
    device_act(rig.device);
    CHECK_EQUAL(rig_status(&rig), NOT_ANSWERED);
    rig_queue(&rig, 0, 8);
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_OK);
    CHECK_EQUAL(rig_used_index(&rig, 0), 1);
    CHECK_EQUAL(disk_byte(&rig), 0);
    rig_free(&rig);
}

static void a_failed_driver_is_not_served(void)
{
    struct rig rig;
    writing(&rig);
    rig_write(&rig, R_STATUS, STARTED | FAILED);
    rig.now = 10 * RIG_LATENCY;
    device_act(rig.device);
    CHECK_EQUAL(rig_status(&rig), NOT_ANSWERED);
    rig_free(&rig);
}

/* From the middle of a request on, the loaded device does what the saved one would have done. */
static void a_loaded_device_goes_on(void)
{
    struct rig rig, other;
    writing(&rig);
    rig_block(&other, false);
    size_t size_bytes = device_save(rig.device, NULL, 0);
    uint8_t *saved = malloc(size_bytes);
    CHECK_EQUAL(device_save(rig.device, saved, size_bytes), size_bytes);
    CHECK(device_load(other.device, saved, size_bytes));
    memcpy(other.memory, rig.memory, RIG_MEMORY_BYTES);
    CHECK_EQUAL(device_hash(other.device), device_hash(rig.device));
    rig_run(&rig);
    rig_run(&other);
    CHECK_EQUAL(device_hash(other.device), device_hash(rig.device));
    CHECK_EQUAL(disk_hash(other.disk), disk_hash(rig.disk));
    CHECK(memcmp(other.memory, rig.memory, RIG_MEMORY_BYTES) == 0);
    CHECK_EQUAL(disk_byte(&other), 0x91);
    CHECK_EQUAL(other.now, RIG_LATENCY);
    free(saved);
    rig_free(&rig);
    rig_free(&other);
}

/* Of another kind, cut, too long, or with positions that no device can have. */
static void what_cannot_be_loaded(void)
{
    struct rig rig, console;
    writing(&rig);
    rig_console(&console);
    size_t size_bytes = device_save(rig.device, NULL, 0);
    uint8_t *saved = calloc(1, size_bytes + 1);
    (void)device_save(rig.device, saved, size_bytes);
    uint64_t hash = device_hash(rig.device);
    CHECK(!device_load(console.device, saved, size_bytes));
    CHECK(!device_load(rig.device, saved, size_bytes - 1));
    CHECK(!device_load(rig.device, saved, size_bytes + 1));
    CHECK(!device_load(rig.device, saved, 0));
    saved[0] ^= 1;
    CHECK(!device_load(rig.device, saved, size_bytes));
    saved[0] ^= 1;
    uint32_t accepted = 0;
    for (size_t place = 8; place < 240; place++) {
        saved[place] ^= 0xff;
        if (device_load(rig.device, saved, size_bytes)) {
            accepted++;
            device_act(rig.device); /* what is accepted may be wrong, never harmful */
        }
        saved[place] ^= 0xff;
    }
    CHECK(accepted != 0 && accepted < 232);
    CHECK(device_load(rig.device, saved, size_bytes));
    CHECK_EQUAL(device_hash(rig.device), hash);
    CHECK_EQUAL(device_save(rig.device, saved, 10), size_bytes);
    free(saved);
    rig_free(&rig);
    rig_free(&console);
}

static const struct test tests[] = {
    {"a_fence_stops_what_is_in_flight", a_fence_stops_what_is_in_flight},
    {"a_device_looks_when_its_fence_ends", a_device_looks_when_its_fence_ends},
    {"a_fence_holds_interrupts_back", a_fence_holds_interrupts_back},
    {"a_reset_drops_what_is_in_flight", a_reset_drops_what_is_in_flight},
    {"a_queue_that_is_stopped_forgets_its_requests", a_queue_that_is_stopped_forgets_its_requests},
    {"a_failed_driver_is_not_served", a_failed_driver_is_not_served},
    {"a_loaded_device_goes_on", a_loaded_device_goes_on},
    {"what_cannot_be_loaded", what_cannot_be_loaded},
    {NULL, NULL},
};

const struct suite suite_life = {"life", tests};
