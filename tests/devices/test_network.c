/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network device of virtio 1.2, section 5.1, two of them on a switch. */
#include "rig.h"

#include <string.h>

#define RECEIVE 0u
#define TRANSMIT 1u
#define HEADER_BYTES 12u

static char reason[DEVICE_REASON_LIMIT];

struct pair {
    struct rig one, two;
    struct network_switch *medium;
};

static void pair_start(struct pair *pair)
{
    struct switch_options options = {.port_count = 3};
    pair->medium = switch_new(&options, reason);
    rig_network(&pair->one, pair->medium, 0);
    rig_network(&pair->two, pair->medium, 1);
    rig_start(&pair->one, 1u << 16);
    rig_start(&pair->two, 0);
}

static void pair_free(struct pair *pair)
{
    rig_free(&pair->one);
    rig_free(&pair->two);
    switch_free(pair->medium);
}

/* A frame of `size_bytes` to `to`, from `from`, behind its header; sent, and the time passed. */
static void transmit(struct rig *rig, uint8_t to, uint8_t from, uint32_t size_bytes)
{
    memset(rig->memory + RIG_BUFFER, 0, HEADER_BYTES);
    memset(rig->memory + RIG_BUFFER + HEADER_BYTES, 0x42, size_bytes);
    rig_put(rig, RIG_BUFFER + HEADER_BYTES, 2 | (uint64_t)to << 40, 6);
    rig_put(rig, RIG_BUFFER + HEADER_BYTES + 6, 2 | (uint64_t)from << 40, 6);
    rig_descriptor(rig, rig_ring(TRANSMIT), 0, RIG_BUFFER, HEADER_BYTES + size_bytes, 0, 0);
    rig_send(rig, TRANSMIT, 0);
    rig_run(rig);
}

static void post(struct rig *rig, uint32_t size_bytes)
{
    memset(rig->memory + RIG_BUFFER, 0xee, 0x1000);
    rig_descriptor(rig, rig_ring(RECEIVE), 1, RIG_BUFFER, size_bytes, WRITE, 0);
    rig_send(rig, RECEIVE, 1);
}

static void the_configuration(void)
{
    struct pair pair;
    pair_start(&pair);
    struct device *device = pair.two.device;
    CHECK_EQUAL(rig_read(&pair.two, R_DEVICE_ID), 1);
    CHECK_EQUAL(rig_read(&pair.two, R_DEVICE_FEATURES), 1u << 3 | 1u << 5 | 1u << 16 | 1u << 28);
    static const uint8_t address[6] = {2, 0, 0, 0, 0, 1};
    for (uint32_t index = 0; index < 6; index++) {
        CHECK_EQUAL(device_read(device, R_CONFIG + index, 1), address[index]);
    }
    CHECK_EQUAL(device_read(device, R_CONFIG + 6, 2), 1);
    CHECK_EQUAL(device_read(device, R_CONFIG + 8, 2), 1);
    CHECK_EQUAL(device_read(device, R_CONFIG + 10, 2), 1500);
    CHECK_EQUAL(device_read(device, R_CONFIG + 12, 2), 0);
    pair_free(&pair);
}

static void a_frame_crosses_the_switch(void)
{
    struct pair pair;
    pair_start(&pair);
    post(&pair.two, 1526);
    CHECK_EQUAL(device_due(pair.two.device), DEVICE_NEVER);
    transmit(&pair.one, 1, 0, 60);
    CHECK_EQUAL(rig_used_index(&pair.one, TRANSMIT), 1);
    CHECK_EQUAL(rig_used_bytes(&pair.one, TRANSMIT, 0), 0);
    CHECK_EQUAL(pair.one.now, RIG_LATENCY);
    CHECK_EQUAL(device_due(pair.two.device), 2 * RIG_LATENCY);
    rig_run(&pair.two);
    CHECK_EQUAL(rig_used_head(&pair.two, RECEIVE, 0), 1);
    CHECK_EQUAL(rig_used_bytes(&pair.two, RECEIVE, 0), 72);
    CHECK_EQUAL(rig_get(&pair.two, RIG_BUFFER, 8), 0);
    CHECK_EQUAL(rig_get(&pair.two, RIG_BUFFER + 8, 4), 1u << 16); /* num_buffers is 1 */
    CHECK(memcmp(pair.two.memory + RIG_BUFFER + 12, pair.one.memory + RIG_BUFFER + 12, 60) == 0);
    CHECK_EQUAL(rig_get(&pair.two, RIG_BUFFER + 72, 1), 0xee);
    CHECK_EQUAL(pair.two.interrupt_count, 1);
    pair_free(&pair);
}

