/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame table once more, from what the tables, the roots and the monitor's own pages say.
 * Used by the tests of what holds after any calls and any views.
 */
#include "books.h"

#include <string.h>

#include "channel_frames.h"
#include "device_frames.h"
#include "fake.h"

/* What the tables, the roots and the monitor's own pages need of each frame. */
struct books {
    uint32_t references[FAKE_FRAME_COUNT];
    uint32_t type_counts[FAKE_FRAME_COUNT];
    uint32_t second_counts[FAKE_FRAME_COUNT];
    uint8_t types[FAKE_FRAME_COUNT];
    uint32_t conflicts;
};

static struct books books;

static void books_add(uint64_t frame, enum frame_type type)
{
    books.references[frame]++;
    if (type == FRAME_NONE) {
        return;
    }
    books.conflicts += books.types[frame] != FRAME_NONE && books.types[frame] != type;
    books.types[frame] = (uint8_t)type;
    books.type_counts[frame]++;
}

static void books_add_entry(uint32_t partition, uint32_t level, uint64_t value)
{
    const struct frame *frame = frame_get((value & ENTRY_FRAME_MASK) >> PAGE_SHIFT);
    bool writable = (value & ENTRY_WRITABLE) != 0;
    bool executable = (value & ENTRY_NO_EXECUTE) == 0;
    enum frame_type leaf = executable ? FRAME_EXECUTABLE : FRAME_NONE;

    if ((value & ENTRY_PRESENT) == 0) {
        return;
    }
    if (frame_is_channels(frame)) {
        books.second_counts[(value & ENTRY_FRAME_MASK) >> PAGE_SHIFT] +=
            channel_of(frame)->partitions[1] == partition;
        books.conflicts += executable || level != 1;
    } else if (frame_is_devices(frame)) {
        books.conflicts += device_of(frame)->partition != partition || executable || level != 1;
    } else {
        books.conflicts += frame->owner != partition;
    }
    /* Both at once is what never stands. */
    books.conflicts += level == 1 && writable && executable;
    if (writable) {
        leaf = FRAME_WRITABLE;
    }
    books_add((value & ENTRY_FRAME_MASK) >> PAGE_SHIFT, level > 1 ? table_type(level - 1) : leaf);
}

static void books_add_table(uint64_t frame, uint32_t level)
{
    uint32_t partition = frame_get(frame)->owner;
    const uint64_t *entries = table_entries(frame);

    books_add(frame, table_type(level)); /* the pin */
    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT; slot++) {
        if (!table_slot_is_monitors(level, slot)) {
            books_add_entry(partition, level, entries[slot]);
        }
    }
}

static void books_add_record(const struct virtual_processor *record)
{
    uint32_t level = record->width == 32 ? 3 : 4;

    if (frame_is_owned(record->shared_frame, record->partition)) {
        books_add(record->shared_frame, FRAME_WRITABLE);
    }
    if (record->kernel_root_frame != 0) {
        books_add(record->kernel_root_frame, table_type(level));
    }
    if (record->user_root_frame != 0) {
        books_add(record->user_root_frame, table_type(level));
    }
}

uint32_t books_differences(void)
{
    uint32_t differences = 0;

    memset(&books, 0, sizeof(books));
    for (uint32_t id = 1; id < PARTITION_LIMIT; id++) {
        const struct partition *partition = fake_partition(id);

        if (partition->state == PARTITION_ABSENT) {
            continue;
        }
        if (frame_is_owned(partition->time_frame, id)) {
            books_add(partition->time_frame, FRAME_READ_ONLY);
        }
        for (uint32_t index = 0; index < partition->virtual_processor_count; index++) {
            books_add_record(record_get(partition->first_virtual_processor + index));
        }
    }
    for (uint64_t frame = 0; frame < FAKE_FRAME_COUNT; frame++) {
        uint32_t level = frame_table_level(frame_get(frame));

        if (level != 0) {
            books_add_table(frame, level);
        }
    }
    for (uint64_t frame = 0; frame < FAKE_FRAME_COUNT; frame++) {
        const struct frame *entry = frame_get(frame);

        differences += entry->reference_count != books.references[frame];
        differences += entry->type_count != books.type_counts[frame];
        differences += entry->type != books.types[frame];
        differences += entry->second_count != books.second_counts[frame];
    }
    return differences + books.conflicts;
}
