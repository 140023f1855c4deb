/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the disk that a volume lies on, whichever it is, and counts what is asked of it.
 */
#include "store.h"

#include "bytes.h"
#include "command.h"
#include "memory.h"
#include "option.h"
#include "start.h"
#include "station.h"

#define MEMORY_DEFAULT_KIB 4096u
#define FRAMES_KEPT 512u /* that a disk in memory leaves to the rest of the shell */
#define SECTORS_PER_FRAME (PAGE_SIZE_BYTES / FAT_SECTOR_SIZE_BYTES)

static struct fat_disk disk;
static struct fat_volume volume;
static int mounted;
static uint8_t *memory; /* 0: the disk is reached by paths */
static uint64_t memory_frames;
static struct store_counters counters;

static int memory_move(uint64_t sector, uint32_t sector_count, void *to, const void *from)
{
    if (sector + sector_count > disk.sector_count) {
        return 0;
    }
    memcpy(to, from, (size_t)sector_count * FAT_SECTOR_SIZE_BYTES);
    return 1;
}

static int disk_read(void *context, uint64_t sector, uint32_t sector_count, void *data)
{
    (void)context;
    counters.read_count++;
    counters.sectors_read += sector_count;
    if (memory != 0) {
        return memory_move(sector, sector_count, data, memory + sector * FAT_SECTOR_SIZE_BYTES);
    }
    return disk_transfer(station_disk(), DISK_OPERATION_read, sector, sector_count, data) ==
           DISK_STATUS_ok;
}

static int disk_write(void *context, uint64_t sector, uint32_t sector_count, const void *data)
{
    (void)context;
    counters.write_count++;
    counters.sectors_written += sector_count;
    if (memory != 0) {
        return memory_move(sector, sector_count, memory + sector * FAT_SECTOR_SIZE_BYTES, data);
    }
    /* One function of the disk serves both directions; what is written it only reads. */
    return disk_transfer(station_disk(), DISK_OPERATION_write, sector, sector_count,
                         (void *)(uintptr_t)data) == DISK_STATUS_ok;
}

static int disk_flush(void *context)
{
    (void)context;
    counters.flush_count++;
    return memory != 0 ||
           disk_transfer(station_disk(), DISK_OPERATION_flush, 0, 0, 0) == DISK_STATUS_ok;
}

static int is_memory_wanted(const char *command_line)
{
    return option_present(command_line, "disk=memory");
}

void store_start(const char *command_line)
{
    uint64_t kib = option_number(command_line, "disk_kib", MEMORY_DEFAULT_KIB);
    uint64_t unused = frames_free_count();
    uint64_t most = unused > FRAMES_KEPT ? unused - FRAMES_KEPT : 0;

    disk.read = disk_read;
    disk.write = disk_write;
    disk.flush = disk_flush;
    if (is_memory_wanted(command_line)) {
        memory_frames = kib / (PAGE_SIZE_BYTES / 1024);
        memory_frames = memory_frames < most ? memory_frames : most;
        memory = frame_pointer(frames_allocate(memory_frames));
        disk.sector_count = memory_frames * SECTORS_PER_FRAME;
    }
}

static int disk_is_there(void)
{
    return station_disk() != 0 && station_disk()->capacity_sectors != 0;
}

/* A partition is told of its disks when it has started, and of a disk's size by its server. */
static int disk_await(const char *command)
{
    if (memory != 0) {
        return 1;
    }
    if (!station_is_connected()) {
        return command_failed(command, "the disk", "this partition has none; try disk=memory");
    }
    if (!station_await(disk_is_there)) {
        return command_failed(command, "the disk", "none has come in ten seconds");
    }
    disk.sector_count = station_disk()->capacity_sectors;
    return 1;
}

struct fat_volume *store_volume(const char *command)
{
    uint32_t status;

    if (!mounted) {
        if (!disk_await(command)) {
            return 0;
        }
        status = fat_mount(&volume, &disk);
        if (status != FAT_ok) {
            (void)command_failed(command, "the disk has no volume",
                                 status == FAT_no_volume ? volume.reason : fat_status_text(status));
            return 0;
        }
        mounted = 1;
    }
    return &volume;
}

int store_format(const char *command)
{
    uint32_t status;

    if (!disk_await(command)) {
        return 0;
    }
    mounted = 0;
    status = fat_format(&disk, (uint32_t)start_page->random_seed);
    return status == FAT_ok || command_failed(command, "the disk", fat_status_text(status));
}

const struct store_counters *store_counters(void)
{
    return &counters;
}

const struct disk *store_disk(void)
{
    return memory == 0 ? station_disk() : 0;
}

uint64_t store_memory_frames(void)
{
    return memory_frames;
}