/* Without a buffer a frame waits, and nothing is due: a machine at rest stays at rest. */
static void a_frame_waits_for_a_buffer(void)
{
    struct pair pair;
    pair_start(&pair);
    transmit(&pair.one, 1, 0, 60);
    rig_run(&pair.two);
    CHECK_EQUAL(rig_used_index(&pair.two, RECEIVE), 0);
    CHECK_EQUAL(device_due(pair.two.device), DEVICE_NEVER);
    post(&pair.two, 1526);
    CHECK_EQUAL(device_due(pair.two.device), 2 * RIG_LATENCY);
    rig_run(&pair.two);
    CHECK_EQUAL(rig_used_bytes(&pair.two, RECEIVE, 0), 72);
    pair_free(&pair);
}

static void frames_that_are_none(void)
{
    struct pair pair;
    pair_start(&pair);
    transmit(&pair.one, 1, 0, 13);
    CHECK(rig_reason(&pair.one, "frame of 13 bytes"));
    transmit(&pair.one, 1, 0, 1515);
    transmit(&pair.one, 1, 0, 1514);
    transmit(&pair.one, 1, 0, 14);
    struct device_report report = rig_report(&pair.one);
    CHECK_EQUAL(report.request_count, 4);
    CHECK_EQUAL(report.failed_count, 2);
    CHECK_EQUAL(report.written_bytes, 1528);
    CHECK_EQUAL(rig_read(&pair.one, R_STATUS), STARTED);
    rig_put(&pair.one, RIG_BUFFER, 1, 1); /* VIRTIO_NET_HDR_F_NEEDS_CSUM */
    rig_send(&pair.one, TRANSMIT, 0);
    rig_run(&pair.one);
    CHECK_EQUAL(rig_report(&pair.one).failed_count, 3);
    struct switch_port_report port;
    switch_port_read(pair.medium, 1, &port);
    CHECK_EQUAL(port.waiting_frames, 2);
    pair_free(&pair);
}

static void breaks(const char *expected, uint32_t queue, uint32_t size_bytes, uint32_t flags,
                   bool refuse)
{
    struct pair pair;
    pair_start(&pair);
    transmit(&pair.one, 1, 0, 60);
    struct rig *rig = &pair.two;
    if (refuse) {
        rig->refused_first = RIG_BUFFER;
        rig->refused_end = RIG_BUFFER + 4096;
    }
    rig_descriptor(rig, rig_ring(queue), 1, RIG_BUFFER, size_bytes, flags, 0);
    rig_send(rig, queue, 1);
    rig_run(rig);
    CHECK_EQUAL(rig_read(rig, R_STATUS), STARTED | NEEDS_RESET);
    CHECK(rig_reason(rig, expected));
    CHECK_EQUAL(rig_used_index(rig, queue), 0);
    struct switch_port_report port;
    switch_port_read(pair.medium, 1, &port);
    CHECK(!port.up);
    pair_free(&pair);
}

static void wrong_buffers_break(void)
{
    breaks("buffer of 71 bytes for a frame of 60", RECEIVE, 71, WRITE, false);
    breaks("buffer of 0 bytes for a frame of 60", RECEIVE, 1526, 0, false);
    breaks("buffer to receive into: address refused", RECEIVE, 1526, WRITE, true);
    breaks("frame to send: 11 readable and 0 writable bytes", TRANSMIT, 11, 0, false);
    breaks("frame to send: 0 readable and 72 writable bytes", TRANSMIT, 72, WRITE, false);
    breaks("frame to send: address refused", TRANSMIT, 72, 0, true);
}

