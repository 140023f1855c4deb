/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the requests' headers and what each operation of a disk is to the device.
 */
#include "block_device.h"

#include "memory.h"

#define FEATURE_SIZE_MAX (1ull << 1)
#define FEATURE_SEG_MAX (1ull << 2)
#define FEATURE_READ_ONLY (1ull << 5)
#define FEATURE_BLOCK_SIZE (1ull << 6)
#define FEATURE_FLUSH (1ull << 9)
#define FEATURE_DISCARD (1ull << 13)
#define FEATURE_WRITE_ZEROES (1ull << 14)
#define FEATURES_KNOWN                                                                             \
    (FEATURE_SIZE_MAX | FEATURE_SEG_MAX | FEATURE_READ_ONLY | FEATURE_BLOCK_SIZE | FEATURE_FLUSH | \
     FEATURE_DISCARD | FEATURE_WRITE_ZEROES)

#define CONFIGURATION_CAPACITY 0u
#define CONFIGURATION_SIZE_MAX 8u
#define CONFIGURATION_DISCARD_SECTORS 36u
#define CONFIGURATION_WRITE_ZEROES_SECTORS 48u

#define PIECE_SECTORS_DEFAULT 128u /* where the device does not say */
#define STATUS_NONE 0xeeu
#define HEADER_SIZE_BYTES 16u
#define RANGE_SIZE_BYTES 16u

/* What the device sees of a request, beside its data. */
struct request_memory {
    uint32_t type;
    uint32_t reserved0;
    uint64_t sector;
    uint64_t range_sector; /* discard and write_zeroes */
    uint32_t range_sector_count;
    uint32_t range_flags;
    volatile uint8_t status;
    uint8_t reserved1[31];
};
_Static_assert(sizeof(struct request_memory) == 64, "rows do not cross a page");
#define REQUEST_FRAME_COUNT                                                                        \
    (VIRTIO_QUEUE_SIZE * (uint32_t)sizeof(struct request_memory) / PAGE_SIZE_BYTES)

static const uint32_t types[] = {
    [DISK_OPERATION_read] = 0,     [DISK_OPERATION_write] = 1,         [DISK_OPERATION_flush] = 4,
    [DISK_OPERATION_discard] = 11, [DISK_OPERATION_write_zeroes] = 13,
};

static struct request_memory *request_memory(const struct block_device *device, uint32_t row)
{
    return (struct request_memory *)frame_pointer(device->requests_frame) + row;
}

static uint64_t request_address(const struct block_device *device, uint32_t row)
{
    return (device->requests_frame << PAGE_SHIFT) + row * sizeof(struct request_memory);
}

static void configuration_read(struct block_device *device, uint64_t features)
{
    const struct virtio_device *registers = &device->registers;
    uint32_t size_bytes = (features & FEATURE_SIZE_MAX) != 0
                              ? virtio_configuration_32(registers, CONFIGURATION_SIZE_MAX)
                              : 0;

    device->capacity_sectors =
        virtio_configuration_32(registers, CONFIGURATION_CAPACITY) |
        (uint64_t)virtio_configuration_32(registers, CONFIGURATION_CAPACITY + 4) << 32;
    device->piece_sectors = size_bytes / SECTOR_SIZE_BYTES;
    if (device->piece_sectors == 0) {
        device->piece_sectors = PIECE_SECTORS_DEFAULT;
    }
    device->flags = (features & FEATURE_READ_ONLY) != 0 ? DISK_FLAG_READ_ONLY : 0;
    device->discard_sectors = 0;
    device->write_zeroes_sectors = 0;
    if ((features & FEATURE_DISCARD) != 0 && (features & FEATURE_WRITE_ZEROES) != 0) {
        device->discard_sectors = virtio_configuration_32(registers, CONFIGURATION_DISCARD_SECTORS);
        device->write_zeroes_sectors =
            virtio_configuration_32(registers, CONFIGURATION_WRITE_ZEROES_SECTORS);
    }
    if (device->discard_sectors != 0 && device->write_zeroes_sectors != 0) {
        device->flags |= DISK_FLAG_DISCARD;
    }
}

