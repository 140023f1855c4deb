/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shared page is the guest's to write: all of it is filled with ones, then with zeros.
 */
#include "shared/hostile.h"

HOSTILE("A shared page full of nonsense harms nobody, not even its guest.");

void scenario_main(const struct start_page *start)
{
    volatile uint8_t *page = (volatile uint8_t *)(uintptr_t)start->shared_pages_address;

    for (uint32_t offset = 0; offset < PAGE_SIZE_BYTES; offset++) {
        page[offset] = 0xff;
    }
    EXPECT_CALL(hypercall_event_poll(), none);
    EXPECT_CALL(hypercall_yield(), none);
    EXPECT_CALL(hypercall_event_send_processor(0, EVENT_PORT_LIMIT - 1), none);
    for (uint32_t offset = 0; offset < PAGE_SIZE_BYTES; offset++) {
        page[offset] = 0;
    }
    EXPECT_CALL(hypercall_event_poll(), none);
    EXPECT_CALL(hypercall_event_send_processor(0, 0), none);
    EXPECT_CALL(hypercall_block(), none); /* something is pending: it returns */
}
