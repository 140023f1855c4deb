/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guests' ends of channels in a process of their own, driven by lines of text: the tests map
 * the same file and are the other end. On both sides of the mapping lie pages that nobody may
 * touch, so that an access outside of the channel ends the process.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "channel_client.h"
#include "control.h"
#include "guid.h"

#define QUEUE_COUNT 8
#define GUARD_BYTES 65536u
#define LINE_LIMIT 16384

static unsigned char *memory;
static size_t memory_size_bytes;
static struct signal_queue queues[QUEUE_COUNT];
static struct channel_client channel;
static struct control_client control;
static unsigned notified;
static uint32_t verdict; /* what the operations of the control channel answer */

static uint32_t on_bus(void *context, const struct control_bus *bus)
{
    (void)context;
    (void)bus;
    return verdict;
}

static uint32_t on_device(void *context, const struct control_bus_device *device)
{
    (void)context;
    (void)device;
    return verdict;
}

static uint32_t on_chipset(void *context)
{
    (void)context;
    return verdict;
}

static void on_notify(void *context)
{
    (void)context;
    notified++;
}

static const struct control_operations operations = {
    .bus_created = on_bus,
    .bus_configured = on_bus,
    .bus_destroyed = on_bus,
    .device_created = on_device,
    .device_changed = on_device,
    .device_destroyed = on_device,
    .chipset_ready = on_chipset,
    .chipset_stopped = on_chipset,
    .notify = on_notify,
};

static void memory_map(const char *path)
{
    int file = open(path, O_RDWR);
    off_t size = lseek(file, 0, SEEK_END);
    unsigned char *place;

    if (file < 0 || size <= 0) {
        exit(2);
    }
    memory_size_bytes = (size_t)size;
    place =
        mmap(0, memory_size_bytes + 2 * GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) {
        exit(2);
    }
    memory = mmap(place + GUARD_BYTES, memory_size_bytes, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_FIXED, file, 0);
    if (memory == MAP_FAILED) {
        exit(2);
    }
}

/* Sends numbers 0, 1, ... while another process receives them; returns how many wanted an event. */
static unsigned long long queue_send_many(struct signal_queue *queue, unsigned long long count)
{
    unsigned char signal[CHANNEL_SIGNAL_LIMIT] = {0};
    unsigned long long notifications = 0;

    for (unsigned long long i = 0; i < count;) {
        enum queue_insertion inserted;

        memcpy(signal, &i, sizeof(i));
        inserted = queue_insert(queue, signal);
        if (inserted == QUEUE_INSERTION_broken) {
            break;
        }
        notifications += inserted == QUEUE_INSERTION_notify;
        i += inserted > QUEUE_INSERTION_full;
    }
    return notifications;
}

/* Receives them; returns how many came in their order. */
static unsigned long long queue_receive_many(struct signal_queue *queue, unsigned long long count)
{
    unsigned char signal[CHANNEL_SIGNAL_LIMIT];
    unsigned long long i = 0;

    while (i < count) {
        enum queue_removal removed = queue_remove(queue, signal);

        if (removed == QUEUE_REMOVAL_broken ||
            (removed == QUEUE_REMOVAL_signal && memcmp(signal, &i, sizeof(i)) != 0)) {
            break;
        }
        i += removed == QUEUE_REMOVAL_signal;
    }
    return i;
}

