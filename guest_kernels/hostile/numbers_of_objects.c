/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports, processors, callbacks, bases and records that do not exist.
 */
#include "shared/hostile.h"

HOSTILE("Objects that do not exist are refused, whatever their number.");

static void number_try(uintptr_t number)
{
    EXPECT_CALL(raw_call(HC_event_send, number, 0, 0), not_found);
    EXPECT_CALL(raw_call(HC_event_send_processor, number, 0, 0), not_found);
    EXPECT_CALL(raw_call(HC_event_send_processor, 0, number, 0), not_found);
    EXPECT_CALL(raw_call(HC_processor_start, number, 0, 0), not_found);
    EXPECT_CALL(raw_call(HC_processor_stop, number, 0, 0), not_found);
    EXPECT_CALL(raw_call(HC_callback_set, number, 0, 0), invalid_argument);
    EXPECT_CALL(raw_call(HC_view_get, number, 0, (uintptr_t)&number), invalid_argument);
    EXPECT_CALL(raw_call(HC_view_get, VIEW_RECORD_partition, number, (uintptr_t)&number),
                not_found);
    EXPECT_CALL(raw_call(HC_view_get, VIEW_RECORD_link, number, (uintptr_t)&number), not_found);
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    number_try(EVENT_PORT_LIMIT);
    number_try(EVENT_PORT_LIMIT + 1);
    number_try(0x7fffffff);
    number_try(0xffffffff);
    number_try(UINTPTR_MAX);
    number_try(UINTPTR_MAX / 2 + 1);
    EXPECT_CALL(raw_call(HC_event_send, PORT_LINK_FIRST + 1, 0, 0), not_found);
    EXPECT_CALL(raw_call(HC_processor_start, 0, 0, 0), wrong_state);
    EXPECT_CALL(hypercall_view_get(VIEW_RECORD_partition, 0, (void *)(uintptr_t)SCRATCH, 1), limit);
}
