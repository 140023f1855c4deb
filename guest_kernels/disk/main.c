/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest with a disk of its own: it finds the device in its view, maps its registers, starts it,
 * writes sectors, reads them back and compares. Options: sectors=N; hostile: first it tries what a
 * device and its registers must not be used for; foreign=F: F is the frame of somebody else's
 * registers.
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
#define OUTSIDE_ADDRESS 0x7ffffff000ull

IMAGE(2 * 1024 * 1024);

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
        CHECK(block_transfer(BLOCK_REQUEST_write, sector, address, SECTOR_SIZE_BYTES) ==
              BLOCK_END_ok);
    }
    for (uint64_t sector = 0; sector < sectors; sector++) {
        memset(words, 0, SECTOR_SIZE_BYTES);
        CHECK(block_transfer(BLOCK_REQUEST_read, sector, address, SECTOR_SIZE_BYTES) ==
              BLOCK_END_ok);
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
        CHECK(block_transfer(BLOCK_REQUEST_read, 0, addresses[index], SECTOR_SIZE_BYTES) !=
              BLOCK_END_ok);
        block_start(device);
    }
}

int guest_main(const struct start_page *start)
{
    uint64_t sectors = option_number(start->command_line, "sectors", SECTORS_DEFAULT);
    struct view_device device;

    events_start();
    block_find(&device);
    block_start(&device);
    CHECK(block_sector_count() >= sectors);
    if (option_present(start->command_line, "hostile")) {
        try_mappings(&device, option_number(start->command_line, "foreign", 0));
        try_addresses(&device);
    }
    write_and_read(sectors);
    CHECK(block_event_count() >= 2 * sectors);
    print("disk: %u sectors written and read\n", (unsigned)sectors);
    return 0;
}
