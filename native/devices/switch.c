/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The switch: where a frame goes, what an address was learned from, and what waits at each port.
 * Nothing depends on time but the capture's stamps and the order of forgetting, which counts
 * frames. A full queue drops the new frame, of that port alone.
 */
#include "switch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "state.h"

#define SAVED_MAGIC 0x31305753565500ull
#define ADDRESS_BYTES 6
#define NO_PORT UINT32_MAX

struct learned {
    uint64_t used;   /* count of the frame by which it was last seen; 0: the row is free */
    uint64_t address; /* 48 bits */
    uint64_t port;
};

struct port_queue {
    uint32_t up;
    uint32_t count;
    uint32_t first; /* of a ring */
    uint32_t reserved0;
    uint64_t received_frames, sent_frames, dropped_frames;
    struct switch_frame frames[SWITCH_QUEUE_LIMIT];
};

struct port_owner {
    bool taken;
    void (*arrived)(void *owner);
    void *owner;
};

struct network_switch {
    uint32_t port_count;
    int capture; /* -1: none, or no more */
    uint64_t clock_frequency_hz;
    uint64_t frame_count;
    struct learned addresses[SWITCH_ADDRESS_LIMIT];
    struct port_owner owners[SWITCH_PORT_LIMIT];
    struct port_queue *ports;
    char reason[DEVICE_REASON_LIMIT];
};

struct network_switch *switch_new(const struct switch_options *options,
                                  char reason[DEVICE_REASON_LIMIT])
{
    reason[0] = '\0';
    if (options->port_count == 0 || options->port_count > SWITCH_PORT_LIMIT ||
        (options->capture_path != NULL && options->clock_frequency_hz == 0)) {
        (void)snprintf(reason, DEVICE_REASON_LIMIT,
                       "a switch of %u ports: 1 to %u, and a clock for its capture",
                       options->port_count, SWITCH_PORT_LIMIT);
        return NULL;
    }
    struct network_switch *medium = calloc(1, sizeof *medium);
    struct port_queue *ports = calloc(options->port_count, sizeof *ports);
    int capture = -1;
    if (medium == NULL || ports == NULL) {
        (void)snprintf(reason, DEVICE_REASON_LIMIT, "no host memory for a switch");
    } else if (options->capture_path != NULL &&
               (capture = capture_open(options->capture_path)) < 0) {
        (void)snprintf(reason, DEVICE_REASON_LIMIT, "%s: %s", options->capture_path,
                       strerror(errno));
    }
    if (reason[0] != '\0') {
        free(medium);
        free(ports);
        return NULL;
    }
    medium->port_count = options->port_count;
    medium->clock_frequency_hz = options->clock_frequency_hz;
    medium->capture = capture;
    medium->ports = ports;
    return medium;
}

void switch_free(struct network_switch *medium)
{
    if (medium != NULL) {
        if (medium->capture >= 0) {
            (void)close(medium->capture);
        }
        free(medium->ports);
        free(medium);
    }
}

bool switch_port_take(struct network_switch *medium, uint32_t port, void (*arrived)(void *owner),
                      void *owner)
{
    if (port >= medium->port_count || medium->owners[port].taken) {
        return false;
    }
    medium->owners[port] = (struct port_owner){true, arrived, owner};
    return true;
}

void switch_port_release(struct network_switch *medium, uint32_t port)
{
    switch_port_up(medium, port, false);
    medium->owners[port] = (struct port_owner){0};
}

/* So that what was behind the port is looked for everywhere again. */
static void addresses_forget(struct network_switch *medium, uint32_t port)
{
    for (uint32_t index = 0; index < SWITCH_ADDRESS_LIMIT; index++) {
        if (medium->addresses[index].used != 0 && medium->addresses[index].port == port) {
            medium->addresses[index] = (struct learned){0};
        }
    }
}

