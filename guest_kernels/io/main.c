/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel of an I/O partition: it is told over its control channel which ports of media it has
 * and which channels lead to their clients, serves each medium while it is told to, and renews its
 * watchdog for as long as its main loop goes round. Options: watchdog_cycles=N, 0: none. For
 * tests and demonstrations of failover only: crash_after=N, hang_after=N and break_after=N
 * requests, the last of which breaks the device.
 */
#include "check.h"
#include "console.h"
#include "event.h"
#include "fault.h"
#include "hypercall.h"
#include "image.h"
#include "medium.h"
#include "option.h"
#include "start.h"

#define WATCHDOG_DEFAULT_CYCLES 200000000ull
#define IDLE_ROUNDS 16u   /* of looking everywhere, before it sleeps */
#define EVENT_ROUNDS 64u  /* how often a busy loop takes events: a device's complaint is one */
#define POLL_CYCLES 100000u /* how often a partition looks whose control channel has no event */

IMAGE(8 * 1024 * 1024);

static struct control_client control;
static struct channel_place control_place;
static int attached;
static uint64_t watchdog_cycles;

static void event_came(uint32_t port)
{
    (void)port; /* it has woken the loop, which looks everywhere */
}

static uint32_t device_created(void *context, const struct control_bus_device *device)
{
    (void)context;
    return medium_device_created(device);
}

static uint32_t device_changed(void *context, const struct control_bus_device *device)
{
    (void)context;
    return medium_device_changed(device);
}

static uint32_t device_destroyed(void *context, const struct control_bus_device *device)
{
    (void)context;
    return medium_device_destroyed(device);
}

static void control_notify(void *context)
{
    (void)context;
    if (control_place.port != 0) {
        (void)hypercall_event_send(control_place.port);
    }
}

static const struct control_operations operations = {
    .device_created = device_created,
    .device_changed = device_changed,
    .device_destroyed = device_destroyed,
    .notify = control_notify,
};

/* The ultravisor may not have made the channel yet: it sends an event when there is news. */
static uint32_t control_step(void)
{
    int32_t done;

    if (!attached) {
        attached = control_attach(&control, channel_pointer(&control_place),
                                  control_place.size_bytes, &operations, 0);
        return (uint32_t)attached;
    }
    done = control_poll(&control);
    CHECK(done >= 0);
    media_failures_tell(&control);
    return (uint32_t)done;
}

/* Half of the time is left for a round of the loop, and for others on the same processor. */
static void watchdog_renew(void)
{
    static uint64_t renewed_cycles;
    uint64_t now;

    if (watchdog_cycles == 0) {
        return;
    }
    now = (uint64_t)CALL(hypercall_time_get());
    if (renewed_cycles == 0 || now - renewed_cycles >= watchdog_cycles / 8) {
        renewed_cycles = now;
        CALL(hypercall_watchdog_set(now + watchdog_cycles));
    }
}

static void sleep(void)
{
    uint64_t cycles = watchdog_cycles / 4;

    if (control_place.port == 0 && (cycles == 0 || cycles > POLL_CYCLES)) {
        cycles = POLL_CYCLES;
    }
    if (cycles != 0) {
        CALL(hypercall_timer_set((uint64_t)CALL(hypercall_time_get()) + cycles));
    }
    events_wait();
}

_Noreturn static void serve(void)
{
    uint32_t idle_rounds = 0;

    for (uint32_t round = 0;; round++) {
        uint32_t done = media_step();

        done += control_step();
        idle_rounds = done != 0 ? 0 : idle_rounds + 1;
        if (round % EVENT_ROUNDS == 0) {
            watchdog_renew();
            events_unmask();
            events_mask();
            idle_rounds = 0; /* an event that was just taken would wake nobody who sleeps now */
        }
        if (idle_rounds > IDLE_ROUNDS) {
            idle_rounds = 0;
            watchdog_renew();
            sleep();
        }
    }
}

int guest_main(const struct start_page *start)
{
    const char *line = start->command_line;

    watchdog_cycles = option_number(line, "watchdog_cycles", WATCHDOG_DEFAULT_CYCLES);
    fault_plan(option_number(line, "crash_after", 0), option_number(line, "hang_after", 0),
               option_number(line, "break_after", 0));
    if (!channel_find_control(&control_place)) {
        print("io: this partition has no control channel: it wants a living host\n");
        return 1;
    }
    events_start();
    fault_listen();
    if (control_place.port != 0) {
        event_function_set(control_place.port, event_came);
    }
    serve();
}
