/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See device_tests.h. */
#include "check.h"
#include "device_tests.h"
#include "drive.h"
#include "hypercall.h"
#include "memory.h"
#include "option.h"
#include "start.h"

#define OUTSIDE_ADDRESS 0x7ffffff000ull

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
        CHECK(drive_transfer(DISK_OPERATION_read, 0, addresses[index], SECTOR_SIZE_BYTES) !=
              DISK_STATUS_ok);
        drive_start();
    }
}

void hostile_test(const char *command_line, const struct view_device *device)
{
    try_mappings(device, option_number(command_line, "foreign", 0));
    try_addresses(device);
}
