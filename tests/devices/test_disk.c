/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks in files and in memory: what opens, what fails and how, and who may reach them. */
#define _DEFAULT_SOURCE
#include "host_calls.h"
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ 2u /* enum disk_operation */
#define WRITE_OPERATION 3u
#define FLUSH 4u

static char reason[DEVICE_REASON_LIMIT];

static struct disk *file_disk(const char *path, uint64_t size_bytes, bool read_only)
{
    struct disk_options options = {path, size_bytes, read_only};
    return disk_open(&options, reason);
}

static void make_file(const char *path, uint64_t size_bytes)
{
    (void)unlink(path);
    int file = open(path, O_CREAT | O_WRONLY, 0644);
    CHECK(file >= 0 && ftruncate(file, (off_t)size_bytes) == 0);
    (void)close(file);
}

static int byte_of(const char *path, uint64_t offset)
{
    uint8_t byte = 0;
    int file = open(path, O_RDONLY);
    CHECK(pread(file, &byte, 1, (off_t)offset) == 1);
    (void)close(file);
    return byte;
}

static void refused(const char *path, uint64_t size_bytes, const char *expected)
{
    struct disk *disk = file_disk(path, size_bytes, false);
    CHECK(disk == NULL);
    CHECK(strcmp(reason, expected) == 0);
}

static void a_file_is_the_disk(void)
{
    struct rig rig;
    (void)unlink("a.img");
    struct disk *disk = file_disk("a.img", 8 * 512, false);
    CHECK_EQUAL(disk_sector_count(disk), 8);
    rig_block_on(&rig, disk, 0);
    rig_start(&rig, F_FLUSH);
    memset(rig.memory + RIG_BUFFER, 0x61, 512);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 7, 512, false), BLK_S_OK);
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_OK);
    CHECK_EQUAL(byte_of("a.img", 8 * 512 - 1), 0x61);
    CHECK_EQUAL(byte_of("a.img", 7 * 512 - 1), 0);
    rig_put(&rig, RIG_BUFFER, 7, 8);
    rig_put(&rig, RIG_BUFFER + 8, 1, 8);
    CHECK_EQUAL(rig_block_run(&rig, BLK_WRITE_ZEROES, 0, 16, false), BLK_S_OK);
    CHECK_EQUAL(byte_of("a.img", 8 * 512 - 1), 0);
    rig_free(&rig);
    disk_close(disk);
    disk = file_disk("a.img", 0, false);
    CHECK_EQUAL(disk_sector_count(disk), 8);
    disk_close(disk);
}

static void what_does_not_open(void)
{
    make_file("odd.img", 1000);
    refused("odd.img", 0, "odd.img: its size is not a whole number of sectors");
    make_file("empty.img", 0);
    refused("empty.img", 0, "empty.img: its size is not a whole number of sectors");
    make_file("large.img", 2048);
    refused("large.img", 1024, "large.img: larger than the disk's size");
    refused("none.img", 0, "none.img: No such file or directory");
    refused(".", 0, ".: not a regular file");
    refused("/dev/full", 512, "/dev/full: not a regular file");
    refused(NULL, 0, "a disk in memory needs a size");
    refused(NULL, 100, "a disk of 100 bytes: not whole sectors, or above 1 TiB");
    struct disk *disk = file_disk("none.img", 512, true);
    CHECK(disk == NULL && access("none.img", F_OK) != 0);
}

static void a_file_has_one_writer(void)
{
    make_file("shared.img", 1024);
    struct disk *first = file_disk("shared.img", 0, false);
    CHECK(first != NULL);
    refused("shared.img", 0, "shared.img: in use as a disk elsewhere");
    disk_close(first);
    first = file_disk("shared.img", 0, true);
    struct disk *second = file_disk("shared.img", 0, true);
    CHECK(first != NULL && second != NULL);
    disk_close(first);
    disk_close(second);
}

