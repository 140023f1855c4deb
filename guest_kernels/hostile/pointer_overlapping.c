/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer is asked for where the question, the stack or the monitor's own words lie.
 */
#include "shared/hostile.h"

HOSTILE("Buffers that overlap what the call itself uses are written, and only they.");

/* At least as large as a record of the view. */
struct view_words {
    uint64_t words[PAGE_SIZE_BYTES / 8];
};

void scenario_main(const struct start_page *start)
{
    volatile struct shared_page *shared = (void *)(uintptr_t)start->shared_pages_address;
    struct view_words words = {0};
    int64_t size_bytes;

    size_bytes =
        EXPECT_CALL(hypercall_view_get(VIEW_RECORD_partition, 0, &words, sizeof(words)), none);
    EXPECT(words.words[0] != 0, "the record is empty");
    EXPECT_CALL(
        hypercall_view_get(VIEW_RECORD_partition, 0, (void *)(uintptr_t)shared, PAGE_SIZE_BYTES),
        none);
    EXPECT(shared->header.magic == (uint32_t)words.words[0], "another record was written");
    for (int64_t offset = 0; offset < size_bytes; offset++) {
        ((volatile uint8_t *)shared)[offset] = 0;
    }
    EXPECT_CALL(hypercall_version(), none);
    EXPECT_CALL(hypercall_console_read((void *)(uintptr_t)shared, 8), none);
}
