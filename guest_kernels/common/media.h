/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disks and networks of a guest, as its control channel tells of them: channels of one type and
 * instance are the paths to one medium, and media of a kind are numbered in the order in which they
 * were first heard of. Maps what appears, lets go of what goes, tells the ultravisor of a path
 * that was lost. One user, one virtual processor.
 */
#ifndef MEDIA_H
#define MEDIA_H

#include "control.h"
#include "disk.h"
#include "network.h"

#define MEDIA_LIMIT 8u /* of each kind */

struct media_operations {
    /* A frame has come; its bytes are the card's again afterwards. May send, may not poll. */
    void (*received)(void *context, uint32_t network, const uint8_t *frame, uint32_t size_bytes);
    /* Frames go a new way: tell the network who is here. May send, may not poll. */
    void (*moved)(void *context, uint32_t network);
    /* Devices that are no such paths, of a guest with channels of its own besides. */
    uint32_t (*device_created)(void *context, const struct control_bus_device *device);
    uint32_t (*device_changed)(void *context, const struct control_bus_device *device);
    uint32_t (*device_destroyed)(void *context, const struct control_bus_device *device);
};

/*
 * Finds the control channel and waits for nothing; 0: this partition has none. Every operation may
 * be 0. Called after events_start.
 */
int media_start(const struct media_operations *operations, void *context);

/* Takes control messages and moves every medium: how much was done. After each event. */
uint32_t media_poll(void);

/* Waits for an event when there is nothing to do. Called with events masked, like events_wait. */
void media_wait(void);

/* Number n, from 0 on; 0: not heard of yet. Whether a path operates, it says itself. */
struct disk *media_disk(uint32_t number);
struct network *media_network(uint32_t number);

#endif
