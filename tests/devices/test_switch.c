/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The switch: learning, flooding, bounded queues, what is saved, and a capture byte for byte. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char reason[DEVICE_REASON_LIMIT];

static struct network_switch *make(uint32_t ports, const char *capture)
{
    struct switch_options options = {ports, capture, 1000000000};
    struct network_switch *medium = switch_new(&options, reason);
    for (uint32_t port = 0; medium != NULL && port < ports; port++) {
        switch_port_up(medium, port, true);
    }
    return medium;
}

static bool send(struct network_switch *medium, uint32_t port, uint8_t to, uint32_t from,
                 uint32_t size_bytes)
{
    uint8_t frame[SWITCH_FRAME_LIMIT_BYTES + 1] = {2, 0, 0, 0, 0, to, 2, 0, 0, 0};
    frame[10] = (uint8_t)(from >> 8);
    frame[11] = (uint8_t)from;
    frame[0] = to == 0xff ? 0xff : 2;
    return switch_send(medium, port, frame, size_bytes, 5);
}

static uint32_t waiting(struct network_switch *medium, uint32_t port)
{
    struct switch_port_report report;
    switch_port_read(medium, port, &report);
    return report.waiting_frames;
}

static void unknown_addresses_are_flooded_and_learned_ones_are_not(void)
{
    struct network_switch *medium = make(4, NULL);
    CHECK(send(medium, 0, 2, 1, 60));
    CHECK_EQUAL(waiting(medium, 0), 0);
    for (uint32_t port = 1; port < 4; port++) {
        CHECK_EQUAL(waiting(medium, port), 1);
    }
    CHECK(send(medium, 2, 1, 2, 60));
    CHECK_EQUAL(waiting(medium, 0), 1);
    CHECK_EQUAL(waiting(medium, 1), 1);
    CHECK(send(medium, 1, 2, 3, 60));
    CHECK_EQUAL(waiting(medium, 2), 2);
    CHECK_EQUAL(waiting(medium, 3), 1);
    CHECK(send(medium, 1, 0xff, 3, 60)); /* a group's address */
    CHECK_EQUAL(waiting(medium, 0), 2);
    CHECK_EQUAL(waiting(medium, 3), 2);
    CHECK(send(medium, 3, 2, 1, 60)); /* 1 has moved */
    CHECK(send(medium, 1, 1, 3, 60));
    CHECK_EQUAL(waiting(medium, 0), 2);
    CHECK_EQUAL(waiting(medium, 3), 3);
    CHECK(send(medium, 3, 1, 9, 60)); /* to where it comes from: nowhere */
    CHECK_EQUAL(waiting(medium, 3), 3);
    switch_free(medium);
}

static void a_full_queue_drops_for_itself_alone(void)
{
    struct network_switch *medium = make(3, NULL);
    struct switch_port_report report;
    for (uint32_t index = 0; index < SWITCH_QUEUE_LIMIT + 3; index++) {
        CHECK(send(medium, 0, 9, 1, 14 + index));
        switch_drop(medium, 2);
    }
    switch_port_read(medium, 1, &report);
    CHECK_EQUAL(report.waiting_frames, SWITCH_QUEUE_LIMIT);
    CHECK_EQUAL(report.dropped_frames, 3);
    CHECK_EQUAL(report.sent_frames, SWITCH_QUEUE_LIMIT);
    switch_port_read(medium, 2, &report);
    CHECK_EQUAL(report.dropped_frames, 0);
    CHECK_EQUAL(report.waiting_frames, 0);
    for (uint32_t index = 0; index < SWITCH_QUEUE_LIMIT; index++) {
        CHECK_EQUAL(switch_receive(medium, 1)->size_bytes, 14 + index);
        switch_drop(medium, 1);
    }
    CHECK(switch_receive(medium, 1) == NULL);
    switch_free(medium);
}

static void the_address_used_longest_ago_is_forgotten(void)
{
    struct network_switch *medium = make(3, NULL);
    CHECK(send(medium, 1, 0xff, 1, 60));
    for (uint32_t index = 0; index < SWITCH_ADDRESS_LIMIT - 1; index++) {
        CHECK(send(medium, 2, 0xff, 1000 + index, 60));
    }
    while (switch_receive(medium, 1) != NULL) {
        switch_drop(medium, 1);
    }
    while (switch_receive(medium, 2) != NULL) {
        switch_drop(medium, 2);
    }
    CHECK(send(medium, 0, 1, 1000, 60)); /* 1 is still known; 1000 is used again */
    CHECK_EQUAL(waiting(medium, 1), 1);
    CHECK_EQUAL(waiting(medium, 2), 0);
    CHECK(send(medium, 2, 0xff, 5000, 60)); /* one too many: 1 is the oldest */
    switch_drop(medium, 1);
    switch_drop(medium, 1);
    CHECK(send(medium, 0, 1, 1000, 60));
    CHECK_EQUAL(waiting(medium, 1), 1);
    CHECK_EQUAL(waiting(medium, 2), 1);
    switch_free(medium);
}

static void a_port_that_is_down(void)
{
    struct network_switch *medium = make(2, NULL);
    CHECK(send(medium, 1, 1, 2, 60));
    switch_port_up(medium, 1, false);
    CHECK(!send(medium, 1, 1, 2, 60));
    CHECK(send(medium, 0, 2, 1, 60));
    CHECK_EQUAL(waiting(medium, 1), 0);
    CHECK(!send(medium, 0, 2, 1, 13));
    CHECK(!send(medium, 0, 2, 1, 1515));
    CHECK(!send(medium, 2, 2, 1, 60));
    switch_free(medium);
}

