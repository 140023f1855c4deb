/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows about the interrupt flag. The real one is always set; the one that counts is in the
 * shared page. An event that the kernel sends itself shows which of them holds it back.
 */
#include "check.h"
#include "context.h"
#include "event.h"
#include "hypercall.h"
#include "instructions.h"
#include "processor.h"
#include "row.h"

#define FLAG_INTERRUPT 0x200
#define FLAGS_MASKED 0x2 /* the bit that is always set, and not the interrupt flag */
#define TEST_PORT 9

static volatile unsigned arrived;

static void count(uint32_t port)
{
    (void)port;
    arrived++;
}

/* How many arrive at once of one that is sent now. */
static unsigned send(void)
{
    event_function_set(TEST_PORT, count);
    arrived = 0;
    CALL(hypercall_event_send_processor(0, TEST_PORT));
    return arrived;
}

/* Masked, it waits; then it arrives. */
static int waits_until_unmasked(void)
{
    int waited = send() == 0;

    events_unmask();
    events_mask();
    return waited && arrived == 1;
}

static int pushf_unmodified(char *happened)
{
    uintptr_t flags = broken_pushf();

    SAY(happened, "says IF=%u while masked", (flags & FLAG_INTERRUPT) != 0 ? 1 : 0);
    return (flags & FLAG_INTERRUPT) != 0;
}

static int pushf_modified(void)
{
    return processor_current()->shared->events_masked == 1;
}

static int popf_unmodified(char *happened)
{
    unsigned came;

    events_unmask();
    broken_popf(FLAGS_MASKED);
    came = send();
    events_mask();
    SAY(happened, "ignores IF=0: %u event came", came);
    return came == 1;
}

static int popf_modified(void)
{
    events_unmask();
    events_mask();
    return waits_until_unmasked();
}

static int iret_unmodified(char *happened)
{
    unsigned came;

    events_unmask();
    broken_iret(FLAGS_MASKED);
    came = send();
    events_mask();
    SAY(happened, "ignores IF=0: %u event came", came);
    return came == 1;
}

static int iret_modified(void)
{
    events_unmask();
    context_mask_events();
    return waits_until_unmasked();
}

const struct row flag_rows[] = {
    {"pushf", pushf_unmodified, "hides the mask", pushf_modified, "events_masked: 1"},
    {"popf", popf_unmodified, "no critical section", popf_modified, "events_masked: it waits"},
    {"iret", iret_unmodified, "handlers are not masked", iret_modified, "call iret: it waits"},
    {0, 0, 0, 0, 0},
};