void switch_port_up(struct network_switch *medium, uint32_t port, bool up)
{
    struct port_queue *queue = &medium->ports[port];
    if ((queue->up != 0) != up) {
        queue->up = up;
        queue->count = queue->first = 0;
        memset(queue->frames, 0, sizeof queue->frames);
        addresses_forget(medium, port);
    }
}

static uint64_t address_of(const uint8_t *bytes)
{
    uint64_t address = 0;
    memcpy(&address, bytes, ADDRESS_BYTES);
    return address;
}

static bool is_group(const uint8_t *address)
{
    return (address[0] & 1) != 0;
}

/* The row of an address, or the one that is free or was used longest ago. */
static struct learned *address_row(struct network_switch *medium, uint64_t address)
{
    struct learned *oldest = &medium->addresses[0];
    for (uint32_t index = 0; index < SWITCH_ADDRESS_LIMIT; index++) {
        struct learned *row = &medium->addresses[index];
        if (row->used != 0 && row->address == address) {
            return row;
        }
        oldest = row->used < oldest->used ? row : oldest;
    }
    return oldest;
}

static uint32_t address_port(struct network_switch *medium, const uint8_t *bytes)
{
    const struct learned *row = address_row(medium, address_of(bytes));
    bool known = !is_group(bytes) && row->used != 0 && row->address == address_of(bytes);
    return known ? (uint32_t)row->port : NO_PORT;
}

static void frame_capture(struct network_switch *medium, const uint8_t *frame, uint32_t size_bytes,
                          uint64_t now_cycles)
{
    if (medium->capture >= 0 && !capture_write(medium->capture, frame, size_bytes, now_cycles,
                                               medium->clock_frequency_hz)) {
        (void)snprintf(medium->reason, sizeof medium->reason, "the capture ends: %s",
                       strerror(errno));
        (void)close(medium->capture);
        medium->capture = -1;
    }
}

static void frame_queue(struct network_switch *medium, uint32_t port, const uint8_t *bytes,
                        uint32_t size_bytes, uint64_t now_cycles)
{
    struct port_queue *queue = &medium->ports[port];
    const struct port_owner *owner = &medium->owners[port];
    if (queue->count == SWITCH_QUEUE_LIMIT) {
        queue->dropped_frames++;
        return;
    }
    struct switch_frame *frame = &queue->frames[(queue->first + queue->count) % SWITCH_QUEUE_LIMIT];
    frame->sent_cycles = now_cycles;
    frame->size_bytes = size_bytes;
    memcpy(frame->bytes, bytes, size_bytes);
    queue->count++;
    queue->sent_frames++;
    if (owner->arrived != NULL) {
        owner->arrived(owner->owner);
    }
}

bool switch_send(struct network_switch *medium, uint32_t port, const uint8_t *frame,
                 uint32_t size_bytes, uint64_t now_cycles)
{
    if (port >= medium->port_count || medium->ports[port].up == 0 ||
        size_bytes < SWITCH_FRAME_MINIMUM_BYTES || size_bytes > SWITCH_FRAME_LIMIT_BYTES) {
        return false;
    }
    medium->ports[port].received_frames++;
    medium->frame_count++;
    frame_capture(medium, frame, size_bytes, now_cycles);
    if (!is_group(frame + ADDRESS_BYTES)) {
        uint64_t source = address_of(frame + ADDRESS_BYTES);
        *address_row(medium, source) = (struct learned){medium->frame_count, source, port};
    }
    uint32_t target = address_port(medium, frame);
    for (uint32_t other = 0; other < medium->port_count; other++) {
        bool meant = target == NO_PORT || target == other;
        if (other != port && meant && medium->ports[other].up != 0) {
            frame_queue(medium, other, frame, size_bytes, now_cycles);
        }
    }
    return true;
}

const struct switch_frame *switch_receive(const struct network_switch *medium, uint32_t port)
{
    const struct port_queue *queue = &medium->ports[port];
    return queue->count != 0 ? &queue->frames[queue->first] : NULL;
}

