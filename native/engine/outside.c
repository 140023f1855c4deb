/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The outside of a switch: one of its ports has the host behind it instead of a device, a TAP
 * interface for example. What comes in is input like what is typed, stamped with the clock; what
 * goes out waits in a queue until it is taken, and no guest can tell when that is. Called by
 * input.c and from Python between two runs. Knows no descriptors and no host network.
 */
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "machine.h"

struct frame_header {
    uint64_t sent_cycles;
    uint64_t size_bytes;
};

/* The port is empty again at once: its state does not depend on who takes frames, and when. */
static void on_arrival(void *owner)
{
    struct outside *outside = owner;
    const struct switch_frame *frame = switch_receive(outside->medium, outside->port);
    struct frame_header header = {frame->sent_cycles, frame->size_bytes};
    uint8_t *record = queue_push(&outside->frames, sizeof header + frame->size_bytes);
    if (record != NULL) {
        memcpy(record, &header, sizeof header);
        memcpy(record + sizeof header, frame->bytes, frame->size_bytes);
    }
    switch_drop(outside->medium, outside->port);
}

static struct outside *outside_of(struct machine *machine, uint32_t medium)
{
    struct outside *outside =
        medium < machine->devices.switch_count ? &machine->devices.outsides[medium] : NULL;
    if (outside == NULL || outside->medium == NULL) {
        (void)machine_fail(machine, NATIVE_INVALID, "switch %u has no port to the outside", medium);
        return NULL;
    }
    return outside;
}

int machine_outside_add(struct machine *machine, uint32_t medium, uint32_t port)
{
    struct device_table *devices = &machine->devices;
    if (medium >= devices->switch_count) {
        return machine_fail(machine, NATIVE_INVALID, "there is no switch %u", medium);
    }
    struct outside *outside = &devices->outsides[medium];
    if (outside->medium != NULL) {
        return machine_fail(machine, NATIVE_LIMIT, "switch %u has a port to the outside already",
                            medium);
    }
    if (!switch_port_take(devices->switches[medium], port, on_arrival, outside)) {
        return machine_fail(machine, NATIVE_INVALID,
                            "port %u of switch %u does not exist or is taken", port, medium);
    }
    *outside = (struct outside){.medium = devices->switches[medium], .port = port};
    switch_port_up(outside->medium, port, true);
    return NATIVE_OK;
}

int machine_frame_input(struct machine *machine, uint32_t medium, uint64_t at_cycles,
                        const uint8_t *data, uint32_t size_bytes)
{
    if (outside_of(machine, medium) == NULL) {
        return NATIVE_INVALID;
    }
    if (size_bytes < SWITCH_FRAME_MINIMUM_BYTES || size_bytes > SWITCH_FRAME_LIMIT_BYTES) {
        return machine_fail(machine, NATIVE_INVALID, "a frame has %d to %d bytes, not %u",
                            SWITCH_FRAME_MINIMUM_BYTES, SWITCH_FRAME_LIMIT_BYTES, size_bytes);
    }
    const struct input frame = {
        .at_cycles = at_cycles,
        .medium = medium + 1,
        .size_bytes = size_bytes,
    };
    return input_add(machine, &frame, data);
}

/* The clock that devices see: a capture's stamps and the frames that wait go on from it. */
void outside_deliver(struct machine *machine, const struct input *input)
{
    struct device_table *devices = &machine->devices;
    /* It is there: who gives a frame asks for it, and so does who restores a snapshot. */
    const struct outside *outside = &devices->outsides[input->medium - 1];
    (void)switch_send(outside->medium, outside->port, input->data, input->size_bytes,
                      devices->environment.now(machine));
    devices_look(machine);
}

int machine_frame_output(struct machine *machine, uint32_t medium, struct outside_frame *frame)
{
    struct frame_header header;
    struct outside *outside = outside_of(machine, medium);
    if (outside == NULL) {
        return NATIVE_INVALID;
    }
    const void *record = queue_pop(&outside->frames, sizeof header);
    if (record == NULL) {
        return 0;
    }
    memcpy(&header, record, sizeof header);
    *frame = (struct outside_frame){
        .sent_cycles = header.sent_cycles,
        .dropped_count = outside->frames.dropped,
        .data = queue_pop(&outside->frames, header.size_bytes),
        .size_bytes = (uint32_t)header.size_bytes,
    };
    return 1;
}