int block_start(struct block_device *device)
{
    uint64_t features;

    if (device->requests_frame == 0) {
        device->requests_frame = frames_allocate(REQUEST_FRAME_COUNT);
    }
    device->free_count = 0;
    if (!virtio_begin(&device->registers, VIRTIO_KIND_block, FEATURES_KNOWN, &features) ||
        !virtio_queue_start(&device->queue, &device->registers, 0)) {
        return 0;
    }
    configuration_read(device, features);
    for (uint32_t row = 0; row < VIRTIO_QUEUE_SIZE; row++) {
        device->free_rows[device->free_count++] = (uint8_t)row;
    }
    return virtio_run(&device->registers);
}

void block_stop(struct block_device *device)
{
    virtio_reset(&device->registers);
    virtio_queue_stop(&device->queue);
    device->free_count = 0;
}

static uint32_t piece_limit(const struct block_device *device, uint32_t operation)
{
    switch (operation) {
    case DISK_OPERATION_discard:
        return device->discard_sectors;
    case DISK_OPERATION_write_zeroes:
        return device->write_zeroes_sectors;
    default:
        return device->piece_sectors;
    }
}

/* The next piece of a row's request. */
static void piece_send(struct block_device *device, uint32_t row)
{
    struct block_row *own = &device->rows[row];
    const struct block_transfer *rest = &own->rest;
    struct request_memory *memory = request_memory(device, row);
    uint64_t address = request_address(device, row);
    uint32_t limit = piece_limit(device, rest->operation);
    struct virtio_piece pieces[3] = {{address, HEADER_SIZE_BYTES, 0}};
    uint32_t count = 1;

    own->sent_sectors = rest->sector_count < limit ? rest->sector_count : limit;
    memory->type = types[rest->operation];
    memory->sector = 0;
    memory->status = STATUS_NONE;
    if (rest->operation >= DISK_OPERATION_discard) {
        memory->range_sector = rest->sector;
        memory->range_sector_count = own->sent_sectors;
        memory->range_flags = 0;
        pieces[count++] = (struct virtio_piece){address + HEADER_SIZE_BYTES, RANGE_SIZE_BYTES, 0};
    } else if (rest->operation != DISK_OPERATION_flush) {
        memory->sector = rest->sector;
        pieces[count++] =
            (struct virtio_piece){rest->address, own->sent_sectors * SECTOR_SIZE_BYTES,
                                  rest->operation == DISK_OPERATION_read};
    }
    pieces[count++] = (struct virtio_piece){address + HEADER_SIZE_BYTES + RANGE_SIZE_BYTES, 1, 1};
    virtio_queue_put(&device->queue, row, pieces, count);
}

int block_begin(struct block_device *device, uint32_t tag, const struct block_transfer *transfer)
{
    uint32_t row;

    if (device->free_count == 0) {
        return 0;
    }
    row = device->free_rows[--device->free_count];
    device->rows[row].tag = tag;
    device->rows[row].rest = *transfer;
    if (transfer->operation == DISK_OPERATION_flush) {
        device->rows[row].rest.sector_count = 0;
    }
    piece_send(device, row);
    return 1;
}

void block_notify(struct block_device *device)
{
    virtio_queue_notify(&device->queue);
}

static uint32_t status_of(uint8_t ended)
{
    switch (ended) {
    case 0:
        return DISK_STATUS_ok;
    case 2:
        return DISK_STATUS_unsupported;
    default:
        return DISK_STATUS_io_error;
    }
}

/* Whether a row's request goes on with another piece. */
static int row_goes_on(struct block_device *device, uint32_t row, uint32_t status)
{
    struct block_row *own = &device->rows[row];
    struct block_transfer *rest = &own->rest;

    if (status != DISK_STATUS_ok || rest->sector_count <= own->sent_sectors) {
        return 0;
    }
    rest->sector += own->sent_sectors;
    rest->sector_count -= own->sent_sectors;
    rest->address += (uint64_t)own->sent_sectors * SECTOR_SIZE_BYTES;
    piece_send(device, row);
    return 1;
}

int block_take(struct block_device *device, uint32_t *tag, uint32_t *status)
{
    uint32_t written_bytes;
    uint32_t row;

    while (virtio_queue_take(&device->queue, &row, &written_bytes)) {
        *status = status_of(request_memory(device, row)->status);
        if (!row_goes_on(device, row, *status)) {
            *tag = device->rows[row].tag;
            device->free_rows[device->free_count++] = (uint8_t)row;
            return 1;
        }
    }
    return 0;
}