void switch_drop(struct network_switch *medium, uint32_t port)
{
    struct port_queue *queue = &medium->ports[port];
    if (queue->count != 0) {
        memset(&queue->frames[queue->first], 0, sizeof queue->frames[0]);
        queue->first = (queue->first + 1) % SWITCH_QUEUE_LIMIT;
        queue->count--;
    }
}

void switch_port_read(const struct network_switch *medium, uint32_t port,
                      struct switch_port_report *report)
{
    const struct port_queue *queue = &medium->ports[port];
    *report = (struct switch_port_report){
        .taken = medium->owners[port].taken,
        .up = queue->up != 0,
        .received_frames = queue->received_frames,
        .sent_frames = queue->sent_frames,
        .dropped_frames = queue->dropped_frames,
        .waiting_frames = queue->count,
    };
}

const char *switch_reason(const struct network_switch *medium)
{
    return medium->reason;
}

static uint64_t identity_hash(const struct network_switch *medium)
{
    uint64_t words[] = {SAVED_MAGIC, medium->port_count};
    return state_hash(words, sizeof words, sizeof *medium->ports);
}

size_t switch_save(const struct network_switch *medium, uint8_t *buffer, size_t capacity)
{
    struct state_writer writer = {buffer, capacity, 0};
    uint64_t identity = identity_hash(medium);
    state_put(&writer, &identity, sizeof identity);
    state_put(&writer, &medium->frame_count, sizeof medium->frame_count);
    state_put(&writer, medium->addresses, sizeof medium->addresses);
    state_put(&writer, medium->ports, medium->port_count * sizeof *medium->ports);
    return writer.size_bytes;
}

static bool queue_sound(const struct port_queue *queue)
{
    bool sound = queue->first < SWITCH_QUEUE_LIMIT && queue->count <= SWITCH_QUEUE_LIMIT;
    for (uint32_t index = 0; index < SWITCH_QUEUE_LIMIT; index++) {
        sound = sound && queue->frames[index].size_bytes <= SWITCH_FRAME_LIMIT_BYTES;
    }
    return sound;
}

bool switch_load(struct network_switch *medium, const uint8_t *buffer, size_t size_bytes)
{
    struct state_reader reader = {buffer, size_bytes, false};
    uint64_t identity = 0;
    size_t ports_bytes = medium->port_count * sizeof *medium->ports;
    (void)state_get(&reader, &identity, sizeof identity);
    const uint8_t *count = state_take(&reader, sizeof medium->frame_count);
    const uint8_t *addresses = state_take(&reader, sizeof medium->addresses);
    struct port_queue *ports = malloc(ports_bytes);
    bool sound = ports != NULL && state_get(&reader, ports, ports_bytes) &&
                 reader.rest_bytes == 0 && identity == identity_hash(medium);
    for (uint32_t port = 0; sound && port < medium->port_count; port++) {
        sound = queue_sound(&ports[port]);
    }
    if (sound) {
        memcpy(&medium->frame_count, count, sizeof medium->frame_count);
        memcpy(medium->addresses, addresses, sizeof medium->addresses);
        memcpy(medium->ports, ports, ports_bytes);
    }
    free(ports);
    return sound;
}

/* In the order in which frames wait; counters for people are left out. */
uint64_t switch_hash(const struct network_switch *medium)
{
    uint64_t hash = state_hash(medium->addresses, sizeof medium->addresses, identity_hash(medium));
    hash = state_mix(hash ^ medium->frame_count);
    for (uint32_t port = 0; port < medium->port_count; port++) {
        const struct port_queue *queue = &medium->ports[port];
        hash = state_mix(hash ^ queue->up ^ ((uint64_t)queue->count << 32));
        for (uint32_t index = 0; index < queue->count; index++) {
            const struct switch_frame *frame =
                &queue->frames[(queue->first + index) % SWITCH_QUEUE_LIMIT];
            hash = state_hash(frame, sizeof *frame, hash);
        }
    }
    return hash;
}
