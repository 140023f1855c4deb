/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the control channel of a guest with media, and which channel is which medium's path.
 */
#include "media.h"

#include "channel_map.h"
#include "check.h"
#include "event.h"
#include "guid.h"
#include "hypercall.h"

#define POLL_CYCLES 100000u /* how often a guest looks whose control channel has no event */
#define PATH_COUNT 2u

_Static_assert(PATH_COUNT == DISK_PATH_COUNT && PATH_COUNT == NETWORK_PATH_COUNT,
               "media of all kinds have as many paths");

struct media_path {
    uint8_t used;
    uint8_t untold; /* it was lost, and there was no room to say so */
    uint32_t bus;
    uint32_t device;
    struct channel_place place;
};

/* One disk or network: number i of its kind. */
struct medium {
    struct guid instance;
    struct media_path paths[PATH_COUNT];
};

enum kind { KIND_disk = 0, KIND_network = 1, KIND_COUNT = 2 };

static const struct guid *const types[KIND_COUNT] = {
    [KIND_disk] = &guid_disk,
    [KIND_network] = &guid_network,
};

static struct control_client control;
static struct channel_place control_place;
static int attached;
static const struct media_operations *user;
static void *user_context;
static struct medium media[KIND_COUNT][MEDIA_LIMIT];
static uint32_t counts[KIND_COUNT];
static struct disk disks[MEDIA_LIMIT];
static struct network networks[MEDIA_LIMIT];

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
    const struct medium *medium = context;

    port_send(medium->paths[path].place.port);
}

static void path_lost(void *context, uint32_t path)
{
    struct medium *medium = context;

    medium->paths[path].untold = 1;
}

static void disk_wait(void *context)
{
    (void)context;
    if (media_poll() == 0) {
        media_wait();
    }
}

static uint32_t network_number(const void *context)
{
    return (uint32_t)((const struct medium *)context - media[KIND_network]);
}

static void frame_received(void *context, const uint8_t *frame, uint32_t size_bytes)
{
    if (user != 0 && user->received != 0) {
        user->received(user_context, network_number(context), frame, size_bytes);
    }
}

static void network_moved(void *context)
{
    if (user != 0 && user->moved != 0) {
        user->moved(user_context, network_number(context));
    }
}

static const struct disk_operations disk_operations = {
    .notify = path_notify,
    .lost = path_lost,
    .wait = disk_wait,
};

static const struct network_operations network_operations = {
    .notify = path_notify,
    .lost = path_lost,
    .received = frame_received,
    .moved = network_moved,
};

/* The number of an instance, or a new one; MEDIA_LIMIT: they are too many. */
static uint32_t number_of(enum kind kind, const struct guid *instance)
{
    uint32_t number = 0;

    while (number < counts[kind] && !guid_equal(&media[kind][number].instance, instance)) {
        number++;
    }
    if (number == counts[kind] && number < MEDIA_LIMIT) {
        struct medium *medium = &media[kind][number];

        counts[kind]++;
        medium->instance = *instance;
        if (kind == KIND_disk) {
            disk_start(&disks[number], &disk_operations, medium);
        } else {
            network_start(&networks[number], &network_operations, medium);
        }
    }
    return number;
}

/* The kind of medium that a device is a path to; KIND_COUNT: to none. */
static enum kind kind_of(const struct control_bus_device *device)
{
    enum kind kind = KIND_disk;

    while (kind < KIND_COUNT && (device->server || !guid_equal(&device->type, types[kind]))) {
        kind++;
    }
    return kind;
}

static void path_appear(enum kind kind, uint32_t number, uint32_t path)
{
    const struct channel_place *place = &media[kind][number].paths[path].place;

    if (kind == KIND_disk) {
        (void)disk_path_appeared(&disks[number], path, channel_pointer(place), place->size_bytes);
    } else {
        (void)network_path_appeared(&networks[number], path, channel_pointer(place),
                                    place->size_bytes);
    }
}

