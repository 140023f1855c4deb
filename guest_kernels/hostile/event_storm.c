/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events to itself, each of which interrupts the sending of the next.
 */
#include "shared/hostile.h"
#include "event.h"

HOSTILE("A thousand events to oneself are delivered one by one.");

#define EVENT_COUNT 1000
#define PORT 9

static volatile uint32_t seen;

static void event_seen(uint32_t port)
{
    (void)port;
    seen++;
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    event_function_set(PORT, event_seen);
    events_start();
    events_unmask();
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        EXPECT_CALL(hypercall_event_send_processor(0, PORT), none);
    }
    EXPECT(seen == EVENT_COUNT, "%u events", (unsigned)seen);
}