static void queue_line(char verb, const char *rest)
{
    unsigned index = 0;
    unsigned long long offset = 0;
    int consumed = 0;
    /* From the heap: the sanitizer sees what goes beyond it. */
    unsigned char *signal;

    if (sscanf(rest, "%u %llu%n", &index, &offset, &consumed) < 1 || index >= QUEUE_COUNT) {
        exit(2);
    }
    signal = malloc(queues[index].signal_size_bytes + 1u);
    switch (verb) {
    case 'P':
        printf("%d\n", queue_attach_producer(&queues[index], memory, offset, memory_size_bytes));
        break;
    case 'C':
        printf("%d\n", queue_attach_consumer(&queues[index], memory, offset, memory_size_bytes));
        break;
    case 'i':
        /* The signal's every byte is the number that was given. */
        memset(signal, (int)(offset & 0xff), queues[index].signal_size_bytes);
        memcpy(signal, &offset,
               queues[index].signal_size_bytes < sizeof(offset) ? queues[index].signal_size_bytes
                                                                : sizeof(offset));
        printf("%d\n", (int)queue_insert(&queues[index], signal));
        break;
    case 'r': {
        int removed = (int)queue_remove(&queues[index], signal);

        printf("%d ", removed);
        for (uint32_t i = 0; removed == 1 && i < queues[index].signal_size_bytes; i++) {
            printf("%02x", signal[i]);
        }
        printf("\n");
        break;
    }
    case 'S':
        printf("%llu\n", queue_send_many(&queues[index], offset));
        break;
    case 'R':
        printf("%llu\n", queue_receive_many(&queues[index], offset));
        break;
    default:
        printf("%d\n", queue_has_room(&queues[index]));
    }
    free(signal);
}

static void channel_line(char verb, const char *rest)
{
    unsigned long number = strtoul(rest, 0, 0);

    switch (verb) {
    case 'h':
        printf("%d\n", (int)channel_attach(&channel, memory, memory_size_bytes, &guid_command,
                                           CHANNEL_VERSION_COMMAND, number));
        break;
    case '+':
        channel_features_add(&channel, (uint32_t)number);
        printf("%u\n", channel_features(&channel));
        break;
    case '-':
        channel_features_remove(&channel, (uint32_t)number);
        printf("%u\n", channel_features(&channel));
        break;
    case 's':
        printf("%d\n", channel_state_change(&channel, (enum client_state)number));
        break;
    case 'a':
        printf("%u\n", channel_acquire(&channel));
        break;
    default:
        channel_release(&channel);
        printf("0\n");
    }
}

static void control_print(void)
{
    for (unsigned i = 0; i < CONTROL_BUS_LIMIT; i++) {
        const struct control_bus *bus = &control.buses[i];

        if (bus->used) {
            printf("bus %u server=%u address=%" PRIu64 " handle=%" PRIu64 " client=%s;",
                   bus->number, bus->server, bus->channel_address, bus->guest_handle,
                   bus->client_name);
        }
    }
    for (unsigned i = 0; i < CONTROL_DEVICE_LIMIT; i++) {
        const struct control_bus_device *device = &control.devices[i];

        if (device->used) {
            printf("device %u:%u server=%u state=%x address=%" PRIu64 " ports=%" PRIu64 ",%" PRIu64
                   ";",
                   device->bus, device->number, device->server, device->state,
                   device->channel_address, device->interrupt.send_handle,
                   device->interrupt.receive_handle);
        }
    }
    printf("initialised=%u ready=%u notified=%u\n", control.initialised, control.ready, notified);
}

static void control_line(char verb, const char *rest)
{
    switch (verb) {
    case 'A':
        printf("%d\n", control_attach(&control, memory, memory_size_bytes, &operations, 0));
        break;
    case 'p':
        printf("%d\n", control_poll(&control));
        break;
    case 'v':
        verdict = (uint32_t)strtoul(rest, 0, 0);
        printf("%u\n", verdict);
        break;
    case 't':
        printf("%d\n", control_tell_device_state(&control, 1, 2, SEGMENT_STATE_STANDBY));
        break;
    default:
        control_print();
    }
}

int main(int count, char **arguments)
{
    static char line[LINE_LIMIT];

    if (count != 2) {
        return 2;
    }
    memory_map(arguments[1]);
    while (fgets(line, sizeof(line), stdin) != 0) {
        if (line[0] == 'q') {
            queue_line(line[1], line + 2);
        } else if (line[0] == 'c') {
            channel_line(line[1], line + 2);
        } else {
            control_line(line[0], line + 1);
        }
        fflush(stdout);
    }
    return 0;
}
