/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks at FPU and SSE from slot to slot: first without having used them, which shows what a
 * processor had left in them, then with a value of its own in each register. Whoever runs in
 * between computes with them.
 */
#include "shared/hostile.h"

#include <width.h>

HOSTILE("What others have in FPU and SSE is not to be seen.");

#define LOOK_COUNT 30
#define AT_XMM 160
#define AT_STACK 32
#define STACK_SIZE_BYTES 128
#define XMM_COUNT (2 * sizeof(uintptr_t)) /* 16, or 8 with 32 bits */
#define XMM_SIZE_BYTES (XMM_COUNT * 16)

static struct floating_state seen;
static struct floating_state expected;

static void look(const char *what)
{
    memset(&seen, 0, sizeof(seen));
    floating_save(&seen);
    EXPECT(memcmp(&seen.image[0], &expected.image[0], 6) == 0, "control, status, tags: %s", what);
    EXPECT(memcmp(&seen.image[24], &expected.image[24], 4) == 0, "MXCSR: %s", what);
    EXPECT(memcmp(&seen.image[AT_STACK], &expected.image[AT_STACK], STACK_SIZE_BYTES) == 0,
           "the x87 stack: %s", what);
    EXPECT(memcmp(&seen.image[AT_XMM], &expected.image[AT_XMM], XMM_SIZE_BYTES) == 0,
           "the XMM registers: %s", what);
}

static void spend_a_while(void)
{
    for (volatile uint32_t i = 0; i < 60; i++) {
    }
}

/* Full 80-bit registers, all in use, and odd rounding. */
static void fill(uint8_t value)
{
    for (uint32_t i = 0; i < 8; i++) {
        memset(&expected.image[AT_STACK + 16 * i], value + (int)i, 10);
    }
    memset(&expected.image[AT_XMM], value, XMM_SIZE_BYTES);
    expected.image[1] = 0x0f;
    expected.image[4] = 0xff;
    expected.image[25] = 0x7f;
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    floating_state_create(&expected);
    for (uint32_t i = 0; i < LOOK_COUNT; i++) {
        look("as at the start");
        spend_a_while();
    }
    for (uint32_t i = 0; i < LOOK_COUNT; i++) {
        fill((uint8_t)i);
        floating_restore(&expected);
        spend_a_while();
        look("its own");
    }
}
