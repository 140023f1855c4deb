/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the life of a process: its regions out of the program's header, its first
 * registers, its end. Who runs when is schedule.c's.
 */
#include "process.h"

#include "check.h"
#include "memory.h"
#include "tables.h"

#define STACK_TOP_ADDRESS (USER_END_ADDRESS - 0x10000)
#define STACK_SIZE_BYTES 0x40000
#define DATA_FLAGS (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER | ENTRY_NO_EXECUTE)

extern const uint8_t program_image[];

static void regions_create(struct region *regions, const struct program_header *header)
{
    const struct region all[REGION_COUNT] = {
        {PROGRAM_ADDRESS, header->text_end, ENTRY_PRESENT | ENTRY_USER, program_image,
         header->text_end - PROGRAM_ADDRESS},
        {header->text_end, header->constants_end, ENTRY_PRESENT | ENTRY_USER | ENTRY_NO_EXECUTE,
         program_image + (header->text_end - PROGRAM_ADDRESS),
         header->constants_end - header->text_end},
        {header->constants_end, header->bss_end, DATA_FLAGS,
         program_image + (header->constants_end - PROGRAM_ADDRESS),
         header->data_end - header->constants_end},
        {HEAP_ADDRESS, HEAP_ADDRESS + HEAP_SIZE_BYTES, DATA_FLAGS, 0, 0},
        {STACK_TOP_ADDRESS - STACK_SIZE_BYTES, STACK_TOP_ADDRESS, DATA_FLAGS, 0, 0},
    };

    memcpy(regions, all, sizeof(all));
}

void process_create(struct process *process, uint32_t id, const char *name)
{
    const struct program_header *header =
        (const struct program_header *)(const void *)program_image;

    CHECK(header->magic == PROGRAM_MAGIC);
    memset(process, 0, sizeof(*process));
    process->id = id;
    process->name = name;
    process->root = space_create();
    regions_create(process->regions, header);
    floating_state_create(&process->floating);
    trap_state_begin_user(&process->trap_state, header->entry, STACK_TOP_ADDRESS, id);
}

static void page_release(uint64_t entry)
{
    uint64_t frame = frame_from_machine((entry & ENTRY_FRAME_MASK) >> PAGE_SHIFT);

    if ((entry & ENTRY_NO_EXECUTE) == 0) {
        frame_make_writable(frame);
    }
    frame_free(frame);
}

void process_destroy(struct process *process)
{
    space_destroy(process->root, page_release);
    process->root = 0;
}
