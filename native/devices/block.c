/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block device of virtio 1.2, section 5.2, on one port of a disk. Requests complete in the
 * order in which they were taken, so a flush covers all before it. Data moves between medium and
 * guest memory without a copy in between. A request is refused whole before any of it is applied:
 * its range, its size and every address of its data are asked for first.
 */
#include <errno.h>
#include <string.h>

#include "io.h"

#include "disk.h"
#include "model.h"

#define BLOCK_SEGMENT_SIZE_BYTES (1u << 20) /* size_max */
#define BLOCK_SEGMENT_COUNT 16u             /* seg_max */
#define BLOCK_TRANSFER_LIMIT_BYTES ((uint64_t)BLOCK_SEGMENT_SIZE_BYTES * BLOCK_SEGMENT_COUNT)
#define BLOCK_DISCARD_SECTORS (1u << 16) /* of one range, and of one write_zeroes */
#define BLOCK_DISCARD_RANGES 16u
#define BLOCK_NAME_SIZE_BYTES 20

#define FEATURE_SIZE_MAX (1ull << 1)
#define FEATURE_SEG_MAX (1ull << 2)
#define FEATURE_READ_ONLY (1ull << 5)
#define FEATURE_BLOCK_SIZE (1ull << 6)
#define FEATURE_FLUSH (1ull << 9)
#define FEATURE_DISCARD (1ull << 13)
#define FEATURE_WRITE_ZEROES (1ull << 14)

enum block_type {
    BLOCK_in = 0,
    BLOCK_out = 1,
    BLOCK_flush = 4,
    BLOCK_get_id = 8,
    BLOCK_discard = 11,
    BLOCK_write_zeroes = 13
};

enum block_status { BLOCK_ok = 0, BLOCK_io_error = 1, BLOCK_unsupported = 2 };

struct block_header {
    uint32_t type;
    uint32_t reserved0;
    uint64_t sector;
};

struct block_range {
    uint64_t sector;
    uint32_t sector_count;
    uint32_t flags;
};
#define RANGE_UNMAP 0x1u

struct block_configuration {
    uint64_t capacity_sectors;
    uint32_t segment_size_bytes;
    uint32_t segment_count;
    uint32_t geometry;
    uint32_t block_size_bytes;
    uint64_t topology;
    uint8_t writeback;
    uint8_t reserved0;
    uint16_t queue_count;
    uint32_t discard_sectors;
    uint32_t discard_ranges;
    uint32_t discard_alignment_sectors;
    uint32_t write_zeroes_sectors;
    uint32_t write_zeroes_ranges;
    uint8_t write_zeroes_may_unmap;
    uint8_t reserved1[3];
};
#define BLOCK_CONFIGURATION_SIZE_BYTES 60 /* without what the compiler adds behind it */

/* One request while it is carried out. */
struct block_request {
    struct device *device;
    const struct chain *chain;
    struct block_header header;
    uint64_t out_bytes; /* behind the header */
    uint64_t in_bytes;  /* before the status */
    uint64_t offset;    /* on the disk, of the next piece */
};

static uint64_t block_features(const struct device *device)
{
    uint64_t features = FEATURE_SIZE_MAX | FEATURE_SEG_MAX | FEATURE_BLOCK_SIZE | FEATURE_FLUSH;
    return features | (disk_read_only(device->disk) ? FEATURE_READ_ONLY
                                                    : FEATURE_DISCARD | FEATURE_WRITE_ZEROES);
}

static void block_configuration(const struct device *device,
                                uint8_t bytes[CONFIGURATION_LIMIT_BYTES])
{
    bool writable = !disk_read_only(device->disk);
    struct block_configuration configuration = {
        .capacity_sectors = disk_sector_count(device->disk),
        .segment_size_bytes = BLOCK_SEGMENT_SIZE_BYTES,
        .segment_count = BLOCK_SEGMENT_COUNT,
        .block_size_bytes = SECTOR_SIZE_BYTES,
        .writeback = 1,
        .queue_count = 1,
        .discard_sectors = writable ? BLOCK_DISCARD_SECTORS : 0,
        .discard_ranges = writable ? BLOCK_DISCARD_RANGES : 0,
        .discard_alignment_sectors = writable ? 1 : 0,
        .write_zeroes_sectors = writable ? BLOCK_DISCARD_SECTORS : 0,
        .write_zeroes_ranges = writable ? BLOCK_DISCARD_RANGES : 0,
        .write_zeroes_may_unmap = writable,
    };
    memcpy(bytes, &configuration, BLOCK_CONFIGURATION_SIZE_BYTES);
}

