/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the function of the device's port. Called by drive.c and card.c, which know what is waited
 * for.
 */
#include "own_device.h"

#include "check.h"
#include "event.h"
#include "hypercall.h"
#include "memory.h"

static struct virtio_device device;
static volatile uint32_t event_count;

static void device_calls(uint32_t port)
{
    (void)port;
    event_count++;
    (void)virtio_interrupt_take(&device);
}

void own_device_find(struct view_device *row)
{
    while (hypercall_view_get(VIEW_RECORD_device, 0, row, sizeof(*row)) < 0) {
        (void)hypercall_yield();
    }
    CHECK(virtio_find(row->guest_frame << PAGE_SHIFT, &device));
    while (virtio_map(&device) < 0) {
        (void)hypercall_yield();
    }
    event_function_set(device.port, device_calls);
}

const struct virtio_device *own_device(void)
{
    return &device;
}

void own_device_wait(void)
{
    CHECK(!virtio_is_broken(&device));
    events_wait();
}

uint32_t own_device_event_count(void)
{
    return event_count;
}
