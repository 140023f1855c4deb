/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the media and the host of the Internet, whose ticks come from the guest's clock.
 */
#include "station.h"

#include "check.h"
#include "event.h"
#include "hypercall.h"
#include "media.h"
#include "start.h"

#define TICKS_PER_SECOND 10u
#define AWAIT_SECONDS 10u
#define AWAIT_STEPS_PER_SECOND 1000u

static int connected;
static struct internet internet;
static int settled;
static uint64_t next_tick_cycles;
static uint64_t ticks;

static void received(void *context, uint32_t network, const uint8_t *frame, uint32_t size_bytes)
{
    (void)context;
    if (settled && network == 0) {
        internet_receive(&internet, frame, size_bytes);
    }
}

static void moved(void *context, uint32_t network)
{
    (void)context;
    if (settled && network == 0) {
        internet_announce(&internet);
    }
}

static const struct media_operations operations = {.received = received, .moved = moved};

void station_start(void)
{
    connected = media_start(&operations, 0);
}

int station_is_connected(void)
{
    return connected;
}

static uint64_t now_cycles(void)
{
    return (uint64_t)CALL(hypercall_time_get());
}

/* However long ago the last one was: time in which nobody waited is no time to the host. */
static uint32_t tick_take(void)
{
    uint64_t now = now_cycles();

    if (!settled || now < next_tick_cycles) {
        return 0;
    }
    next_tick_cycles = now + start_page->clock_frequency_hz / TICKS_PER_SECOND;
    ticks++;
    internet_tick(&internet);
    return 1;
}

uint32_t station_poll(void)
{
    return connected ? media_poll() + tick_take() : 0;
}

void station_wait(void)
{
    if (connected) {
        media_wait();
    } else {
        events_wait();
    }
}

void station_wait_tick(void)
{
    CALL(hypercall_timer_set(next_tick_cycles));
    events_wait();
}

int station_await(int (*is_so)(void))
{
    uint64_t end_cycles = now_cycles() + AWAIT_SECONDS * start_page->clock_frequency_hz;

    while (!is_so()) {
        if (station_poll() != 0) {
            continue;
        }
        if (now_cycles() >= end_cycles) {
            return 0;
        }
        /* In steps, for a control channel that comes without an event. */
        CALL(hypercall_timer_set(now_cycles() +
                                 start_page->clock_frequency_hz / AWAIT_STEPS_PER_SECOND));
        events_wait();
    }
    return 1;
}

uint64_t station_ticks(void)
{
    return ticks;
}

struct disk *station_disk(void)
{
    return connected ? media_disk(0) : 0;
}

struct network *station_network(void)
{
    return connected ? media_network(0) : 0;
}

int station_settle(const struct internet_settings *settings)
{
    if (station_network() == 0) {
        return 0;
    }
    internet_start(&internet, station_network(), settings);
    settled = 1;
    next_tick_cycles = now_cycles() + start_page->clock_frequency_hz / TICKS_PER_SECOND;
    return 1;
}

struct internet *station_internet(void)
{
    return settled ? &internet : 0;
}