static void a_file_that_may_not_be_written(void)
{
    make_file("locked.img", 1024);
    CHECK(chmod("locked.img", 0444) == 0);
    struct disk *disk = file_disk("locked.img", 0, false);
    CHECK(disk_read_only(disk));
    disk_port_take(disk, 0);
    disk_port_activate(disk, 0, true);
    CHECK_EQUAL(disk_check(disk, 0, WRITE_OPERATION, 0, 1), EROFS);
    CHECK_EQUAL(disk_check(disk, 0, READ, 0, 1), 0);
    disk_close(disk);
}

static void a_file_that_has_vanished(void)
{
    struct rig rig;
    make_file("gone.img", 4096);
    struct disk *disk = file_disk("gone.img", 0, false);
    rig_block_on(&rig, disk, 0);
    rig_start(&rig, F_FLUSH);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 512, false), BLK_S_OK);
    CHECK(unlink("gone.img") == 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 512, false), BLK_S_IOERR);
    CHECK(strcmp(disk_reason(disk), "gone.img: the file has vanished") == 0);
    rig_free(&rig);
    disk_close(disk);
}

static void a_file_that_has_shrunk(void)
{
    struct rig rig;
    make_file("short.img", 4096);
    struct disk *disk = file_disk("short.img", 0, false);
    rig_block_on(&rig, disk, 0);
    rig_start(&rig, F_FLUSH);
    CHECK(truncate("short.img", 1024) == 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 1, 512, true), BLK_S_OK);
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 1, 1024, true), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 512, false), BLK_S_IOERR);
    CHECK(strcmp(disk_reason(disk), "short.img: the file ends at byte 1024") == 0);
    rig_free(&rig);
    disk_close(disk);
}

/* The host refuses to let the file grow: a real error of the kernel, half-way through a disk. */
static void a_host_that_is_full(void)
{
    struct rig rig;
    struct rlimit before, small;
    make_file("full.img", 8192);
    struct disk *disk = file_disk("full.img", 0, false);
    rig_block_on(&rig, disk, 0);
    rig_start(&rig, F_FLUSH);
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &before) == 0);
    small = before;
    small.rlim_cur = 4096;
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 8, 512, false), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 7, 512, false), BLK_S_OK);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 8, 512, false), BLK_S_OK);
    CHECK(strcmp(disk_reason(disk), "full.img: writing at byte 4096: File too large") == 0);
    rig_free(&rig);
    disk_close(disk);
}

static void injected_faults(void)
{
    struct rig rig;
    rig_block(&rig, false);
    rig_start(&rig, F_FLUSH);
    struct disk_fault third_write = {
        .operation = WRITE_OPERATION, .error = ENOSPC, .skip_count = 2, .strike_count = 1};
    CHECK(disk_fault_add(rig.disk, &third_write));
    for (uint32_t index = 0; index < 4; index++) {
        CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, index, 512, false),
                    index == 2 ? BLK_S_IOERR : BLK_S_OK);
    }
    CHECK(strcmp(disk_reason(rig.disk), "sector 2: No space left on device, as was asked for") ==
          0);
    struct disk_fault bad_area = {.error = EIO, .sector = 10, .sector_count = 2};
    CHECK(disk_fault_add(rig.disk, &bad_area));
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 9, 512, true), BLK_S_OK);
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 9, 1024, true), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 11, 512, false), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 12, 512, false), BLK_S_OK);
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_OK);
    disk_fault_clear(rig.disk);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 11, 512, false), BLK_S_OK);
    for (uint32_t index = 0; index < DISK_FAULT_LIMIT; index++) {
        CHECK(disk_fault_add(rig.disk, &bad_area));
    }
    CHECK(!disk_fault_add(rig.disk, &bad_area));
    rig_free(&rig);
}

/* A driver without VIRTIO_BLK_F_FLUSH has each write flushed: a fault of flushes does not hide. */
static void writes_go_through_without_a_cache(void)
{
    struct disk_fault fault = {.operation = FLUSH, .error = EIO};
    struct rig rig;
    rig_block(&rig, false);
    CHECK(disk_fault_add(rig.disk, &fault));
    rig_start(&rig, F_FLUSH);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 512, false), BLK_S_OK);
    rig_start(&rig, 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 512, false), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 0, 512, true), BLK_S_OK);
    rig_free(&rig);
}