/* What was behind a port that was down is looked for everywhere again: it may have moved. */
static void a_port_forgets_its_addresses(void)
{
    struct network_switch *medium = make(3, NULL);
    CHECK(send(medium, 1, 0xff, 2, 60));
    switch_drop(medium, 2);
    switch_port_up(medium, 1, false);
    CHECK(send(medium, 0, 2, 1, 60));
    CHECK_EQUAL(waiting(medium, 2), 1);
    switch_free(medium);
}

static void count_arrival(void *owner)
{
    (*(uint32_t *)owner)++;
}

/* What stands outside takes a port, is told of arrivals, sends and fetches: a TAP would do so. */
static void the_outside_has_a_port(void)
{
    struct network_switch *medium = make(2, NULL);
    uint32_t arrivals = 0;
    CHECK(switch_port_take(medium, 1, count_arrival, &arrivals));
    CHECK(!switch_port_take(medium, 1, count_arrival, &arrivals));
    CHECK(!switch_port_take(medium, 2, count_arrival, &arrivals));
    CHECK(send(medium, 0, 2, 1, 60));
    CHECK(send(medium, 1, 1, 2, 60));
    CHECK_EQUAL(arrivals, 1);
    CHECK_EQUAL(switch_receive(medium, 0)->bytes[11], 2);
    CHECK_EQUAL(switch_receive(medium, 0)->sent_cycles, 5);
    switch_port_release(medium, 1);
    CHECK(switch_port_take(medium, 1, NULL, NULL));
    switch_free(medium);
}

static void a_capture_to_the_last_byte(void)
{
    static const char expected[] = "\x4d\x3c\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\xff\xff\0\0\1\0\0\0"
                                   /* 3 s and 7 ns of a clock of 3 GHz; 14 bytes */
                                   "\3\0\0\0\7\0\0\0\x0e\0\0\0\x0e\0\0\0"
                                   "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0"
                                   /* the last nanosecond of a second; 15 bytes */
                                   "\0\0\0\0\xff\xc9\x9a\x3b\x0f\0\0\0\x0f\0\0\0"
                                   "\2\0\0\0\0\1\2\0\0\0\0\2\x08\6\x99";
    const size_t expected_bytes = sizeof expected - 1;
    static const uint8_t first[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
    static const uint8_t second[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0x99};
    uint8_t found[sizeof expected + 1] = {0};
    struct switch_options options = {2, "a.pcap", 3000000000u};
    struct network_switch *medium = switch_new(&options, reason);
    switch_port_up(medium, 0, true);
    switch_port_up(medium, 1, true);
    CHECK(switch_send(medium, 0, first, sizeof first, 9000000021u));
    CHECK(switch_send(medium, 1, second, sizeof second, 2999999999u));
    switch_free(medium);
    FILE *file = fopen("a.pcap", "rb");
    CHECK_EQUAL(fread(found, 1, sizeof found, file), expected_bytes);
    CHECK(memcmp(found, expected, expected_bytes) == 0);
    (void)fclose(file);
}

static void captures_that_fail(void)
{
    struct switch_options options = {2, "no/such.pcap", 1};
    CHECK(switch_new(&options, reason) == NULL);
    CHECK(strcmp(reason, "no/such.pcap: No such file or directory") == 0);
    options.clock_frequency_hz = 0;
    CHECK(switch_new(&options, reason) == NULL);
    CHECK(make(0, NULL) == NULL);
    CHECK(make(SWITCH_PORT_LIMIT + 1, NULL) == NULL);
    CHECK(strcmp(reason, "a switch of 17 ports: 1 to 16, and a clock for its capture") == 0);
    CHECK(make(2, "/dev/full") == NULL);
    CHECK(strcmp(reason, "/dev/full: No space left on device") == 0);
}

static void it_is_saved_and_loaded(void)
{
    struct network_switch *medium = make(3, NULL);
    struct network_switch *other = make(3, NULL);
    CHECK(send(medium, 0, 2, 1, 60));
    CHECK(send(medium, 1, 1, 2, 60));
    switch_drop(medium, 2);
    size_t size_bytes = switch_save(medium, NULL, 0);
    uint8_t *saved = malloc(size_bytes);
    CHECK_EQUAL(switch_save(medium, saved, size_bytes), size_bytes);
    uint64_t fresh = switch_hash(other);
    CHECK(!switch_load(other, saved, size_bytes - 1));
    CHECK_EQUAL(switch_hash(other), fresh);
    CHECK(switch_load(other, saved, size_bytes));
    CHECK_EQUAL(switch_hash(other), switch_hash(medium));
    CHECK(send(other, 2, 2, 3, 60)); /* 2 is known there */
    CHECK_EQUAL(waiting(other, 0), 1);
    CHECK_EQUAL(waiting(other, 1), 2);
    struct network_switch *smaller = make(2, NULL);
    CHECK(!switch_load(smaller, saved, size_bytes));
    free(saved);
    switch_free(medium);
    switch_free(other);
    switch_free(smaller);
}

static const struct test tests[] = {
    {"unknown_addresses_are_flooded_and_learned_ones_are_not",
     unknown_addresses_are_flooded_and_learned_ones_are_not},
    {"a_full_queue_drops_for_itself_alone", a_full_queue_drops_for_itself_alone},
    {"the_address_used_longest_ago_is_forgotten", the_address_used_longest_ago_is_forgotten},
    {"a_port_that_is_down", a_port_that_is_down},
    {"a_port_forgets_its_addresses", a_port_forgets_its_addresses},
    {"the_outside_has_a_port", the_outside_has_a_port},
    {"a_capture_to_the_last_byte", a_capture_to_the_last_byte},
    {"captures_that_fail", captures_that_fail},
    {"it_is_saved_and_loaded", it_is_saved_and_loaded},
    {NULL, NULL},
};

const struct suite suite_switch = {"switch", tests};
