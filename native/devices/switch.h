/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A learning Ethernet switch inside the process: the medium behind network devices. Frames go in
 * the order in which they are sent, addresses are learned from their sources, what finds a full
 * queue is dropped and counted. Called by network.c and by the machine that makes it. It knows no
 * device and no guest; what comes from outside enters through switch_send on a port without one.
 */
#ifndef SWITCH_H
#define SWITCH_H

#include "device.h"

#define SWITCH_PORT_LIMIT 16
#define SWITCH_ADDRESS_LIMIT 256 /* learned; then the oldest is forgotten */
#define SWITCH_QUEUE_LIMIT 64    /* frames that wait at a port */
#define SWITCH_FRAME_LIMIT_BYTES 1514
#define SWITCH_FRAME_MINIMUM_BYTES 14

struct switch_options {
    uint32_t port_count;         /* 1 to SWITCH_PORT_LIMIT */
    const char *capture_path;    /* a pcap file of all frames that enter; NULL: none */
    uint64_t clock_frequency_hz; /* of the stamps in the capture */
};

/* NULL, and why in `reason`: the operator's error, to be shown as it is. */
struct network_switch *switch_new(const struct switch_options *options,
                                  char reason[DEVICE_REASON_LIMIT]);
void switch_free(struct network_switch *medium);

/*
 * A port's other end is told that a frame waits there. For a device network.c does it; a TAP or a
 * test takes a port itself, sends with switch_send and fetches with switch_receive.
 */
bool switch_port_take(struct network_switch *medium, uint32_t port, void (*arrived)(void *owner),
                      void *owner);
void switch_port_release(struct network_switch *medium, uint32_t port);
/* A port that is not up neither takes nor gets frames, and forgets those that wait. */
void switch_port_up(struct network_switch *medium, uint32_t port, bool up);

/* Copies the frame. False: it is no Ethernet frame (size), or the port is not up. */
bool switch_send(struct network_switch *medium, uint32_t port, const uint8_t *frame,
                 uint32_t size_bytes, uint64_t now_cycles);
/* A frame that waits at a port. */
struct switch_frame {
    uint64_t sent_cycles;
    uint32_t size_bytes;
    uint8_t bytes[SWITCH_FRAME_LIMIT_BYTES];
    uint8_t reserved0[10];
};
/* The oldest frame that waits; NULL: none. It stays until switch_drop. */
const struct switch_frame *switch_receive(const struct network_switch *medium, uint32_t port);
void switch_drop(struct network_switch *medium, uint32_t port);

struct switch_port_report {
    bool taken, up;
    uint64_t received_frames; /* into the switch */
    uint64_t sent_frames;     /* out of it */
    uint64_t dropped_frames;  /* for a full queue */
    uint32_t waiting_frames;
};
void switch_port_read(const struct network_switch *medium, uint32_t port,
                      struct switch_port_report *report);
/* The first reason why the capture could not be written; "" while it could. */
const char *switch_reason(const struct network_switch *medium);

/* Addresses and waiting frames. The capture is outside: it goes on where it is. */
size_t switch_save(const struct network_switch *medium, uint8_t *buffer, size_t capacity);
bool switch_load(struct network_switch *medium, const uint8_t *buffer, size_t size_bytes);
uint64_t switch_hash(const struct network_switch *medium);

#endif