static int read_piece(void *context, uint8_t *data, uint64_t size_bytes)
{
    struct block_request *request = context;
    int error = disk_read(request->device->disk, request->offset, data, size_bytes);
    request->offset += size_bytes;
    return error;
}

static int write_piece(void *context, uint8_t *data, uint64_t size_bytes)
{
    struct block_request *request = context;
    int error = disk_write(request->device->disk, request->offset, data, size_bytes);
    request->offset += size_bytes;
    return error;
}

/* A driver that was not offered a cache, or declined it, takes each write for flushed. */
static int write_through(struct block_request *request)
{
    bool cached = (request->device->state.driver_features & FEATURE_FLUSH) != 0;
    return cached ? 0 : disk_flush(request->device->disk);
}

/* The device's word on a refused address: the first reason, and EFAULT for the request. */
static int data_check(struct block_request *request, bool in)
{
    uint64_t first = in ? 0 : sizeof request->header;
    uint64_t size_bytes = in ? request->in_bytes : request->out_bytes;
    if (size_bytes > BLOCK_TRANSFER_LIMIT_BYTES) {
        device_refuse(request->device, "request of %llu bytes, above the limit of %llu",
                      (unsigned long long)size_bytes,
                      (unsigned long long)BLOCK_TRANSFER_LIMIT_BYTES);
        return EINVAL;
    }
    if (chain_visit(request->device, request->chain, in, first, size_bytes, NULL, NULL) != 0) {
        device_refuse(request->device, "data of a request: address refused");
        return EFAULT;
    }
    return 0;
}

static int transfer(struct block_request *request, bool in)
{
    struct disk *disk = request->device->disk;
    uint64_t size_bytes = in ? request->in_bytes : request->out_bytes;
    uint32_t operation = in ? DISK_OPERATION_read : DISK_OPERATION_write;
    uint64_t first = in ? 0 : sizeof request->header;
    if (size_bytes == 0 || size_bytes % SECTOR_SIZE_BYTES != 0) {
        device_refuse(request->device, "request of %llu bytes", (unsigned long long)size_bytes);
        return EINVAL;
    }
    int error = data_check(request, in);
    if (error == 0) {
        error = disk_check(disk, request->device->port, operation, request->header.sector,
                           size_bytes / SECTOR_SIZE_BYTES);
    }
    if (error != 0) {
        return error;
    }
    request->offset = request->header.sector * SECTOR_SIZE_BYTES;
    error = chain_visit(request->device, request->chain, in, first, size_bytes,
                        in ? read_piece : write_piece, request);
    return error == 0 && !in ? write_through(request) : error;
}

/* Zero or what a range of discard or write_zeroes must not be. */
static int range_check(struct block_request *request, const struct block_range *range,
                       uint32_t operation)
{
    bool discard = operation == DISK_OPERATION_discard;
    if ((range->flags & ~(discard ? 0 : RANGE_UNMAP)) != 0) {
        device_refuse(request->device, "range with flags %#x", range->flags);
        return ENOTSUP;
    }
    if (range->sector_count > BLOCK_DISCARD_SECTORS) {
        device_refuse(request->device, "range of %u sectors", range->sector_count);
        return EINVAL;
    }
    return disk_check(request->device->disk, request->device->port, operation, range->sector,
                      range->sector_count);
}

static int ranges(struct block_request *request, uint32_t operation)
{
    struct block_range list[BLOCK_DISCARD_RANGES];
    struct disk *disk = request->device->disk;
    uint64_t count = request->out_bytes / sizeof list[0];
    if (request->out_bytes % sizeof list[0] != 0 || count == 0 || count > BLOCK_DISCARD_RANGES) {
        device_refuse(request->device, "%llu bytes of ranges",
                      (unsigned long long)request->out_bytes);
        return EINVAL;
    }
    if (!chain_read(request->device, request->chain, sizeof request->header, list,
                    request->out_bytes)) {
        device_refuse(request->device, "ranges of a request: address refused");
        return EFAULT;
    }
    int error = 0;
    for (uint64_t index = 0; index < count && error == 0; index++) {
        error = range_check(request, &list[index], operation);
    }
    for (uint64_t index = 0; index < count && error == 0; index++) {
        bool unmap = operation == DISK_OPERATION_discard || (list[index].flags & RANGE_UNMAP) != 0;
        error = disk_zero(disk, list[index].sector, list[index].sector_count, unmap);
    }
    return error == 0 ? write_through(request) : error;
}

