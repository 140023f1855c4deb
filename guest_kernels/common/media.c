/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the control channel of a guest with disks, and which channel is which disk's path.
 */
#include "media.h"

#include "channel_map.h"
#include "check.h"
#include "event.h"
#include "guid.h"
#include "hypercall.h"

#define POLL_CYCLES 100000u /* how often a guest looks whose control channel has no event */

struct media_path {
    uint8_t used;
    uint8_t untold; /* it was lost, and there was no room to say so */
    uint32_t bus;
    uint32_t device;
    struct channel_place place;
};

struct media_disk {
    uint8_t used;
    struct guid instance;
    struct disk disk;
    struct media_path paths[DISK_PATH_COUNT];
};

static struct control_client control;
static struct channel_place control_place;
static int attached;
static const struct control_operations *others;
static void *others_context;
static struct media_disk disks[MEDIA_DISK_LIMIT];

static void event_came(uint32_t port)
{
    (void)port; /* it has woken this end, which looks everywhere */
}

static void port_send(uint32_t port)
{
    if (port != 0) {
        (void)hypercall_event_send(port);
    }
}

static void path_notify(void *context, uint32_t path)
{
    const struct media_disk *disk = context;

    port_send(disk->paths[path].place.port);
}

static void path_lost(void *context, uint32_t path)
{
    struct media_disk *disk = context;

    disk->paths[path].untold = 1;
}

static void disk_wait(void *context)
{
    (void)context;
    if (media_poll() == 0) {
        media_wait();
    }
}

static const struct disk_operations disk_operations = {
    .notify = path_notify,
    .lost = path_lost,
    .wait = disk_wait,
};

/* The disk of an instance, or a new one; 0: they are too many. */
static struct media_disk *disk_of(const struct guid *instance)
{
    for (uint32_t number = 0; number < MEDIA_DISK_LIMIT; number++) {
        struct media_disk *disk = &disks[number];

        if (!disk->used) {
            disk->used = 1;
            disk->instance = *instance;
            disk_start(&disk->disk, &disk_operations, disk);
            return disk;
        }
        if (guid_equal(&disk->instance, instance)) {
            return disk;
        }
    }
    return 0;
}

/* The path that a device is, with its disk and number; 0: it is none. */
static struct media_path *path_of(const struct control_bus_device *device, struct media_disk **disk,
                                  uint32_t *number)
{
    for (*disk = disks; *disk < disks + MEDIA_DISK_LIMIT; (*disk)++) {
        for (*number = 0; *number < DISK_PATH_COUNT; (*number)++) {
            struct media_path *path = &(*disk)->paths[*number];

            if (path->used && path->bus == device->bus && path->device == device->number) {
                return path;
            }
        }
    }
    return 0;
}

static uint32_t path_take(struct media_disk *disk, uint32_t number,
                          const struct control_bus_device *device)
{
    struct media_path *path = &disk->paths[number];

    if (!channel_find(device->channel_address, &path->place) ||
        path->place.size_bytes < device->channel_size_bytes) {
        return COMPLETION_channel_invalid;
    }
    if (channel_map(&path->place) < 0) {
        return COMPLETION_map_failed;
    }
    path->used = 1;
    path->untold = 0;
    path->bus = device->bus;
    path->device = device->number;
    if (path->place.port != 0) {
        event_function_set(path->place.port, event_came);
    }
    (void)disk_path_appeared(&disk->disk, number, channel_pointer(&path->place),
                             path->place.size_bytes);
    return COMPLETION_success;
}

static int is_path(const struct control_bus_device *device)
{
    return !device->server && guid_equal(&device->type, &guid_disk);
}

static uint32_t device_created(void *context, const struct control_bus_device *device)
{
    struct media_disk *disk;

    (void)context;
    if (!is_path(device)) {
        return others != 0 && others->device_created != 0
                   ? others->device_created(others_context, device)
                   : COMPLETION_success;
    }
    disk = disk_of(&device->instance);
    for (uint32_t number = 0; disk != 0 && number < DISK_PATH_COUNT; number++) {
        if (!disk->paths[number].used) {
            return path_take(disk, number, device);
        }
    }
    return COMPLETION_devices_exhausted;
}

static uint32_t device_changed(void *context, const struct control_bus_device *device)
{
    struct media_disk *disk;
    uint32_t number;

    (void)context;
    if (!is_path(device)) {
        return others != 0 && others->device_changed != 0
                   ? others->device_changed(others_context, device)
                   : COMPLETION_success;
    }
    if (path_of(device, &disk, &number) != 0) {
        int operating = (device->state & SEGMENT_STATE_operating) != 0;

        disk->paths[number].untold &= (uint8_t)operating; /* they know */
        disk_path_operates(&disk->disk, number, operating);
    }
    return COMPLETION_success;
}

static uint32_t device_destroyed(void *context, const struct control_bus_device *device)
{
    struct media_disk *disk;
    struct media_path *path;
    uint32_t number;

    (void)context;
    if (!is_path(device)) {
        return others != 0 && others->device_destroyed != 0
                   ? others->device_destroyed(others_context, device)
                   : COMPLETION_success;
    }
    path = path_of(device, &disk, &number);
    if (path != 0) {
        disk_path_vanished(&disk->disk, number);
        channel_unmap(&path->place);
        path->used = 0;
    }
    return COMPLETION_success;
}

static void control_notify(void *context)
{
    (void)context;
    port_send(control_place.port);
}

static const struct control_operations operations = {
    .device_created = device_created,
    .device_changed = device_changed,
    .device_destroyed = device_destroyed,
    .notify = control_notify,
};

int media_start(const struct control_operations *other_operations, void *context)
{
    others = other_operations;
    others_context = context;
    if (!channel_find_control(&control_place)) {
        return 0;
    }
    if (control_place.port != 0) {
        event_function_set(control_place.port, event_came);
    }
    return 1;
}

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
    return (uint32_t)done;
}

static void lost_paths_tell(struct media_disk *disk)
{
    for (uint32_t number = 0; number < DISK_PATH_COUNT; number++) {
        struct media_path *path = &disk->paths[number];

        if (path->used && path->untold &&
            control_tell_device_state(&control, path->bus, path->device, SEGMENT_STATE_PAUSED)) {
            path->untold = 0;
        }
    }
}

uint32_t media_poll(void)
{
    uint32_t done = control_step();

    for (uint32_t number = 0; number < MEDIA_DISK_LIMIT && disks[number].used; number++) {
        done += disk_poll(&disks[number].disk);
        lost_paths_tell(&disks[number]);
    }
    return done;
}

void media_wait(void)
{
    if (control_place.port == 0) {
        CALL(hypercall_timer_set((uint64_t)CALL(hypercall_time_get()) + POLL_CYCLES));
    }
    events_wait();
}

struct disk *media_disk(uint32_t number)
{
    return number < MEDIA_DISK_LIMIT && disks[number].used ? &disks[number].disk : 0;
}
