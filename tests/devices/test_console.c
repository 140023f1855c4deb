/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console device of virtio 1.2, section 5.3. */
#include "rig.h"

#include <string.h>

#define RECEIVE 0u
#define TRANSMIT 1u

static void started(struct rig *rig)
{
    rig_console(rig);
    rig_start(rig, 0);
}

static void what_the_guest_writes_comes_out(void)
{
    struct rig rig;
    started(&rig);
    CHECK_EQUAL(rig_read(&rig, R_DEVICE_ID), 3);
    memcpy(rig.memory + RIG_BUFFER, "hello", 5);
    rig_descriptor(&rig, rig_ring(TRANSMIT), 0, RIG_BUFFER, 3, NEXT, 1);
    rig_descriptor(&rig, rig_ring(TRANSMIT), 1, RIG_BUFFER + 3, 2, 0, 0);
    rig_send(&rig, TRANSMIT, 0);
    CHECK_EQUAL(rig.output_bytes, 0);
    rig_run(&rig);
    CHECK_EQUAL(rig.output_bytes, 5);
    CHECK(memcmp(rig.output, "hello", 5) == 0);
    CHECK_EQUAL(rig_used_bytes(&rig, TRANSMIT, 0), 0);
    rig_free(&rig);
}

static void what_is_typed_comes_in_by_buffers(void)
{
    struct rig rig;
    started(&rig);
    CHECK_EQUAL(device_input(rig.device, (const uint8_t *)"abcdef", 6), 6);
    rig_run(&rig);
    CHECK_EQUAL(rig.interrupt_count, 0);
    rig_descriptor(&rig, rig_ring(RECEIVE), 0, RIG_BUFFER, 4, WRITE, 0);
    rig_descriptor(&rig, rig_ring(RECEIVE), 1, RIG_BUFFER + 4, 4, WRITE, 0);
    rig_offer(&rig, RECEIVE, 0);
    rig_send(&rig, RECEIVE, 1);
    rig_run(&rig);
    CHECK(memcmp(rig.memory + RIG_BUFFER, "abcdef\0\0", 8) == 0);
    CHECK_EQUAL(rig_used_bytes(&rig, RECEIVE, 0), 4);
    CHECK_EQUAL(rig_used_bytes(&rig, RECEIVE, 1), 2);
    CHECK_EQUAL(rig.interrupt_count, 1);
    rig_free(&rig);
}

static void input_is_bounded(void)
{
    static const uint8_t typed[5000];
    struct rig rig;
    started(&rig);
    CHECK_EQUAL(device_input(rig.device, typed, sizeof typed), 4096);
    CHECK_EQUAL(device_input(rig.device, typed, 1), 0);
    rig_free(&rig);
    rig_block(&rig, false);
    CHECK_EQUAL(device_input(rig.device, typed, 1), 0);
    rig_free(&rig);
}

/* What a person has typed is not the driver's: a reset leaves it, the next driver reads it. */
static void input_outlives_a_reset(void)
{
    struct rig rig;
    started(&rig);
    CHECK_EQUAL(device_input(rig.device, (const uint8_t *)"ab", 2), 2);
    rig_start(&rig, 0);
    rig_descriptor(&rig, rig_ring(RECEIVE), 0, RIG_BUFFER, 4, WRITE, 0);
    rig_send(&rig, RECEIVE, 0);
    rig_run(&rig);
    CHECK_EQUAL(rig_used_bytes(&rig, RECEIVE, 0), 2);
    CHECK_EQUAL(rig_get(&rig, RIG_BUFFER, 2), 0x6261);
    rig_free(&rig);
}

static void breaks(uint32_t queue, uint32_t size_bytes, uint32_t flags, const char *expected)
{
    struct rig rig;
    started(&rig);
    CHECK_EQUAL(device_input(rig.device, (const uint8_t *)"x", 1), 1);
    rig.refused_first = 0x20000;
    rig.refused_end = 0x21000;
    rig_descriptor(&rig, rig_ring(queue), 0, 0x1fff0, size_bytes, flags, 0);
    rig_send(&rig, queue, 0);
    rig_run(&rig);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), STARTED | NEEDS_RESET);
    CHECK(rig_reason(&rig, expected));
    CHECK_EQUAL(rig.output_bytes, 0);
    rig_free(&rig);
}

static void wrong_buffers_break(void)
{
    breaks(TRANSMIT, 17, 0, "output: address refused");
    breaks(TRANSMIT, 8, WRITE, "output of 0 readable and 8 writable bytes");
    breaks(TRANSMIT, 65537, 0, "output of 65537 readable and 0 writable bytes");
    breaks(RECEIVE, 8, 0, "readable buffer for input");
}

static const struct test tests[] = {
    {"what_the_guest_writes_comes_out", what_the_guest_writes_comes_out},
    {"what_is_typed_comes_in_by_buffers", what_is_typed_comes_in_by_buffers},
    {"input_is_bounded", input_is_bounded},
    {"input_outlives_a_reset", input_outlives_a_reset},
    {"wrong_buffers_break", wrong_buffers_break},
    {NULL, NULL},
};

const struct suite suite_console = {"console", tests};
