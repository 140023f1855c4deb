/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A driver as small as one can be: one ring, one request in flight. */
#include "block_device.h"

#include "event.h"
#include "memory.h"
#include "start.h"
#include "virtio.h"

#define FEATURE_FLUSH 0x200u /* a write may wait for the next flush */
#define STATUS_NONE 0xeeu

struct request_frame {
    uint32_t type;
    uint32_t reserved0;
    uint64_t sector;
    volatile uint8_t status;
};

static struct virtio_ring ring;
static uint64_t request_frame_number;

void block_start(void)
{
    if (request_frame_number == 0) {
        request_frame_number = frame_allocate();
    }
    virtio_negotiate(VIRTIO_KIND_block, FEATURE_FLUSH);
    virtio_ring_start(&ring, 0);
    virtio_run();
}

uint64_t block_sector_count(void)
{
    return virtio_load(REGISTER_configuration) | (uint64_t)virtio_load(REGISTER_configuration + 4)
                                                     << 32;
}

static struct request_frame *request_make(enum block_request request, uint64_t sector)
{
    struct request_frame *frame = frame_pointer(request_frame_number);

    frame->type = (uint32_t)request;
    frame->sector = sector;
    frame->status = STATUS_NONE;
    virtio_describe(&ring, 0, request_frame_number << PAGE_SHIFT, 16, DESCRIPTOR_NEXT);
    return frame;
}

static enum block_end request_wait(const struct request_frame *frame, uint16_t status_descriptor)
{
    uint16_t index = ring.available->index;

    virtio_describe(&ring, status_descriptor, (request_frame_number << PAGE_SHIFT) + 16, 1,
                    DESCRIPTOR_WRITE);
    virtio_offer(&ring, 0);
    while (ring.used->index == index && !virtio_broken()) {
        events_wait();
    }
    return frame->status == STATUS_NONE ? BLOCK_END_broken : (enum block_end)frame->status;
}

enum block_end block_transfer(enum block_request request, uint64_t sector, uint64_t address,
                              uint32_t size_bytes)
{
    uint32_t writes = request == BLOCK_REQUEST_read ? DESCRIPTOR_WRITE : 0;
    struct request_frame *frame = request_make(request, sector);

    virtio_describe(&ring, 1, address, size_bytes, DESCRIPTOR_NEXT | writes);
    return request_wait(frame, 2);
}

enum block_end block_flush(void)
{
    return request_wait(request_make(BLOCK_REQUEST_flush, 0), 1);
}
