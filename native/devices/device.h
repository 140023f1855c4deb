/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The border between a machine and its devices: all that native/engine calls and all that a
 * device may ask of the machine. A device is one frame of virtio-mmio registers (virtio 1.2,
 * MMIO version 2) with a model behind it: a block device on a port of a disk, a network device on
 * a port of a switch, or a console. Devices know neither Unicorn nor the monitor. One thread at a
 * time calls any function here that shares a machine.
 *
 * Nothing acts by itself: a notify is taken when its register is written, completes at
 * `device_due`, and the machine calls device_act() then. Until then it has no effect but that the
 * request is the device's.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_REGISTERS_SIZE_BYTES 4096
#define DEVICE_REASON_LIMIT 192 /* bytes of a reason, with its final zero */
#define DEVICE_NEVER UINT64_MAX /* of device_due: nothing is to be done */

/* What a device may ask of the machine; outlives its devices. No function may call a device. */
struct device_environment {
    void *machine;
    /*
     * The host's memory behind a device address; `*size_bytes` says how much is wanted and is cut
     * to what is contiguous on the host. NULL: refused (the IOMMU's decision). `write`: the device
     * will write there. What is returned is used before the next call and not kept.
     */
    uint8_t *(*reach)(void *machine, uint32_t device, uint64_t address, uint64_t *size_bytes,
                      bool write);
    /* Raises the event of the device's owner. */
    void (*interrupt)(void *machine, uint32_t device);
    /* The clock by which latencies and captures are counted, in cycles; never runs backwards. */
    uint64_t (*now)(void *machine);
    /* Consoles only: what the guest wrote. */
    void (*output)(void *machine, uint32_t device, const uint8_t *data, uint32_t size_bytes);
};

enum device_kind { DEVICE_KIND_network = 1, DEVICE_KIND_block = 2, DEVICE_KIND_console = 3 };

struct device_options {
    uint32_t id;             /* handed back in each question to the environment */
    uint64_t latency_cycles; /* from a notify to its completion; assumed, not measured */
    const char *name;        /* blocks: what get_id answers, cut to 20 bytes; may be NULL */
    uint8_t address[6];      /* networks: the MAC address, a unicast one */
    uint16_t frame_limit_bytes; /* networks: the MTU, 68 to 1500; 0: 1500 */
};

struct device;         /* one frame of registers: transport and model */
struct disk;           /* a medium with two ports: disk.h */
struct network_switch; /* a medium with SWITCH_PORT_LIMIT ports: switch.h */

/*
 * Fenced and reset. NULL without memory, or when the port does not exist or has a device. Medium
 * and environment outlive the device.
 */
struct device *device_new_block(const struct device_environment *environment,
                                const struct device_options *options, struct disk *disk,
                                uint32_t port);
struct device *device_new_network(const struct device_environment *environment,
                                  const struct device_options *options,
                                  struct network_switch *medium, uint32_t port);
struct device *device_new_console(const struct device_environment *environment,
                                  const struct device_options *options);
void device_free(struct device *device);

/* The guest's loads and stores. `offset` + `size_bytes` lie within the frame; others read as 0. */
uint32_t device_read(struct device *device, uint32_t offset, uint32_t size_bytes);
void device_write(struct device *device, uint32_t offset, uint32_t size_bytes, uint32_t value);

/* When device_act has to be called next, by the environment's clock; DEVICE_NEVER: not at all. */
uint64_t device_due(const struct device *device);
/* Completes what is due by now; without effect when nothing is. */
void device_act(struct device *device);

/*
 * Active or fenced, at once: a fenced device reaches neither memory nor medium and raises nothing;
 * what it has taken waits until it is active again or is reset. Publishing a view that moves a
 * disk from one port to the other has to fence before it makes active.
 */
void device_fence(struct device *device, bool active);
/* As the guest's write of 0 to Status: queues, features and requests are forgotten. */
void device_reset(struct device *device);

/* Consoles only: what is typed; returns how many bytes there was room for. */
size_t device_input(struct device *device, const uint8_t *data, size_t size_bytes);
/* Networks only: whether the cable is plugged. */
void device_link_set(struct device *device, bool up);

/* For tables and reports. `reason` is the first one since the last reset, "" without one. */
struct device_report {
    enum device_kind kind;
    uint32_t id;
    uint32_t status; /* of the register; bit 6: it needs a reset */
    bool active;
    bool link_up;          /* networks */
    uint64_t request_count; /* completed since the device was made */
    uint64_t failed_count;  /* of these, with another status than OK, or dropped */
    uint64_t read_bytes;    /* from medium to guest */
    uint64_t written_bytes; /* from guest to medium */
    uint64_t in_flight_count;
    uint64_t refused_count; /* wrong register accesses and rings, since the device was made */
    char reason[DEVICE_REASON_LIMIT];
};
void device_report_read(const struct device *device, struct device_report *report);

/*
 * Everything of a device that a snapshot holds: registers, queues' positions, what is in flight.
 * Returns how many bytes it needs, and writes them when `capacity` allows it. Load: false, and
 * nothing has changed, when the bytes are not of a device of this kind and these options.
 * Media are saved apart (disk_save, switch_save).
 */
size_t device_save(const struct device *device, uint8_t *buffer, size_t capacity);
bool device_load(struct device *device, const uint8_t *buffer, size_t size_bytes);
/* Equal states give equal hashes; counters of the report are left out. */
uint64_t device_hash(const struct device *device);

#endif