static void opened(struct rig *rig, struct disk **disk, const char *path, uint64_t features)
{
    make_file(path, 64 * 1024);
    *disk = file_disk(path, 0, false);
    rig_block_on(rig, *disk, 0);
    rig_start(rig, features);
    host_calls = (struct host_calls){0};
}

static void closed(struct rig *rig, struct disk *disk)
{
    host_calls = (struct host_calls){0};
    rig_free(rig);
    disk_close(disk);
}

static void a_flush_is_a_flush_of_the_host(void)
{
    struct disk *disk;
    struct rig rig;
    opened(&rig, &disk, "flush.img", F_FLUSH);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 512, false), BLK_S_OK);
    CHECK_EQUAL(host_calls.flush_count, 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_OK);
    CHECK_EQUAL(host_calls.flush_count, 1);
    rig_start(&rig, 0); /* without a cache */
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 512, false), BLK_S_OK);
    CHECK_EQUAL(host_calls.flush_count, 2);
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 0, 512, true), BLK_S_OK);
    CHECK_EQUAL(host_calls.flush_count, 2);
    closed(&rig, disk);
}

static void no_flush_succeeds_after_one_that_failed(void)
{
    struct disk *disk;
    struct rig rig;
    opened(&rig, &disk, "lost.img", F_FLUSH);
    host_calls.flush_error = EIO;
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_IOERR);
    CHECK_EQUAL(host_calls.flush_count, 1);
    CHECK(strcmp(disk_reason(disk), "lost.img: flushing at byte 0: Input/output error") == 0);
    closed(&rig, disk);
}

static void short_and_interrupted_transfers_go_on(void)
{
    struct disk *disk;
    struct rig rig;
    uint32_t wrong = 0;
    opened(&rig, &disk, "pieces.img", F_FLUSH);
    host_calls.short_bytes = 100;
    host_calls.interrupted = true;
    for (uint32_t index = 0; index < 8192; index++) {
        rig.memory[RIG_BUFFER + index] = (uint8_t)(index * 7 + index / 256);
    }
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 3, 8192, false), BLK_S_OK);
    memset(rig.memory + RIG_BUFFER, 0, 8192);
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 3, 8192, true), BLK_S_OK);
    for (uint32_t index = 0; index < 8192; index++) {
        wrong += rig.memory[RIG_BUFFER + index] != (uint8_t)(index * 7 + index / 256);
    }
    CHECK_EQUAL(wrong, 0);
    closed(&rig, disk);
}

static void a_file_system_without_holes_gets_zeroes(void)
{
    struct disk *disk;
    struct rig rig;
    opened(&rig, &disk, "holes.img", F_FLUSH);
    host_calls.no_holes = true;
    memset(rig.memory + RIG_BUFFER, 0x51, 1024);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 1024, false), BLK_S_OK);
    rig_put(&rig, RIG_BUFFER, 0, 8);
    rig_put(&rig, RIG_BUFFER + 8, 1, 8);
    CHECK_EQUAL(rig_block_run(&rig, BLK_DISCARD, 0, 16, false), BLK_S_OK);
    CHECK_EQUAL(byte_of("holes.img", 511), 0);
    CHECK_EQUAL(byte_of("holes.img", 512), 0x51);
    closed(&rig, disk);
}

