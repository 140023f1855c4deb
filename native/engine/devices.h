/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices of a machine as its engine sees them: whose each is, when one is due, what of them a
 * snapshot holds. Shared by the files of native/engine; the models are native/devices.
 */
#ifndef DEVICES_H
#define DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "devices/device.h"
#include "devices/disk.h"
#include "devices/switch.h"
#include "queue.h"

struct engine;
struct input;
struct machine;

struct device_slot {
    struct device *device;
    uint64_t owner_key; /* owner << 32 | its incarnation, as the view last said; 0: nobody */
    uint8_t *output;    /* consoles: what nobody has taken yet */
    uint8_t *taken;     /* consoles: what was taken last, kept for its reader */
    uint32_t output_size_bytes;
    uint64_t dropped_bytes;
};

/* outside.c: a port of a switch with the host behind it; without a medium there is none. */
struct outside {
    struct network_switch *medium;
    uint32_t port;
    struct queue frames; /* that left, and that nobody has taken */
};

struct device_table {
    struct device_environment environment;
    struct device_slot slots[DEVICE_LIMIT]; /* by id - 1 */
    struct disk *disks[DEVICE_LIMIT];
    struct network_switch *switches[DEVICE_LIMIT];
    struct outside outsides[DEVICE_LIMIT]; /* by switch */
    uint32_t count, disk_count, switch_count;
    uint64_t due_cycles; /* of the first that has something to do; DEVICE_NEVER */
};

void devices_open(struct machine *machine);
void devices_close(struct machine *machine);

/* A view has come into force: who is not meant any more is fenced first. */
void devices_follow(struct machine *machine);
/* Whose device it is in the view in force, once the monitor knows that incarnation; 0: nobody's. */
uint32_t device_owner(const struct machine *machine, uint32_t id);

/* What is due at the round's beginning; and that something may be due at another time now. */
void devices_act(struct machine *machine);
void devices_look(struct machine *machine);

/* outside.c: a frame that has come from there. */
void outside_deliver(struct machine *machine, const struct input *input);

/* device_access.c: an engine's window of registers. */
bool devices_map(struct engine *engine);
/* iommu.c: device_environment.reach. */
uint8_t *iommu_reach(void *machine, uint32_t device, uint64_t address, uint64_t *size_bytes,
                     bool write);

/* device_state.c: devices and media for snapshots; how many bytes, written when they fit. */
uint64_t devices_save(const struct machine *machine, uint8_t *buffer, uint64_t capacity);
/* False: it is of other devices, and some may have been replaced. */
bool devices_load(struct machine *machine, const uint8_t *buffer, uint64_t size_bytes);
uint64_t devices_hash(const struct machine *machine);

#endif
