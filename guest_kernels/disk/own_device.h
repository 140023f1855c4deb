/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one device that the guest has: it is waited for, and its interrupts are. */
#ifndef OWN_DEVICE_H
#define OWN_DEVICE_H

#include "virtio_device.h"

/* Waits until the view has a device for the caller, and its registers can be mapped. */
void own_device_find(struct view_device *row);
/* With its registers, as a driver is given them. */
const struct virtio_device *own_device(void);

/* Waits for an event; a device that wants a reset ends the guest. */
void own_device_wait(void);
/* Events that have come; each one's reason has been acknowledged. */
uint32_t own_device_event_count(void);

#endif
