/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See fake_32.h. Whatever a guest can do by a call is done by that call. */
#include "fake_32.h"

#include <string.h>

#define OFFSET_HIGH_L1 (OFFSET_FREE + 2)
#define OFFSET_HIGH_L2 (OFFSET_FREE + 3)
#define OFFSET_LOW_L1 (OFFSET_FREE + 4)

struct virtual_processor *fake_simple_32(void)
{
    return fake_simple_of(32);
}

void fake_user_mode_enter_32(struct virtual_processor *record, uint32_t eip, uint32_t esp)
{
    struct trap_frame_32 *frame = fake_guest(record->partition, GUEST_DATA + 0x800);

    memset(frame, 0, sizeof(*frame));
    frame->eip = eip;
    frame->esp = esp;
    frame->eflags = 0x202;
    frame->state = FRAME_STATE_USER;
    record->registers.rsp = GUEST_DATA + 0x800;
    (void)fake_call(record, HC_iret, 0, 0, 0, 0);
    fake_log_clear();
}

static void call_succeeds(struct virtual_processor *record, uint64_t number, uint64_t argument0,
                          uint64_t argument1)
{
    if (fake_call(record, number, argument0, argument1, 0, 0) != 0) {
        fake_misuse("the ends of the address space could not be mapped");
    }
}

static uint64_t entry_address(uint32_t partition, uint32_t table_offset, uint32_t slot)
{
    return (fake_frame(partition, table_offset) << PAGE_SHIFT) + slot * 8ull;
}

void fake_ends_map_32(struct virtual_processor *record)
{
    uint32_t partition = record->partition;
    struct table_update *updates = fake_guest(partition, GUEST_DATA);

    fake_words(partition, OFFSET_HIGH_L1)[511] =
        ENTRY_OF(fake_frame(partition, OFFSET_LAST_PAGE), ENTRY_DATA);
    fake_words(partition, OFFSET_HIGH_L2)[511] =
        ENTRY_OF(fake_frame(partition, OFFSET_HIGH_L1), ENTRY_TABLE);
    fake_words(partition, OFFSET_LOW_L1)[0] =
        ENTRY_OF(fake_frame(partition, OFFSET_FIRST_PAGE), ENTRY_DATA);
    call_succeeds(record, HC_table_pin, fake_frame(partition, OFFSET_HIGH_L1), 1);
    call_succeeds(record, HC_table_pin, fake_frame(partition, OFFSET_HIGH_L2), 2);
    call_succeeds(record, HC_table_pin, fake_frame(partition, OFFSET_LOW_L1), 1);
    updates[0] =
        (struct table_update){entry_address(partition, OFFSET_L3, 3),
                              ENTRY_OF(fake_frame(partition, OFFSET_HIGH_L2), ENTRY_TABLE)};
    updates[1] = (struct table_update){entry_address(partition, OFFSET_L2, 0),
                                       ENTRY_OF(fake_frame(partition, OFFSET_LOW_L1), ENTRY_TABLE)};
    call_succeeds(record, HC_table_update, GUEST_DATA, 2);
    fake_log_clear();
}

void fake_handler_set(uint32_t partition, uint32_t vector, uint32_t flags, uint64_t address)
{
    fake_partition(partition)->trap_handlers[vector] =
        (struct trap_handler){vector, flags, address};
}
