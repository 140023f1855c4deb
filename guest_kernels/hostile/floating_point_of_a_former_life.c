/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second virtual processor fills FPU and SSE, is stopped, and begins again while its processor
 * may still hold what it had in them; the host needs two for it.
 */
#include "shared/hostile.h"

#include <width.h>

#include "processor.h"

HOSTILE("A processor that begins again finds FPU and SSE as at its first start.");

#define ROUND_COUNT 20
#define AT_STACK 32
#define AT_XMM 160
#define XMM_SIZE_BYTES (2 * sizeof(uintptr_t) * 16)

static struct floating_state filled;
static struct floating_state fresh;
static struct floating_state seen;
static volatile uint32_t fills;
static volatile uint32_t looks;

static void fill(uint64_t argument)
{
    (void)argument;
    floating_restore(&filled);
    fills++;
    for (;;) {
        CALL(hypercall_yield());
    }
}

static void look(uint64_t argument)
{
    (void)argument;
    floating_save(&seen);
    looks++;
}

static void processor_begin_again(processor_function *function)
{
    int64_t result;

    do {
        result = processor_start(1, function, 0);
        CALL(hypercall_yield());
    } while (result == -ERROR_busy || result == -ERROR_wrong_state);
    EXPECT(result == 0, "%s", error_name(result));
}

static void wait_for(const volatile uint32_t *count, uint32_t wanted)
{
    while (*count < wanted) {
        CALL(hypercall_yield());
    }
}

static void check_seen(void)
{
    EXPECT(memcmp(&seen.image[0], &fresh.image[0], 6) == 0, "control, status, tags");
    EXPECT(memcmp(&seen.image[24], &fresh.image[24], 4) == 0, "MXCSR");
    EXPECT(memcmp(&seen.image[AT_STACK], &fresh.image[AT_STACK], 128) == 0, "the x87 stack");
    EXPECT(memcmp(&seen.image[AT_XMM], &fresh.image[AT_XMM], XMM_SIZE_BYTES) == 0, "XMM");
}

void scenario_main(const struct start_page *start)
{
    if (start->virtual_processor_count < 2) {
        scenario_skip("it needs two virtual processors");
    }
    floating_state_create(&fresh);
    floating_state_create(&filled);
    memset(&filled.image[AT_STACK], 0x5a, 10);
    memset(&filled.image[AT_XMM], 0xa5, XMM_SIZE_BYTES);
    filled.image[1] = 0x0f;
    filled.image[4] = 0xff;
    for (uint32_t round = 1; round <= ROUND_COUNT; round++) {
        processor_begin_again(fill);
        wait_for(&fills, round);
        CALL(hypercall_processor_stop(1));
        processor_begin_again(look);
        wait_for(&looks, round);
        check_seen();
    }
}