static uint32_t path_take(enum kind kind, uint32_t number, uint32_t index,
                          const struct control_bus_device *device)
{
    struct media_path *path = &media[kind][number].paths[index];

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
    path_appear(kind, number, index);
    return COMPLETION_success;
}

/* The path that a device is, with the numbers of medium and path; 0: it was never taken. */
static struct media_path *path_find(enum kind kind, const struct control_bus_device *device,
                                    uint32_t *number, uint32_t *index)
{
    for (*number = 0; *number < counts[kind]; (*number)++) {
        for (*index = 0; *index < PATH_COUNT; (*index)++) {
            struct media_path *path = &media[kind][*number].paths[*index];

            if (path->used && path->bus == device->bus && path->device == device->number) {
                return path;
            }
        }
    }
    return 0;
}

static uint32_t device_created(void *context, const struct control_bus_device *device)
{
    enum kind kind = kind_of(device);
    uint32_t number;

    (void)context;
    if (kind == KIND_COUNT) {
        return user != 0 && user->device_created != 0 ? user->device_created(user_context, device)
                                                      : (uint32_t)COMPLETION_success;
    }
    number = number_of(kind, &device->instance);
    for (uint32_t index = 0; number < MEDIA_LIMIT && index < PATH_COUNT; index++) {
        if (!media[kind][number].paths[index].used) {
            return path_take(kind, number, index, device);
        }
    }
    return COMPLETION_devices_exhausted;
}

static uint32_t device_changed(void *context, const struct control_bus_device *device)
{
    enum kind kind = kind_of(device);
    int operating = (device->state & SEGMENT_STATE_operating) != 0;
    struct media_path *path;
    uint32_t number;
    uint32_t index;

    (void)context;
    if (kind == KIND_COUNT) {
        return user != 0 && user->device_changed != 0 ? user->device_changed(user_context, device)
                                                      : (uint32_t)COMPLETION_success;
    }
    path = path_find(kind, device, &number, &index);
    if (path == 0) {
        return COMPLETION_device_invalid;
    }
    path->untold &= (uint8_t)operating; /* that it does not, they know */
    if (kind == KIND_disk) {
        disk_path_operates(&disks[number], index, operating);
    } else {
        network_path_operates(&networks[number], index, operating);
    }
    return COMPLETION_success;
}

static uint32_t device_destroyed(void *context, const struct control_bus_device *device)
{
    enum kind kind = kind_of(device);
    struct media_path *path;
    uint32_t number;
    uint32_t index;

    (void)context;
    if (kind == KIND_COUNT) {
        return user != 0 && user->device_destroyed != 0
                   ? user->device_destroyed(user_context, device)
                   : (uint32_t)COMPLETION_success;
    }
    path = path_find(kind, device, &number, &index);
    if (path != 0) {
        if (kind == KIND_disk) {
            disk_path_vanished(&disks[number], index);
        } else {
            network_path_vanished(&networks[number], index);
        }
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

int media_start(const struct media_operations *user_operations, void *context)
{
    user = user_operations;
    user_context = context;
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

static void lost_paths_tell(struct medium *medium)
{
    for (uint32_t index = 0; index < PATH_COUNT; index++) {
        struct media_path *path = &medium->paths[index];

        if (path->used && path->untold &&
            control_tell_device_state(&control, path->bus, path->device, SEGMENT_STATE_PAUSED)) {
            path->untold = 0;
        }
    }
}

uint32_t media_poll(void)
{
    uint32_t done = control_step();

    for (uint32_t number = 0; number < counts[KIND_disk]; number++) {
        done += disk_poll(&disks[number]);
        lost_paths_tell(&media[KIND_disk][number]);
    }
    for (uint32_t number = 0; number < counts[KIND_network]; number++) {
        done += network_poll(&networks[number]);
        lost_paths_tell(&media[KIND_network][number]);
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
    return number < counts[KIND_disk] ? &disks[number] : 0;
}

struct network *media_network(uint32_t number)
{
    return number < counts[KIND_network] ? &networks[number] : 0;
}
