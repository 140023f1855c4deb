/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that is told what it has, over its control channel, and talks over the channel that it
 * is given: as the server when it is the serving end, else as the client. Lets go of a channel when
 * it is told to, and goes on with the next. Options: messages=N of a client, ends=N that a server
 * waits for, `polls`; and for guests that mean harm: `keeps` a channel that it is to let go of,
 * `spoils-control`, `spoils-channel`, `intrudes` with frames=N.
 */
#include "channel_map.h"
#include "check.h"
#include "console.h"
#include "control.h"
#include "conversation.h"
#include "event.h"
#include "hypercall.h"
#include "image.h"
#include "intruder.h"
#include "option.h"
#include "start.h"

#define MESSAGES_DEFAULT 200
#define SPOIL_AFTER 100     /* messages */
#define POLL_CYCLES 100000u /* how often an end without a port looks */

IMAGE(4 * 1024 * 1024);

static struct control_client control;
static struct channel_place control_place;
static struct conversation talk;
static int attached;
static int keeps;
static int spoils_channel;

static void event_came(uint32_t port)
{
    (void)port; /* it has woken this end, which looks everywhere */
}

/* A record that the control channel shows: the channel must be in the view, and be mapped. */
static uint32_t conversation_take(const struct control_bus_device *device)
{
    if (!channel_find(device->channel_address, &talk.place) ||
        talk.place.size_bytes < device->channel_size_bytes) {
        return COMPLETION_channel_invalid;
    }
    if (channel_map(&talk.place) < 0) {
        return COMPLETION_map_failed;
    }
    talk.device = device->number;
    talk.type = device->type;
    talk.server = device->server;
    if (talk.place.port != 0) {
        event_function_set(talk.place.port, event_came);
    }
    conversation_begin(&talk);
    return COMPLETION_success;
}

static uint32_t bus_created(void *context, const struct control_bus *bus)
{
    (void)context;
    print("bus %u: %llu bytes of channel at %llx\n", (unsigned)bus->number,
          (unsigned long long)bus->channel_size_bytes, (unsigned long long)bus->channel_address);
    return COMPLETION_success;
}

static uint32_t device_created(void *context, const struct control_bus_device *device)
{
    (void)context;
    print("device %u: %s of a channel of type %x, %llu bytes at %llx, port %u\n",
          (unsigned)device->number, device->server ? "server" : "client",
          (unsigned)device->type.time_low, (unsigned long long)device->channel_size_bytes,
          (unsigned long long)device->channel_address, (unsigned)device->interrupt.send_handle);
    /* One conversation; other channels are known, and left alone. */
    return talk.state == CONVERSATION_none ? conversation_take(device) : COMPLETION_success;
}

static uint32_t device_changed(void *context, const struct control_bus_device *device)
{
    int operating = (device->state & SEGMENT_STATE_operating) != 0;

    (void)context;
    print("device %u: %s\n", (unsigned)device->number, operating ? "operating" : "standby");
    if (talk.state != CONVERSATION_none && device->number == talk.device) {
        conversation_pause(&talk, !operating);
    }
    return COMPLETION_success;
}

static uint32_t device_destroyed(void *context, const struct control_bus_device *device)
{
    (void)context;
    if (keeps) {
        return COMPLETION_driver_failure;
    }
    print("device %u: gone\n", (unsigned)device->number);
    if (talk.state != CONVERSATION_none && device->number == talk.device) {
        conversation_lose(&talk);
        channel_unmap(&talk.place);
    }
    return COMPLETION_success;
}

static uint32_t chipset_ready(void *context)
{
    (void)context;
    print("ready\n");
    return COMPLETION_success;
}

static void control_notify(void *context)
{
    (void)context;
    if (control_place.port != 0) {
        (void)hypercall_event_send(control_place.port);
    }
}

static const struct control_operations operations = {
    .bus_created = bus_created,
    .device_created = device_created,
    .device_changed = device_changed,
    .device_destroyed = device_destroyed,
    .chipset_ready = chipset_ready,
    .notify = control_notify,
};

/* The ultravisor may not have made the channel yet: it sends an event when there is news. */
static int control_step(void)
{
    int32_t done;

    if (!attached) {
        attached = control_attach(&control, channel_pointer(&control_place),
                                  control_place.size_bytes, &operations, 0);
        return attached;
    }
    done = control_poll(&control);
    CHECK(done >= 0);
    return done > 0;
}

static void wait(void)
{
    if (talk.polls) {
        (void)hypercall_yield();
        return;
    }
    if (control_place.port == 0) {
        CALL(hypercall_timer_set((uint64_t)CALL(hypercall_time_get()) + POLL_CYCLES));
    }
    events_wait();
}

/* Whether all that was to be said or heard has been. */
static int is_over(uint64_t ends)
{
    if (talk.state == CONVERSATION_broken && talk.reason != 0) {
        print("the channel is not used any more: %s\n", talk.reason);
        talk.reason = 0;
    }
    if (talk.server) {
        return talk.ended_count + talk.broken_count >= ends;
    }
    return talk.ended_count + talk.broken_count > 0;
}

static void converse(uint64_t ends)
{
    uint64_t seed = start_page->random_seed;

    while (!is_over(ends)) {
        int done = control_step();

        done |= conversation_step(&talk);
        if (spoils_channel && talk.answered + talk.heard_count >= SPOIL_AFTER) {
            garbage_write(&talk.place, seed++);
        } else if (!done) {
            wait();
        }
    }
}

_Noreturn static void spoil_control(void)
{
    uint64_t seed = start_page->random_seed;

    while (!control.ready) {
        if (!control_step()) {
            wait();
        }
    }
    print("from now on, garbage\n");
    for (;;) {
        garbage_write(&control_place, seed++);
        (void)hypercall_yield();
    }
}

int guest_main(const struct start_page *start)
{
    const char *line = start->command_line;

    talk.polls = option_present(line, "polls");
    talk.message_count = option_number(line, "messages", MESSAGES_DEFAULT);
    keeps = option_present(line, "keeps");
    spoils_channel = option_present(line, "spoils-channel");
    if (!channel_find_control(&control_place)) {
        print("talk: this partition has no control channel: it wants a living host\n");
        return 1;
    }
    events_start();
    if (control_place.port != 0) {
        event_function_set(control_place.port, event_came);
    }
    if (option_present(line, "intrudes")) {
        uint64_t count = option_number(line, "frames", 4096);

        print("%llu of %llu frames of others taken\n", (unsigned long long)frames_try(0, count),
              (unsigned long long)count);
        return 0;
    }
    if (option_present(line, "spoils-control")) {
        spoil_control();
    }
    converse(option_number(line, "ends", 1));
    if (talk.server) {
        print("server: %llu messages answered, %llu conversations ended, %llu broken, %llu lost\n",
              (unsigned long long)talk.heard_count, (unsigned long long)talk.ended_count,
              (unsigned long long)talk.broken_count, (unsigned long long)talk.lost_count);
    } else {
        print("client: %llu messages answered, %llu conversations broken, %llu lost\n",
              (unsigned long long)(talk.answered - talk.ended_count),
              (unsigned long long)talk.broken_count, (unsigned long long)talk.lost_count);
    }
    return 0;
}
