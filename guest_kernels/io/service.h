/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kind of medium does: which devices and channels belong to it, and how they are brought
 * together. The table of all kinds is in service.c. Called by medium.c only.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "medium.h"

struct service {
    const struct guid *device_type;
    const struct guid *channel_type;
    /*
     * Finds and maps the registers at medium->device_address, and asks the device what it is: an
     * enum completion_status. Its port is left in medium->device_port.
     */
    uint32_t (*device_take)(struct medium *medium);
    /* Resets the device; and starts it anew. 0: it does not start. */
    void (*device_stop)(struct medium *medium);
    int (*device_start)(struct medium *medium);
    /* Resets the device and unmaps its registers. */
    void (*device_leave)(struct medium *medium);
    /* Makes the channel in mapped memory, for a client that is heard from now on; 0: impossible. */
    int (*channel_make)(struct medium *medium);
    /* The medium operates, or does so no longer: requests of before are answered so. */
    void (*operate)(struct medium *medium, int operating);
    /* Does what there is to do: how much, or -1: the client has broken the channel. */
    int32_t (*step)(struct medium *medium);
    /* The device has raised its interrupt: whether it wants a reset. */
    int (*interrupt)(struct medium *medium);
};

/* The service of a device's type, or of a channel's; 0: there is none. */
const struct service *service_of_device(const struct guid *type);
const struct service *service_of_channel(const struct guid *type);

#endif
