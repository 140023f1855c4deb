/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owns the driver's state; requests are block_device.h's. */
#include "drive.h"

#include "block_device.h"
#include "check.h"
#include "own_device.h"

#define TAG 1u

static struct block_device device;

void drive_start(void)
{
    device.registers = *own_device();
    CHECK(block_start(&device));
}

uint64_t drive_sector_count(void)
{
    return device.capacity_sectors;
}

static uint32_t request(const struct block_transfer *transfer)
{
    uint32_t tag;
    uint32_t status;

    CHECK(block_begin(&device, TAG, transfer));
    block_notify(&device);
    while (!block_take(&device, &tag, &status)) {
        own_device_wait();
    }
    CHECK(tag == TAG);
    return status;
}

uint32_t drive_transfer(enum disk_operation operation, uint64_t sector, uint64_t address,
                        uint32_t size_bytes)
{
    const struct block_transfer transfer = {.operation = operation,
                                            .sector_count = size_bytes / SECTOR_SIZE_BYTES,
                                            .sector = sector,
                                            .address = address};

    return request(&transfer);
}

uint32_t drive_flush(void)
{
    const struct block_transfer transfer = {.operation = DISK_OPERATION_flush};

    return request(&transfer);
}