static void the_link_goes_down_and_up(void)
{
    struct pair pair;
    pair_start(&pair);
    uint32_t generation = rig_read(&pair.one, R_CONFIG_GENERATION);
    device_link_set(pair.one.device, true);
    CHECK_EQUAL(pair.one.interrupt_count, 0);
    device_link_set(pair.one.device, false);
    CHECK_EQUAL(device_read(pair.one.device, R_CONFIG + 6, 2), 0);
    CHECK_EQUAL(rig_read(&pair.one, R_CONFIG_GENERATION), generation + 1);
    CHECK_EQUAL(rig_read(&pair.one, R_INTERRUPT_STATUS), 2);
    CHECK_EQUAL(pair.one.interrupt_count, 1);
    transmit(&pair.one, 1, 0, 60);
    CHECK_EQUAL(rig_report(&pair.one).failed_count, 1);
    device_link_set(pair.one.device, true);
    transmit(&pair.one, 1, 0, 60);
    CHECK_EQUAL(rig_report(&pair.one).failed_count, 1);
    CHECK_EQUAL(device_read(pair.one.device, R_CONFIG + 6, 2), 1);
    pair_free(&pair);
}

/* A port whose device is fenced or not driven is down, and forgets what waited. */
static void a_fence_takes_the_port_down(void)
{
    struct switch_port_report port;
    struct pair pair;
    pair_start(&pair);
    transmit(&pair.one, 1, 0, 60);
    switch_port_read(pair.medium, 1, &port);
    CHECK(port.up && port.waiting_frames == 1);
    device_fence(pair.two.device, false);
    switch_port_read(pair.medium, 1, &port);
    CHECK(!port.up && port.waiting_frames == 0);
    device_fence(pair.two.device, true);
    rig_write(&pair.two, R_STATUS, 0);
    switch_port_read(pair.medium, 1, &port);
    CHECK(!port.up);
    transmit(&pair.one, 1, 0, 60);
    CHECK_EQUAL(rig_report(&pair.one).failed_count, 0);
    CHECK_EQUAL(device_due(pair.two.device), DEVICE_NEVER);
    pair_free(&pair);
}

static void wrong_options(void)
{
    struct pair pair;
    pair_start(&pair);
    struct device_options options = {.id = 7, .frame_limit_bytes = 67};
    CHECK(device_new_network(&pair.one.environment, &options, pair.medium, 2) == NULL);
    options.frame_limit_bytes = 1501;
    CHECK(device_new_network(&pair.one.environment, &options, pair.medium, 2) == NULL);
    options.frame_limit_bytes = 1500;
    options.address[0] = 1;
    CHECK(device_new_network(&pair.one.environment, &options, pair.medium, 2) == NULL);
    options.address[0] = 2;
    CHECK(device_new_network(&pair.one.environment, &options, pair.medium, 1) == NULL);
    CHECK(device_new_network(&pair.one.environment, &options, pair.medium, 3) == NULL);
    struct device *device = device_new_network(&pair.one.environment, &options, pair.medium, 2);
    CHECK(device != NULL);
    device_free(device);
    pair_free(&pair);
}

static const struct test tests[] = {
    {"the_configuration", the_configuration},
    {"a_frame_crosses_the_switch", a_frame_crosses_the_switch},
    {"a_frame_waits_for_a_buffer", a_frame_waits_for_a_buffer},
    {"frames_that_are_none", frames_that_are_none},
    {"wrong_buffers_break", wrong_buffers_break},
    {"the_link_goes_down_and_up", the_link_goes_down_and_up},
    {"a_fence_takes_the_port_down", a_fence_takes_the_port_down},
    {"wrong_options", wrong_options},
    {NULL, NULL},
};

const struct suite suite_network = {"network", tests};
