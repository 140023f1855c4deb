/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest on its first network, whichever path leads there: host 10.0.0.N, which answers who asks
 * it, and asks another one where it is told to. Options: address=N, peer=N with count=N questions
 * of size=N bytes, after which it ends.
 */
#include "check.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "image.h"
#include "internet.h"
#include "media.h"
#include "option.h"
#include "start.h"

#define NETWORK_ADDRESS 0x0a000000u
#define NETWORK_MASK 0xffffff00u
#define TICK_CYCLES 1000000u /* short: what is lost is asked again soon */
#define SILENT_TICKS 8u

IMAGE(4 * 1024 * 1024);

static struct internet internet;
static struct internet_echo echo;
static uint64_t tick_due_cycles;
static uint32_t left;
static uint32_t answered;
static uint32_t silent;

static void received(void *context, uint32_t network, const uint8_t *frame, uint32_t size_bytes)
{
    (void)context;
    if (network == 0 && internet.network != 0) {
        internet_receive(&internet, frame, size_bytes);
    }
}

static void moved(void *context, uint32_t network)
{
    (void)context;
    if (network == 0 && internet.network != 0) {
        internet_announce(&internet);
    }
}

static const struct media_operations operations = {.received = received, .moved = moved};

static void time_pass(void)
{
    uint64_t now = (uint64_t)CALL(hypercall_time_get());

    if (now >= tick_due_cycles) {
        tick_due_cycles = now + TICK_CYCLES;
        internet_tick(&internet);
    }
    CALL(hypercall_timer_set(tick_due_cycles));
}

static void echo_ended(struct internet_echo *one)
{
    if (one->status == INTERNET_ECHO_answered) {
        answered++;
        left--;
    } else {
        silent++;
    }
}

/* What is not answered is asked again, so that in the end each number was answered. */
static void ask_next(void)
{
    if (left > 0 && echo.status != INTERNET_ECHO_waiting) {
        echo.sequence = (uint16_t)(answered + 1);
        (void)internet_ask_echo(&internet, &echo);
    }
}

static void converse(void)
{
    while (left > 0 || echo.destination == 0) {
        uint32_t done = media_poll();

        ask_next();
        time_pass();
        if (done == 0) {
            media_wait();
        }
    }
}

static void network_await(void)
{
    while (media_network(0) == 0 || !network_is_up(media_network(0))) {
        if (media_poll() == 0) {
            media_wait();
        }
    }
}

int guest_main(const struct start_page *start)
{
    const char *line = start->command_line;
    uint32_t peer = (uint32_t)option_number(line, "peer", 0) & 0xffu;
    const struct internet_settings settings = {
        .address = NETWORK_ADDRESS | ((uint32_t)option_number(line, "address", 1) & 0xffu),
        .mask = NETWORK_MASK,
    };

    events_start();
    if (!media_start(&operations, 0)) {
        print("pings: this partition has no control channel: it wants a living host\n");
        return 1;
    }
    network_await();
    internet_start(&internet, media_network(0), &settings);
    if (peer != 0) {
        left = (uint32_t)option_number(line, "count", 100);
        echo.destination = NETWORK_ADDRESS | peer;
        echo.size_bytes = (uint32_t)option_number(line, "size", 64);
        echo.tick_limit = SILENT_TICKS;
        echo.ended = echo_ended;
        echo.status = INTERNET_ECHO_silent;
    }
    converse();
    print("pings: %u answered, %u silent, %llu moves\n", (unsigned)answered, (unsigned)silent,
          (unsigned long long)media_network(0)->moved_count);
    return 0;
}
