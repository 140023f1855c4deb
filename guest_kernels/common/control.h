/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's end of its control channel, over which it learns of its buses and devices. Whoever
 * starts it says what is to happen when one comes, changes or goes; the answers are sent here.
 * Works by polling, or whenever the event of the channel comes: control_poll does all there is.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "channel_client.h"

#define CONTROL_BUS_PHYSICAL 0 /* of devices whose registers are this partition's */
#define CONTROL_BUS_LIMIT 16
#define CONTROL_DEVICE_LIMIT 64 /* of all buses together */

struct control_bus {
    uint32_t number;
    uint8_t used;
    uint8_t server; /* this partition is the serving end */
    uint16_t state; /* enum segment_state */
    uint64_t channel_address;
    uint64_t channel_size_bytes;
    struct guid device_type;
    struct guid instance;
    uint64_t guest_handle; /* of the client, from bus_configure */
    struct guid client;    /* of the client partition */
    char client_name[NAME_LIMIT];
};

/*
 * What a device is; its packet in the contract is another structure. On the physical bus the
 * channel's place is that of the registers, and the interrupt's handles are the port. A path to a
 * disk or network, either end of it, and the registers of a device do not operate when they are
 * created, but when device_changed says so.
 */
struct control_bus_device {
    uint32_t bus;
    uint32_t number;
    uint8_t used;
    uint8_t server;
    uint16_t state; /* enum segment_state */
    uint64_t channel_address;
    uint64_t channel_size_bytes;
    struct guid type;
    struct guid instance;
    struct control_interrupt interrupt;
};

/*
 * Each returns an enum completion_status; one that is 0 stands for success. They are called from
 * control_poll, when the record says the new state already; a failure takes the record back.
 */
struct control_operations {
    uint32_t (*bus_created)(void *context, const struct control_bus *bus);
    uint32_t (*bus_configured)(void *context, const struct control_bus *bus);
    uint32_t (*bus_destroyed)(void *context, const struct control_bus *bus);
    uint32_t (*device_created)(void *context, const struct control_bus_device *device);
    uint32_t (*device_changed)(void *context, const struct control_bus_device *device);
    uint32_t (*device_destroyed)(void *context, const struct control_bus_device *device);
    uint32_t (*chipset_ready)(void *context);
    uint32_t (*chipset_stopped)(void *context);
    uint32_t (*chipset_tested)(void *context);
    /* The ultravisor may be waiting: send it the event. */
    void (*notify)(void *context);
};

struct control_client {
    struct channel_client channel;
    struct signal_queue requests;
    struct signal_queue responses;
    struct signal_queue events;
    struct signal_queue acknowledgements;
    const struct control_operations *operations;
    void *context;
    uint8_t initialised; /* chipset_init has come */
    uint8_t ready;       /* chipset_ready has come */
    struct control_bus buses[CONTROL_BUS_LIMIT];
    struct control_bus_device devices[CONTROL_DEVICE_LIMIT];
};

/* Returns 0 when what lies there is no whole control channel. */
int control_attach(struct control_client *control, volatile void *memory, uint64_t available_bytes,
                   const struct control_operations *operations, void *context);

/*
 * Does what the messages that are there ask for; what there is no room to answer stays. Returns
 * how many were done, or -1 when the channel is broken and is not to be used again.
 */
int32_t control_poll(struct control_client *control);

/* Tells the ultravisor of a device's state; 0: later. */
int control_tell_device_state(struct control_client *control, uint32_t bus, uint32_t device,
                              uint16_t state);

const struct control_bus *control_bus_find(const struct control_client *control, uint32_t bus);
const struct control_bus_device *control_device_find(const struct control_client *control,
                                                     uint32_t bus, uint32_t device);

#endif
