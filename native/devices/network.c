/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network device of virtio 1.2, section 5.1, on one port of a switch: no offloads, one pair of
 * queues, a fixed address. It takes every frame that the switch gives it. Its port is up while the
 * driver runs, the device is active and the link is up.
 */
#include <string.h>

#include "model.h"
#include "switch.h"

#define RECEIVE_QUEUE 0u
#define TRANSMIT_QUEUE 1u

#define FEATURE_MTU (1ull << 3)
#define FEATURE_MAC (1ull << 5)
#define FEATURE_STATUS (1ull << 16)

#define LINK_UP 1u
#define MTU_MAXIMUM_BYTES 1500
#define MTU_MINIMUM_BYTES 68

struct network_header {
    uint8_t flags;
    uint8_t segmentation;
    uint16_t header_size_bytes;
    uint16_t segment_size_bytes;
    uint16_t checksum_start;
    uint16_t checksum_offset;
    uint16_t buffer_count;
};

struct network_configuration {
    uint8_t address[6];
    uint16_t status;
    uint16_t pair_count;
    uint16_t frame_limit_bytes;
};

static uint64_t network_features(const struct device *device)
{
    (void)device;
    return FEATURE_MTU | FEATURE_MAC | FEATURE_STATUS;
}

static void network_configuration(const struct device *device,
                                  uint8_t bytes[CONFIGURATION_LIMIT_BYTES])
{
    struct network_configuration configuration = {
        .status = device->state.link_up != 0 ? LINK_UP : 0,
        .pair_count = 1,
        .frame_limit_bytes = device->options.frame_limit_bytes,
    };
    memcpy(configuration.address, device->options.address, sizeof configuration.address);
    memcpy(bytes, &configuration, sizeof configuration);
}

/* What was not negotiated is asked for, or the frame is none: it is dropped, and counted. */
static bool frame_wrong(struct device *device, const struct network_header *header,
                        uint64_t size_bytes)
{
    uint64_t limit = device->options.frame_limit_bytes + (uint64_t)SWITCH_FRAME_MINIMUM_BYTES;
    if (header->flags != 0 || header->segmentation != 0) {
        device_refuse(device, "frame with flags %#x and segmentation %#x", header->flags,
                      header->segmentation);
        return true;
    }
    if (size_bytes < SWITCH_FRAME_MINIMUM_BYTES || size_bytes > limit) {
        device_refuse(device, "frame of %llu bytes", (unsigned long long)size_bytes);
        return true;
    }
    return false;
}

static bool network_send(struct device *device, const struct chain *chain, uint32_t *written_bytes)
{
    struct network_header header;
    uint8_t frame[SWITCH_FRAME_LIMIT_BYTES];
    uint64_t now = device->environment->now(device->environment->machine);
    if (chain->readable_bytes < sizeof header || chain->writable_bytes != 0) {
        device_break(device, "frame to send: %llu readable and %llu writable bytes",
                     (unsigned long long)chain->readable_bytes,
                     (unsigned long long)chain->writable_bytes);
        return false;
    }
    uint64_t size_bytes = chain->readable_bytes - sizeof header;
    bool read = chain_read(device, chain, 0, &header, sizeof header);
    bool wrong = read && frame_wrong(device, &header, size_bytes);
    if (!read || (!wrong && !chain_read(device, chain, sizeof header, frame, size_bytes))) {
        device_break(device, "frame to send: address refused");
        return false;
    }
    bool sent =
        !wrong && switch_send(device->medium, device->port, frame, (uint32_t)size_bytes, now);
    device->counters.request_count++;
    device->counters.failed_count += sent ? 0 : 1;
    device->counters.written_bytes += sent ? size_bytes : 0;
    *written_bytes = 0;
    return true;
}

static uint64_t network_due(const struct device *device)
{
    const struct switch_frame *frame = switch_receive(device->medium, device->port);
    return frame == NULL ? DEVICE_NEVER : frame->sent_cycles + device->options.latency_cycles;
}

static bool network_receive(struct device *device, const struct chain *chain,
                            uint32_t *written_bytes)
{
    const struct switch_frame *frame = switch_receive(device->medium, device->port);
    struct network_header header = {.buffer_count = 1};
    uint64_t needed_bytes = sizeof header + (uint64_t)frame->size_bytes;
    if (chain->readable_count != 0 || chain->writable_bytes < needed_bytes) {
        device_break(device, "buffer of %llu bytes for a frame of %u",
                     (unsigned long long)chain->writable_bytes, frame->size_bytes);
        return false;
    }
    if (!chain_write(device, chain, 0, &header, sizeof header) ||
        !chain_write(device, chain, sizeof header, frame->bytes, frame->size_bytes)) {
        device_break(device, "buffer to receive into: address refused");
        return false;
    }
    device->counters.request_count++;
    device->counters.read_bytes += frame->size_bytes;
    *written_bytes = (uint32_t)needed_bytes;
    switch_drop(device->medium, device->port);
    return true;
}

static void network_running(struct device *device, bool running)
{
    switch_port_up(device->medium, device->port, running && device->state.link_up != 0);
}

static void network_release(struct device *device)
{
    switch_port_release(device->medium, device->port);
}

static const struct device_model network_model = {
    .kind = DEVICE_KIND_network,
    .queue_count = 2,
    .output_queue = TRANSMIT_QUEUE,
    .configuration_size_bytes = sizeof(struct network_configuration),
    .features = network_features,
    .configuration = network_configuration,
    .complete = network_send,
    .input_due = network_due,
    .input = network_receive,
    .running = network_running,
    .release = network_release,
};

struct device *device_new_network(const struct device_environment *environment,
                                  const struct device_options *options,
                                  struct network_switch *medium, uint32_t port)
{
    struct device_options own = *options;
    if (own.frame_limit_bytes == 0) {
        own.frame_limit_bytes = MTU_MAXIMUM_BYTES;
    }
    if (own.frame_limit_bytes < MTU_MINIMUM_BYTES || own.frame_limit_bytes > MTU_MAXIMUM_BYTES ||
        (own.address[0] & 1) != 0 || !switch_port_take(medium, port, NULL, NULL)) {
        return NULL;
    }
    struct device *device = device_new(environment, &own, &network_model);
    if (device == NULL) {
        switch_port_release(medium, port);
        return NULL;
    }
    device->medium = medium;
    device->port = port;
    return device;
}
