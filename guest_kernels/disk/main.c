/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest with a disk of its own: it finds the device in its view, maps its registers, starts it,
 * writes sectors, reads them back and compares, one request at a time. Options: sectors=N; hostile:
 * first it tries what a device and its registers must not be used for; foreign=F: F is the frame of
 * somebody else's registers.
 */
#include "block_device.h"
#include "bytes.h"
#include "check.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "image.h"
#include "memory.h"
#include "option.h"
#include "start.h"

#define SECTORS_DEFAULT 16
#define STATUS_BROKEN UINT32_MAX /* beside enum disk_status: the device wants a reset */
#define OUTSIDE_ADDRESS 0x7ffffff000ull

IMAGE(2 * 1024 * 1024);

static struct block_device disk;
static volatile uint32_t event_count;

static void device_calls(uint32_t port)
{
    (void)port;
    event_count++;
    (void)virtio_interrupt_take(&disk.registers);
}

/* Waits until the view has a device for this partition, and its registers can be mapped. */
static void disk_find(struct view_device *row)
{
    while (hypercall_view_get(VIEW_RECORD_device, 0, row, sizeof(*row)) < 0 ||
           !virtio_find(row->guest_frame << PAGE_SHIFT, &disk.registers) ||
           virtio_map(&disk.registers) < 0) {
        (void)hypercall_yield();
    }
    event_function_set(row->port, device_calls);
}

static uint32_t transfer(uint32_t operation, uint64_t sector, uint64_t address)
{
    const struct block_transfer one = {
        .operation = operation, .sector_count = 1, .sector = sector, .address = address};
    uint32_t tag;
    uint32_t status;

    CHECK(block_begin(&disk, 1, &one));
    block_notify(&disk);
    while (!block_take(&disk, &tag, &status)) {
        if (virtio_is_broken(&disk.registers)) {
            return STATUS_BROKEN;
        }
        events_wait();
    }
    CHECK(tag == 1);
    return status;
}

static uint64_t pattern(uint64_t sector, uint64_t word)
{
    return (sector << 32 | word) * 0x9e3779b97f4a7c15ull + start_page->random_seed;
}

static void fill(uint64_t *words, uint64_t sector)
{
    for (uint64_t word = 0; word < SECTOR_SIZE_BYTES / sizeof(*words); word++) {
        words[word] = pattern(sector, word);
    }
}

static void check_sector(const uint64_t *words, uint64_t sector)
{
    for (uint64_t word = 0; word < SECTOR_SIZE_BYTES / sizeof(*words); word++) {
        CHECK(words[word] == pattern(sector, word));
    }
}

static void write_and_read(uint64_t sectors)
{
    uint64_t frame = frame_allocate();
    uint64_t address = frame << PAGE_SHIFT;
    uint64_t *words = frame_pointer(frame);

    for (uint64_t sector = 0; sector < sectors; sector++) {
        fill(words, sector);
        CHECK(transfer(DISK_OPERATION_write, sector, address) == DISK_STATUS_ok);
    }
    for (uint64_t sector = 0; sector < sectors; sector++) {
        memset(words, 0, SECTOR_SIZE_BYTES);
        CHECK(transfer(DISK_OPERATION_read, sector, address) == DISK_STATUS_ok);
        check_sector(words, sector);
    }
    frame_free(frame);
}

/* The page of the registers, as it must not be mapped; and what is somebody else's. */
static void try_mappings(const struct view_device *device, uint64_t foreign_frame)
{
    uintptr_t page = (uintptr_t)frame_pointer(device->guest_frame);
    uint64_t own = device->machine_frame << PAGE_SHIFT | ENTRY_PRESENT | ENTRY_KERNEL;
    uint64_t foreign = foreign_frame << PAGE_SHIFT | ENTRY_PRESENT | ENTRY_KERNEL;

    CHECK(hypercall_mapping_update(page, own) == -ERROR_type_conflict);
    CHECK(hypercall_mapping_update(page, foreign | ENTRY_NO_EXECUTE) == -ERROR_not_owner);
    CHECK(hypercall_mapping_update(page, foreign | ENTRY_WRITABLE | ENTRY_NO_EXECUTE) ==
          -ERROR_not_owner);
    CHECK(hypercall_table_pin(device->machine_frame, 1) == -ERROR_not_owner);
    CHECK(hypercall_frames_release(device->machine_frame, 1) == -ERROR_not_owner);
    CHECK(hypercall_console_write((const char *)page, 4) == -ERROR_fault);
}

/* A device address that its guest may not have written, and one that leads nowhere. */
static void try_addresses(const struct view_device *device)
{
    uint64_t table = frame_from_machine(start_page->kernel_root_frame);
    const uint64_t addresses[] = {
        OUTSIDE_ADDRESS,
        table << PAGE_SHIFT,
        device->guest_frame << PAGE_SHIFT,
        ~0xfffull,
        start_page->memory_size_bytes - SECTOR_SIZE_BYTES / 2,
    };

    for (uint32_t index = 0; index < sizeof(addresses) / sizeof(addresses[0]); index++) {
        CHECK(transfer(DISK_OPERATION_read, 0, addresses[index]) != DISK_STATUS_ok);
        CHECK(block_start(&disk));
    }
}

int guest_main(const struct start_page *start)
{
    uint64_t sectors = option_number(start->command_line, "sectors", SECTORS_DEFAULT);
    struct view_device device;

    events_start();
    disk_find(&device);
    CHECK(block_start(&disk));
    CHECK(disk.capacity_sectors >= sectors);
    if (option_present(start->command_line, "hostile")) {
        try_mappings(&device, option_number(start->command_line, "foreign", 0));
        try_addresses(&device);
    }
    write_and_read(sectors);
    CHECK(event_count >= 2 * sectors);
    print("disk: %u sectors written and read\n", (unsigned)sectors);
    return 0;
}
