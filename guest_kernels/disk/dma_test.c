/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See device_tests.h. */
#include "bytes.h"
#include "channel_map.h"
#include "check.h"
#include "console.h"
#include "device_tests.h"
#include "drive.h"
#include "hypercall.h"
#include "memory.h"
#include "start.h"
#include "tables.h"

#define DATA_FLAGS (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_KERNEL | ENTRY_NO_EXECUTE)

/* mov $N, %eax; ret */
#define CODE_SIZE_BYTES 6u
#define CODE_NUMBER_OFFSET 1u

static void write_frame(uint64_t frame, uint64_t sector)
{
    CHECK(drive_transfer(DISK_OPERATION_write, sector, frame << PAGE_SHIFT, SECTOR_SIZE_BYTES) ==
          DISK_STATUS_ok);
}

static uint32_t read_frame(uint64_t frame, uint64_t sector)
{
    return drive_transfer(DISK_OPERATION_read, sector, frame << PAGE_SHIFT, SECTOR_SIZE_BYTES);
}

void channel_test(uint64_t guest_frame)
{
    struct channel_place place;
    uint64_t frame = frame_allocate();
    const volatile uint8_t *first;

    while (!channel_find(guest_frame << PAGE_SHIFT, &place)) {
        (void)hypercall_yield();
    }
    CALL(channel_map(&place));
    first = channel_pointer(&place);
    memset(frame_pointer(frame), 0xa5, SECTOR_SIZE_BYTES);
    write_frame(frame, 0);
    CHECK(first[0] == 0);
    if (place.writable) {
        CHECK(read_frame(guest_frame, 0) == DISK_STATUS_ok);
        CHECK(first[0] == 0xa5 && first[SECTOR_SIZE_BYTES - 1] == 0xa5);
    } else {
        CHECK(read_frame(guest_frame, 0) == DISK_STATUS_io_error);
        CHECK(first[0] == 0 && first[SECTOR_SIZE_BYTES - 1] == 0);
    }
    CHECK(first[SECTOR_SIZE_BYTES] == 0);
    /* From a channel it may take in any case; behind its end there is nothing. */
    write_frame(guest_frame, 1);
    CHECK(read_frame(guest_frame + (place.size_bytes >> PAGE_SHIFT), 0) == DISK_STATUS_io_error);
    print("disk: DMA to a channel %s\n", place.writable ? "done" : "refused");
}

static void code_make(uint8_t *code, uint8_t number)
{
    static const uint8_t bytes[CODE_SIZE_BYTES] = {0xb8, 0, 0, 0, 0, 0xc3};

    memcpy(code, bytes, CODE_SIZE_BYTES);
    code[CODE_NUMBER_OFFSET] = number;
}

/* Of types that exclude each other the one goes before the other comes. */
static void map(uint64_t frame, uint64_t flags)
{
    uint64_t root = frame_from_machine(start_page->kernel_root_frame);
    uintptr_t page = (uintptr_t)frame_pointer(frame);

    space_entry_set(root, page, 0);
    if (flags != 0) {
        space_entry_set(root, page, frame_to_machine(frame) << PAGE_SHIFT | flags);
    }
}

static uint32_t execute(uint64_t frame)
{
    uint32_t (*function)(void) = (uint32_t (*)(void))(uintptr_t)frame_pointer(frame);

    map(frame, ENTRY_PRESENT | ENTRY_KERNEL);
    return function();
}

void code_test(void)
{
    uint64_t code = frame_allocate();
    uint64_t data = frame_allocate();

    for (uint8_t number = 1; number <= 3; number++) {
        code_make(frame_pointer(data), number);
        write_frame(data, number);
    }
    CHECK(read_frame(code, 1) == DISK_STATUS_ok);
    CHECK(execute(code) == 1);
    /* While it is executable a device must not write there. */
    CHECK(read_frame(code, 2) == DISK_STATUS_io_error);
    CHECK(execute(code) == 1);
    /* Mapped nowhere it may, and the frame has never been writable in between. */
    map(code, 0);
    CHECK(read_frame(code, 2) == DISK_STATUS_ok);
    CHECK(execute(code) == 2);
    map(code, DATA_FLAGS);
    CHECK(read_frame(code, 3) == DISK_STATUS_ok);
    CHECK(execute(code) == 3);
    map(code, DATA_FLAGS);
    frame_free(code);
    frame_free(data);
    print("disk: code replaced by DMA\n");
}
