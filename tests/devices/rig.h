/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine and a driver for the tests of devices: some memory with an IOMMU that can refuse, a
 * clock, counted interrupts, and the driver's half of the rings. The driver breaks every rule that
 * a test asks it to break.
 */
#ifndef RIG_H
#define RIG_H

#include "check.h"
#include "devices/device.h"
#include "devices/disk.h"
#include "devices/switch.h"

#define RIG_MEMORY_BYTES (1u << 20)
#define RIG_DATA 0x10000u
#define RIG_LATENCY 1000u
#define RIG_QUEUE_SIZE 8u
#define RIG_OUTPUT_LIMIT 256u

/* virtio 1.2, 4.2.2 */
enum {
    R_MAGIC = 0x000,
    R_VERSION = 0x004,
    R_DEVICE_ID = 0x008,
    R_VENDOR_ID = 0x00c,
    R_DEVICE_FEATURES = 0x010,
    R_DEVICE_FEATURES_SEL = 0x014,
    R_DRIVER_FEATURES = 0x020,
    R_DRIVER_FEATURES_SEL = 0x024,
    R_QUEUE_SEL = 0x030,
    R_QUEUE_NUM_MAX = 0x034,
    R_QUEUE_NUM = 0x038,
    R_QUEUE_READY = 0x044,
    R_QUEUE_NOTIFY = 0x050,
    R_INTERRUPT_STATUS = 0x060,
    R_INTERRUPT_ACK = 0x064,
    R_STATUS = 0x070,
    R_QUEUE_DESC = 0x080,
    R_QUEUE_DRIVER = 0x090,
    R_QUEUE_DEVICE = 0x0a0,
    R_SHM_SEL = 0x0ac,
    R_SHM_LEN = 0x0b0,
    R_QUEUE_RESET = 0x0c0,
    R_CONFIG_GENERATION = 0x0fc,
    R_CONFIG = 0x100
};

#define ACKNOWLEDGE 1u
#define DRIVER 2u
#define DRIVER_OK 4u
#define FEATURES_OK 8u
#define NEEDS_RESET 64u
#define FAILED 128u
#define STARTED (ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK)

#define F_FLUSH (1ull << 9)
#define F_INDIRECT (1ull << 28)
#define F_VERSION_1 (1ull << 32)

#define NEXT 1u
#define WRITE 2u
#define INDIRECT 4u

struct rig {
    uint8_t *memory;
    uint64_t now;
    uint64_t interrupt_count;
    uint64_t reach_count;
    uint64_t refused_first, refused_end;     /* no access */
    uint64_t read_only_first, read_only_end; /* none to write */
    struct device_environment environment;
    struct device *device;
    struct disk *disk;
    struct network_switch *medium;
    uint16_t offered[2];
    uint8_t output[RIG_OUTPUT_LIMIT];
    uint32_t output_bytes;
};

/* Without a device; the environment is ready for one. */
void rig_init(struct rig *rig);
/* An active, not yet started device: a block device on a memory disk of 64 sectors ... */
void rig_block(struct rig *rig, bool read_only);
/* ... or on this disk and port; a network device on this switch and port; a console. */
void rig_block_on(struct rig *rig, struct disk *disk, uint32_t port);
void rig_network(struct rig *rig, struct network_switch *medium, uint32_t port);
void rig_console(struct rig *rig);
/* The device, and what rig_block made. */
void rig_free(struct rig *rig);

uint32_t rig_read(struct rig *rig, uint32_t offset);
void rig_write(struct rig *rig, uint32_t offset, uint32_t value);
struct device_report rig_report(struct rig *rig);
bool rig_reason(struct rig *rig, const char *text); /* whether the reason is this one */

/* Up to FEATURES_OK with these features; with queues and DRIVER_OK. */
void rig_negotiate(struct rig *rig, uint64_t features);
void rig_queue(struct rig *rig, uint32_t queue, uint32_t size);
void rig_start(struct rig *rig, uint64_t features);

uint64_t rig_ring(uint32_t queue); /* descriptors; +0x1000: available, +0x2000: used */
void rig_descriptor(struct rig *rig, uint64_t table, uint32_t index, uint64_t address,
                    uint32_t size_bytes, uint32_t flags, uint32_t next);
void rig_put(struct rig *rig, uint64_t address, uint64_t value, uint32_t size_bytes);
uint64_t rig_get(struct rig *rig, uint64_t address, uint32_t size_bytes);
/* Makes a head available, without or with a notify. */
void rig_offer(struct rig *rig, uint32_t queue, uint32_t head);
void rig_send(struct rig *rig, uint32_t queue, uint32_t head);
/* Lets time pass until nothing is due. */
void rig_run(struct rig *rig);
uint16_t rig_used_index(struct rig *rig, uint32_t queue);
uint32_t rig_used_bytes(struct rig *rig, uint32_t queue, uint32_t entry);
uint32_t rig_used_head(struct rig *rig, uint32_t queue, uint32_t entry);

/* A request in descriptors 0 to 2: header, data (none: 0 bytes), status; returns the status. */
void rig_request(struct rig *rig, uint32_t type, uint64_t sector, uint32_t data_bytes, bool in);
uint8_t rig_status(struct rig *rig);
uint8_t rig_block_run(struct rig *rig, uint32_t type, uint64_t sector, uint32_t data_bytes,
                      bool in);
#define RIG_HEADER (RIG_DATA)
#define RIG_STATUS (RIG_DATA + 0x100u)
#define RIG_BUFFER (RIG_DATA + 0x1000u)

#define BLK_IN 0u
#define BLK_OUT 1u
#define BLK_FLUSH 4u
#define BLK_GET_ID 8u
#define BLK_DISCARD 11u
#define BLK_WRITE_ZEROES 13u
#define BLK_S_OK 0u
#define BLK_S_IOERR 1u
#define BLK_S_UNSUPP 2u
#define NOT_ANSWERED 0xeeu

#endif
