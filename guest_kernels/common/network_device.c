/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the headers of frames, which are all zeros on the way out and ignored on the way in.
 */
#include "network_device.h"

#include "memory.h"

#define FEATURE_MTU (1ull << 3)
#define FEATURE_MAC (1ull << 5)
#define FEATURE_STATUS (1ull << 16)
#define FEATURES_NEEDED (FEATURE_MTU | FEATURE_MAC)

#define CONFIGURATION_STATUS 6u
#define CONFIGURATION_MTU 10u
#define STATUS_LINK_UP 1u
#define ETHERNET_HEADER_BYTES 14u

#define RECEIVE_QUEUE 0u
#define TRANSMIT_QUEUE 1u
#define HEADER_SIZE_BYTES 12u
#define HEADER_STRIDE_BYTES 16u
#define TRANSMIT_HEADER_OFFSET (VIRTIO_QUEUE_SIZE * HEADER_STRIDE_BYTES) /* one for all */

static void line_start(struct network_line *line)
{
    line->free_count = 0;
    for (uint32_t row = 0; row < VIRTIO_QUEUE_SIZE; row++) {
        line->free_rows[line->free_count++] = (uint8_t)row;
    }
}

static void configuration_read(struct network_device *device)
{
    const struct virtio_device *registers = &device->registers;

    for (uint32_t i = 0; i < NETWORK_ADDRESS_SIZE_BYTES; i++) {
        device->address[i] = virtio_configuration_8(registers, i);
    }
    device->frame_limit_bytes =
        ETHERNET_HEADER_BYTES +
        (virtio_configuration_8(registers, CONFIGURATION_MTU) |
         (uint32_t)virtio_configuration_8(registers, CONFIGURATION_MTU + 1) << 8);
    if (device->frame_limit_bytes > NETWORK_FRAME_LIMIT_BYTES) {
        device->frame_limit_bytes = NETWORK_FRAME_LIMIT_BYTES;
    }
}

int network_device_start(struct network_device *device)
{
    const struct virtio_device *registers = &device->registers;
    uint64_t features;

    if (device->headers_frame == 0) {
        device->headers_frame = frame_allocate();
    }
    device->running = 0;
    if (!virtio_begin(registers, VIRTIO_KIND_network, FEATURES_NEEDED | FEATURE_STATUS,
                      &features) ||
        (features & FEATURES_NEEDED) != FEATURES_NEEDED ||
        !virtio_queue_start(&device->receive.queue, registers, RECEIVE_QUEUE) ||
        !virtio_queue_start(&device->transmit.queue, registers, TRANSMIT_QUEUE)) {
        return 0;
    }
    line_start(&device->receive);
    line_start(&device->transmit);
    configuration_read(device);
    device->running = virtio_run(registers) != 0;
    (void)network_device_link(device);
    return device->running;
}

void network_device_stop(struct network_device *device)
{
    virtio_reset(&device->registers);
    virtio_queue_stop(&device->receive.queue);
    virtio_queue_stop(&device->transmit.queue);
    device->running = 0;
}

int network_device_link(struct network_device *device)
{
    device->link_up =
        (virtio_configuration_8(&device->registers, CONFIGURATION_STATUS) & STATUS_LINK_UP) != 0;
    return device->link_up;
}

static int line_put(const struct network_device *device, struct network_line *line, uint32_t tag,
                    const struct virtio_piece pieces[2])
{
    uint32_t row;

    if (!device->running || line->free_count == 0) {
        return 0;
    }
    row = line->free_rows[--line->free_count];
    line->tags[row] = tag;
    virtio_queue_put(&line->queue, row, pieces, 2);
    return 1;
}

int network_device_send(struct network_device *device, uint32_t tag, uint64_t address,
                        uint32_t size_bytes)
{
    uint64_t header = (device->headers_frame << PAGE_SHIFT) + TRANSMIT_HEADER_OFFSET;

    return line_put(
        device, &device->transmit, tag,
        (const struct virtio_piece[]){{header, HEADER_SIZE_BYTES, 0}, {address, size_bytes, 0}});
}

int network_device_post(struct network_device *device, uint32_t tag, uint64_t address,
                        uint32_t size_bytes)
{
    uint64_t header = device->headers_frame << PAGE_SHIFT;

    /* What they hold is not looked at, so they need not differ: but no two are written at once. */
    return line_put(
        device, &device->receive, tag,
        (const struct virtio_piece[]){{header, HEADER_SIZE_BYTES, 1}, {address, size_bytes, 1}});
}

void network_device_notify(struct network_device *device)
{
    virtio_queue_notify(&device->receive.queue);
    virtio_queue_notify(&device->transmit.queue);
}

static int line_take(struct network_line *line, uint32_t *tag, uint32_t *written_bytes)
{
    uint32_t row;

    if (!virtio_queue_take(&line->queue, &row, written_bytes)) {
        return 0;
    }
    *tag = line->tags[row];
    line->free_rows[line->free_count++] = (uint8_t)row;
    return 1;
}

int network_device_take(struct network_device *device, uint32_t *tag, uint32_t *size_bytes)
{
    if (line_take(&device->transmit, tag, size_bytes)) {
        *size_bytes = 0;
        return 1;
    }
    if (!line_take(&device->receive, tag, size_bytes)) {
        return 0;
    }
    *size_bytes = *size_bytes > HEADER_SIZE_BYTES ? *size_bytes - HEADER_SIZE_BYTES : 0;
    return 1;
}
