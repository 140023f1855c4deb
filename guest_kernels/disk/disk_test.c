/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See device_tests.h. */
#include "bytes.h"
#include "check.h"
#include "console.h"
#include "device_tests.h"
#include "drive.h"
#include "memory.h"
#include "option.h"
#include "own_device.h"
#include "start.h"

#define SECTORS_DEFAULT 16

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

static void write_sectors(uint64_t frame, uint64_t sectors, uint32_t expected)
{
    for (uint64_t sector = 0; sector < sectors; sector++) {
        fill(frame_pointer(frame), sector);
        CHECK(drive_transfer(DISK_OPERATION_write, sector, frame << PAGE_SHIFT,
                             SECTOR_SIZE_BYTES) == expected);
    }
}

static void read_sectors(uint64_t frame, uint64_t sectors)
{
    for (uint64_t sector = 0; sector < sectors; sector++) {
        memset(frame_pointer(frame), 0, SECTOR_SIZE_BYTES);
        CHECK(drive_transfer(DISK_OPERATION_read, sector, frame << PAGE_SHIFT, SECTOR_SIZE_BYTES) ==
              DISK_STATUS_ok);
        check_sector(frame_pointer(frame), sector);
    }
}

void stream_test(uint64_t size_mib, uint64_t request_kib)
{
    uint64_t request_bytes = request_kib * 1024;
    uint64_t count = size_mib * 1024 / request_kib;
    uint64_t frame = frames_allocate((request_bytes + PAGE_SIZE_BYTES - 1) / PAGE_SIZE_BYTES);

    for (uint64_t pass = 0; pass < 2; pass++) {
        enum disk_operation operation = pass == 0 ? DISK_OPERATION_write : DISK_OPERATION_read;

        for (uint64_t index = 0; index < count; index++) {
            CHECK(drive_transfer(operation, index * request_bytes / SECTOR_SIZE_BYTES,
                                 frame << PAGE_SHIFT, (uint32_t)request_bytes) == DISK_STATUS_ok);
        }
    }
    print("disk: %u requests of %u KiB in %u events\n", (unsigned)(2 * count),
          (unsigned)request_kib, (unsigned)own_device_event_count());
}

void disk_test(const char *command_line)
{
    uint64_t sectors = option_number(command_line, "sectors", SECTORS_DEFAULT);
    uint64_t frame = frame_allocate();

    CHECK(drive_sector_count() >= sectors);
    if (option_present(command_line, "fails")) {
        write_sectors(frame, sectors, DISK_STATUS_io_error);
        print("disk: %u writes failed\n", (unsigned)sectors);
        return;
    }
    write_sectors(frame, sectors, DISK_STATUS_ok);
    if (option_present(command_line, "flush")) {
        CHECK(drive_flush() == DISK_STATUS_ok);
        print("disk: flushed\n");
    }
    read_sectors(frame, sectors);
    frame_free(frame);
    CHECK(own_device_event_count() >= 2 * sectors);
    print("disk: %u sectors written and read\n", (unsigned)sectors);
}
