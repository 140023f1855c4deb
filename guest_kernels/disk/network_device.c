/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver as small as one can be: as many buffers for reception as the ring has descriptors, a
 * frame of memory each, and one buffer for sending.
 */
#include "network_device.h"

#include "bytes.h"
#include "check.h"
#include "event.h"
#include "memory.h"
#include "start.h"
#include "virtio.h"

#define HEADER_SIZE_BYTES 12u
#define BUFFER_SIZE_BYTES 2048u

static struct virtio_ring receive_ring, transmit_ring;
static uint64_t buffers_frame; /* RING_SIZE for reception, then one for sending */
static uint16_t received_count;

static void buffer_offer(uint16_t index)
{
    virtio_describe(&receive_ring, index, (buffers_frame + index) << PAGE_SHIFT, BUFFER_SIZE_BYTES,
                    DESCRIPTOR_WRITE);
    virtio_offer(&receive_ring, index);
}

void network_start(void)
{
    buffers_frame = frames_allocate(RING_SIZE + 1);
    virtio_negotiate(VIRTIO_KIND_network, 0);
    virtio_ring_start(&receive_ring, 0);
    virtio_ring_start(&transmit_ring, 1);
    virtio_run();
    for (uint16_t index = 0; index < RING_SIZE; index++) {
        buffer_offer(index);
    }
}

void network_address(uint8_t address[ADDRESS_SIZE_BYTES])
{
    const volatile uint8_t *bytes = virtio_registers();

    for (uint32_t index = 0; index < ADDRESS_SIZE_BYTES; index++) {
        address[index] = bytes[REGISTER_configuration + index];
    }
}

void network_send(const uint8_t *frame, uint32_t size_bytes)
{
    uint8_t *buffer = frame_pointer(buffers_frame + RING_SIZE);
    uint16_t index = transmit_ring.available->index;

    memset(buffer, 0, HEADER_SIZE_BYTES);
    memcpy(buffer + HEADER_SIZE_BYTES, frame, size_bytes);
    virtio_describe(&transmit_ring, 0, (buffers_frame + RING_SIZE) << PAGE_SHIFT,
                    HEADER_SIZE_BYTES + size_bytes, 0);
    virtio_offer(&transmit_ring, 0);
    while (transmit_ring.used->index == index) {
        CHECK(!virtio_broken());
        events_wait();
    }
}

uint32_t network_receive(uint8_t frame[FRAME_LIMIT_BYTES])
{
    uint32_t size_bytes;
    uint16_t head;

    while (receive_ring.used->index == received_count) {
        CHECK(!virtio_broken());
        events_wait();
    }
    head = (uint16_t)receive_ring.used->entries[received_count % RING_SIZE].head;
    size_bytes = receive_ring.used->entries[received_count % RING_SIZE].size_bytes;
    CHECK(head < RING_SIZE && size_bytes > HEADER_SIZE_BYTES);
    size_bytes -= HEADER_SIZE_BYTES;
    CHECK(size_bytes <= FRAME_LIMIT_BYTES);
    memcpy(frame, (const uint8_t *)frame_pointer(buffers_frame + head) + HEADER_SIZE_BYTES,
           size_bytes);
    received_count++;
    buffer_offer(head);
    return size_bytes;
}