static void only_the_active_port_reaches_the_disk(void)
{
    struct rig first, second;
    rig_block(&first, false);
    rig_block_on(&second, first.disk, 1);
    rig_start(&first, F_FLUSH);
    rig_start(&second, F_FLUSH);
    CHECK_EQUAL(rig_block_run(&first, BLK_OUT, 0, 512, false), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&second, BLK_OUT, 0, 512, false), BLK_S_IOERR);
    CHECK(strcmp(disk_reason(first.disk), "both ports are active") == 0);
    device_fence(first.device, false);
    CHECK_EQUAL(disk_check(first.disk, 0, READ, 0, 1), EACCES);
    CHECK_EQUAL(disk_check(first.disk, 1, READ, 0, 1), 0);
    memset(second.memory + RIG_BUFFER, 0x71, 512);
    CHECK_EQUAL(rig_block_run(&second, BLK_OUT, 0, 512, false), BLK_S_OK);
    CHECK_EQUAL(rig_block_run(&first, BLK_OUT, 0, 512, false), NOT_ANSWERED);
    device_fence(second.device, false);
    device_fence(first.device, true);
    rig_run(&first);
    CHECK_EQUAL(rig_status(&first), BLK_S_OK);
    CHECK(device_new_block(&first.environment, &(struct device_options){.id = 7}, first.disk, 1) ==
          NULL);
    CHECK(device_new_block(&first.environment, &(struct device_options){.id = 7}, first.disk, 2) ==
          NULL);
    rig_free(&second);
    rig_free(&first);
}

static void memory_is_saved_and_loaded(void)
{
    struct disk_options options = {.size_bytes = 1ull << 30};
    struct disk *disk = disk_open(&options, reason);
    struct disk *other = disk_open(&options, reason);
    uint8_t bytes[1024];
    memset(bytes, 0x81, sizeof bytes);
    uint64_t empty = disk_hash(disk);
    CHECK_EQUAL(disk_write(disk, 12345 * 512, bytes, sizeof bytes), 0);
    CHECK_EQUAL(disk_write(disk, (1ull << 30) - 512, bytes, 512), 0);
    size_t size_bytes = disk_save(disk, NULL, 0);
    CHECK(size_bytes > 2 * 4096 && size_bytes < 4 * 4096);
    uint8_t *saved = malloc(size_bytes);
    CHECK_EQUAL(disk_save(disk, saved, size_bytes), size_bytes);
    CHECK(disk_hash(disk) != empty);
    CHECK_EQUAL(disk_write(other, 512, bytes, 512), 0); /* gone after loading */
    CHECK(disk_load(other, saved, size_bytes));
    CHECK_EQUAL(disk_hash(other), disk_hash(disk));
    CHECK_EQUAL(disk_zero(other, 0, (1ull << 30) / 512, true), 0);
    CHECK_EQUAL(disk_hash(other), empty);
    CHECK(!disk_load(other, saved, size_bytes - 1));
    saved[0] ^= 1;
    CHECK(!disk_load(other, saved, size_bytes));
    CHECK_EQUAL(disk_hash(other), empty);
    free(saved);
    disk_close(disk);
    disk_close(other);
}

static const struct test tests[] = {
    {"a_file_is_the_disk", a_file_is_the_disk},
    {"what_does_not_open", what_does_not_open},
    {"a_file_has_one_writer", a_file_has_one_writer},
    {"a_file_that_may_not_be_written", a_file_that_may_not_be_written},
    {"a_file_that_has_vanished", a_file_that_has_vanished},
    {"a_file_that_has_shrunk", a_file_that_has_shrunk},
    {"a_host_that_is_full", a_host_that_is_full},
    {"injected_faults", injected_faults},
    {"writes_go_through_without_a_cache", writes_go_through_without_a_cache},
    {"a_flush_is_a_flush_of_the_host", a_flush_is_a_flush_of_the_host},
    {"no_flush_succeeds_after_one_that_failed", no_flush_succeeds_after_one_that_failed},
    {"short_and_interrupted_transfers_go_on", short_and_interrupted_transfers_go_on},
    {"a_file_system_without_holes_gets_zeroes", a_file_system_without_holes_gets_zeroes},
    {"only_the_active_port_reaches_the_disk", only_the_active_port_reaches_the_disk},
    {"memory_is_saved_and_loaded", memory_is_saved_and_loaded},
    {NULL, NULL},
};

const struct suite suite_disk = {"disk", tests};
