/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the start page's address and the way in and out of guest_main. Knows nothing
 * of what the guest does between.
 */
#include "start.h"

#include "bytes.h"
#include "hypercall.h"
#include "processor.h"

const struct start_page *start_page;
uint64_t hypercall_page;

void guest_exit(int code, const char *reason)
{
    uint64_t size_bytes = text_length(reason);

    if (size_bytes > EXIT_REASON_LIMIT - 1) {
        size_bytes = EXIT_REASON_LIMIT - 1;
    }
    for (;;) {
        (void)hypercall_partition_exit((uint64_t)(int64_t)code, reason, size_bytes);
    }
}

void guest_start(const struct start_page *start)
{
    start_page = start;
    hypercall_page = start->hypercall_page_address;
    if (start->header.magic != PAGE_MAGIC_START || hypercall_version() != ABI_VERSION) {
        guest_exit(1, "the monitor speaks another version of the contract");
    }
    processor_adopt(0);
    guest_exit(guest_main(start), "guest_main returned");
}