static int get_id(struct block_request *request)
{
    if (request->in_bytes < BLOCK_NAME_SIZE_BYTES) {
        device_refuse(request->device, "get_id into %llu bytes",
                      (unsigned long long)request->in_bytes);
        return EINVAL;
    }
    request->in_bytes = BLOCK_NAME_SIZE_BYTES;
    bool written = chain_write(request->device, request->chain, 0, request->device->name,
                               BLOCK_NAME_SIZE_BYTES);
    if (!written) {
        device_refuse(request->device, "data of a request: address refused");
    }
    return written ? 0 : EFAULT;
}

static int flush(struct block_request *request)
{
    struct disk *disk = request->device->disk;
    int error = disk_check(disk, request->device->port, DISK_OPERATION_flush, 0, 0);
    return error == 0 ? disk_flush(disk) : error;
}

static int carry_out(struct block_request *request)
{
    switch (request->header.type) {
    case BLOCK_in:
        return transfer(request, true);
    case BLOCK_out:
        return transfer(request, false);
    case BLOCK_flush:
        return flush(request);
    case BLOCK_get_id:
        return get_id(request);
    case BLOCK_discard:
        return ranges(request, DISK_OPERATION_discard);
    case BLOCK_write_zeroes:
        return ranges(request, DISK_OPERATION_write_zeroes);
    default:
        device_refuse(request->device, "request of type %u", request->header.type);
        return ENOTSUP;
    }
}

static bool reads(uint32_t type)
{
    return type == BLOCK_in || type == BLOCK_get_id;
}

static void count(struct block_request *request, bool ok)
{
    struct device_counters *counters = &request->device->counters;
    counters->request_count++;
    counters->failed_count += ok ? 0 : 1;
    counters->read_bytes += ok && request->header.type == BLOCK_in ? request->in_bytes : 0;
    counters->written_bytes += ok && request->header.type == BLOCK_out ? request->out_bytes : 0;
}

static bool block_complete(struct device *device, const struct chain *chain,
                           uint32_t *written_bytes)
{
    struct block_request request = {.device = device, .chain = chain};
    if (chain->readable_bytes < sizeof request.header || chain->writable_bytes == 0) {
        device_break(device, "request of %llu readable and %llu writable bytes",
                     (unsigned long long)chain->readable_bytes,
                     (unsigned long long)chain->writable_bytes);
        return false;
    }
    request.out_bytes = chain->readable_bytes - sizeof request.header;
    request.in_bytes = chain->writable_bytes - 1;
    if (!chain_read(device, chain, 0, &request.header, sizeof request.header) ||
        chain_visit(device, chain, true, chain->writable_bytes - 1, 1, NULL, NULL) != 0) {
        device_break(device, "header or status of a request: address refused");
        return false;
    }
    int error = carry_out(&request);
    uint8_t status = error == 0 ? BLOCK_ok : error == ENOTSUP ? BLOCK_unsupported : BLOCK_io_error;
    if (!chain_write(device, chain, chain->writable_bytes - 1, &status, sizeof status)) {
        device_break(device, "status of a request: address refused");
        return false;
    }
    count(&request, error == 0);
    /* So many bytes from the beginning are certain (virtio 1.2, 2.7.8.2). */
    bool all = error == 0 && (reads(request.header.type) || chain->writable_bytes == 1);
    *written_bytes = all ? (uint32_t)request.in_bytes : 0;
    *written_bytes += chain->writable_bytes - 1 == *written_bytes ? 1 : 0;
    return true;
}

static void block_running(struct device *device, bool running)
{
    (void)running; /* a fence stops it, a reset does not: the port stays its own */
    disk_port_activate(device->disk, device->port, device->state.active != 0);
}

static void block_release(struct device *device)
{
    disk_port_release(device->disk, device->port);
}

static const struct device_model block_model = {
    .kind = DEVICE_KIND_block,
    .queue_count = 1,
    .output_queue = 0,
    .configuration_size_bytes = BLOCK_CONFIGURATION_SIZE_BYTES,
    .features = block_features,
    .configuration = block_configuration,
    .complete = block_complete,
    .running = block_running,
    .release = block_release,
};

struct device *device_new_block(const struct device_environment *environment,
                                const struct device_options *options, struct disk *disk,
                                uint32_t port)
{
    if (!disk_port_take(disk, port)) {
        return NULL;
    }
    struct device *device = device_new(environment, options, &block_model);
    if (device == NULL) {
        disk_port_release(disk, port);
        return NULL;
    }
    device->disk = disk;
    device->port = port;
    return device;
}
