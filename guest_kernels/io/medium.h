/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A medium that this partition serves: a port of it, which is a device of this partition's, and the
 * channel to its one client. Both are introduced in any order, under one instance; each of them is
 * told to operate, and the medium does while both do. What a kind of medium does, its service knows
 * (service.h). One client's breakage stays in its medium.
 */
#ifndef MEDIUM_H
#define MEDIUM_H

#include "channel_map.h"
#include "control.h"
#include "disk_service.h"
#include "network_service.h"

#define MEDIUM_LIMIT 16u

struct service;

struct medium {
    const struct service *service; /* 0: this row is free */
    struct guid instance;
    uint8_t has_device;
    uint8_t device_operates;
    uint8_t failed; /* the device did; until it is told that it does not operate */
    uint8_t untold; /* there was no room to say that it did */
    uint8_t has_channel;
    uint8_t channel_operates;
    uint8_t served; /* the channel was made for this client, which has kept the rules */
    uint8_t operates;
    uint32_t device_number;
    uint32_t channel_number;
    uint64_t device_address; /* of the registers */
    uint32_t device_port;
    struct channel_place place;
    struct {
        struct disk_service disk;
        struct network_service network;
    } own; /* the service's; memory that a row's device was given once, it keeps */
};

/* What control messages say; each returns an enum completion_status. */
uint32_t medium_device_created(const struct control_bus_device *device);
uint32_t medium_device_changed(const struct control_bus_device *device);
uint32_t medium_device_destroyed(const struct control_bus_device *device);

/* Moves every medium: how much was done. */
uint32_t media_step(void);
/* Whether an end has no event port: then they must be looked at without one, now and then. */
int media_are_polled(void);
/* Tells the ultravisor of devices that failed. */
void media_failures_tell(struct control_client *control);

#endif
