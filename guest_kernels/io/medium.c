/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the media of this partition: what belongs together, and when it operates.
 */
#include "medium.h"

#include "bytes.h"
#include "console.h"
#include "event.h"
#include "guid.h"
#include "service.h"

static struct medium media[MEDIUM_LIMIT];
static uint32_t medium_end; /* rows behind it were never used */
static uint64_t interrupts; /* ports on which one has come */

static void event_came(uint32_t port)
{
    interrupts |= 1ull << port;
}

static struct medium *medium_find(const struct control_bus_device *device)
{
    int physical = device->bus == CONTROL_BUS_PHYSICAL;

    for (uint32_t i = 0; i < MEDIUM_LIMIT; i++) {
        struct medium *medium = &media[i];

        if (medium->service != 0 &&
            (physical ? medium->has_device && medium->device_number == device->number
                      : medium->has_channel && medium->channel_number == device->number)) {
            return medium;
        }
    }
    return 0;
}

/* The medium of an instance, or a new one; 0: they are too many. */
static struct medium *medium_of(const struct guid *instance, const struct service *service)
{
    struct medium *unused = 0;

    for (uint32_t i = 0; i < MEDIUM_LIMIT; i++) {
        struct medium *medium = &media[i];

        if (medium->service == service && guid_equal(&medium->instance, instance)) {
            return medium;
        }
        if (medium->service == 0 && unused == 0) {
            unused = medium;
        }
    }
    if (unused != 0) {
        medium_end = medium_end > unused - media ? medium_end : (uint32_t)(unused - media) + 1;
        unused->service = service;
        unused->instance = *instance;
    }
    return unused;
}

static void medium_forget(struct medium *medium)
{
    if (!medium->has_device && !medium->has_channel) {
        medium->service = 0;
    }
}

static void device_fail(struct medium *medium, const char *what)
{
    print("io: device %u: %s\n", (unsigned)medium->device_number, what);
    medium->failed = 1;
    medium->untold = 1;
}

/* Brings what is so in line with what was said: 0 when the device does not start. */
static int medium_settle(struct medium *medium)
{
    int operates = medium->has_device && medium->served && medium->device_operates &&
                   medium->channel_operates && !medium->failed;

    if (operates == medium->operates) {
        return 1;
    }
    medium->operates = 0;
    if (medium->has_device) {
        /* What was under way has no effect from here on, and its buffers are nobody's. */
        medium->service->device_stop(medium);
    }
    if (medium->served) {
        medium->service->operate(medium, 0);
    }
    if (!operates) {
        return 1;
    }
    if (!medium->service->device_start(medium)) {
        device_fail(medium, "does not start");
        return 0;
    }
    medium->service->operate(medium, 1);
    medium->operates = 1;
    return 1;
}

/* As soon as there are a device, which says what a client is told, and a channel. */
static void channel_serve(struct medium *medium)
{
    if (!medium->has_device || !medium->has_channel || medium->served) {
        return;
    }
    medium->served = medium->service->channel_make(medium) != 0;
    if (!medium->served) {
        print("io: channel %u cannot be made\n", (unsigned)medium->channel_number);
    }
}

static uint32_t port_take(struct medium *medium, const struct control_bus_device *device)
{
    uint32_t status;

    if (medium->has_device) {
        return COMPLETION_already_done;
    }
    medium->device_address = device->channel_address;
    status = medium->service->device_take(medium);
    if (status != COMPLETION_success) {
        return status;
    }
    medium->has_device = 1;
    medium->device_number = device->number;
    medium->device_operates = 0;
    medium->failed = 0;
    medium->untold = 0;
    if (medium->device_port != 0) {
        event_function_set(medium->device_port, event_came);
    }
    channel_serve(medium);
    return COMPLETION_success;
}

static uint32_t channel_take(struct medium *medium, const struct control_bus_device *device)
{
    if (medium->has_channel) {
        return COMPLETION_already_done;
    }
    if (!channel_find(device->channel_address, &medium->place) ||
        medium->place.size_bytes < device->channel_size_bytes || !medium->place.writable) {
        return COMPLETION_channel_invalid;
    }
    if (channel_map(&medium->place) < 0) {
        return COMPLETION_map_failed;
    }
    medium->has_channel = 1;
    medium->channel_number = device->number;
    medium->channel_operates = 0;
    medium->served = 0;
    if (medium->place.port != 0) {
        event_function_set(medium->place.port, event_came);
    }
    channel_serve(medium);
    return COMPLETION_success;
}

static void channel_leave(struct medium *medium)
{
    medium->channel_operates = 0;
    (void)medium_settle(medium);
    medium->served = 0;
    medium->has_channel = 0;
    channel_unmap(&medium->place);
}

static void port_leave(struct medium *medium)
{
    medium->device_operates = 0;
    (void)medium_settle(medium);
    medium->service->device_leave(medium);
    medium->has_device = 0;
    medium->served = 0; /* what the channel says of the disk holds no longer */
}

uint32_t medium_device_created(const struct control_bus_device *device)
{
    int physical = device->bus == CONTROL_BUS_PHYSICAL;
    const struct service *service =
        physical ? service_of_device(&device->type) : service_of_channel(&device->type);
    struct medium *medium;
    uint32_t status;

    if (service == 0 || (!physical && !device->server)) {
        return COMPLETION_success; /* known, and left alone */
    }
    medium = medium_of(&device->instance, service);
    if (medium == 0) {
        return COMPLETION_devices_exhausted;
    }
    status = physical ? port_take(medium, device) : channel_take(medium, device);
    medium_forget(medium);
    return status;
}

uint32_t medium_device_changed(const struct control_bus_device *device)
{
    struct medium *medium = medium_find(device);
    uint8_t operating = (device->state & SEGMENT_STATE_operating) != 0;

    if (medium == 0) {
        return COMPLETION_success;
    }
    if (device->bus == CONTROL_BUS_PHYSICAL) {
        medium->device_operates = operating;
        medium->failed &= operating;
        medium->untold &= operating;
    } else {
        medium->channel_operates = operating;
    }
    if (medium->has_device && medium->has_channel && operating && !medium->served) {
        return COMPLETION_driver_failure; /* there is no channel that a client could use */
    }
    return medium_settle(medium) ? COMPLETION_success : COMPLETION_driver_failure;
}

uint32_t medium_device_destroyed(const struct control_bus_device *device)
{
    struct medium *medium = medium_find(device);

    if (medium == 0) {
        return COMPLETION_success;
    }
    if (device->bus == CONTROL_BUS_PHYSICAL) {
        port_leave(medium);
    } else {
        channel_leave(medium);
    }
    medium_forget(medium);
    return COMPLETION_success;
}

/* A device that wants a reset gets it; its port is the ultravisor's to give to another then. */
static void interrupt_do(struct medium *medium)
{
    if (medium->has_device && (interrupts >> medium->device_port & 1) != 0 &&
        medium->service->interrupt(medium)) {
        device_fail(medium, "wants a reset");
        (void)medium_settle(medium);
    }
}

static uint32_t medium_step(struct medium *medium)
{
    int32_t done;

    if (!medium->served) {
        return 0;
    }
    done = medium->service->step(medium);
    if (done >= 0) {
        return (uint32_t)done;
    }
    print("io: channel %u: its client does not keep the rules\n", (unsigned)medium->channel_number);
    medium->served = 0; /* until there is another channel */
    if (medium->operates) {
        medium->service->device_stop(medium);
        medium->operates = 0;
    }
    return 1;
}

uint32_t media_step(void)
{
    uint32_t done = 0;

    for (uint32_t i = 0; i < medium_end; i++) {
        if (interrupts != 0 && media[i].service != 0) {
            interrupt_do(&media[i]);
        }
        done += media[i].service != 0 ? medium_step(&media[i]) : 0;
    }
    interrupts = 0;
    return done;
}

int media_are_polled(void)
{
    int polled = 0;

    for (uint32_t i = 0; i < medium_end; i++) {
        polled |= (media[i].has_device && media[i].device_port == 0) ||
                  (media[i].has_channel && media[i].place.port == 0);
    }
    if (polled) {
        interrupts |= 1; /* of port 0, which stands for none: at the next step they are asked */
    }
    return polled;
}

void media_failures_tell(struct control_client *control)
{
    for (uint32_t i = 0; i < medium_end; i++) {
        struct medium *medium = &media[i];

        if (medium->untold &&
            control_tell_device_state(control, CONTROL_BUS_PHYSICAL, medium->device_number,
                                      SEGMENT_STATE_PAUSED)) {
            medium->untold = 0;
        }
    }
}
