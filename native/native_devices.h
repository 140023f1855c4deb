/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Python may call of a machine's devices, between two runs; a part of native.h. Media (disks,
 * switches) and devices are made in any order, before or after the boot, and stay. A device's
 * registers are the frame device_first_frame + id - 1; who may use it is said by the rows of the
 * view. Two machines that read each other's snapshots have made the same ones in the same order.
 */
#ifndef NATIVE_DEVICES_H
#define NATIVE_DEVICES_H

#ifndef ABI_CDEF
#include <stdint.h>
#endif

struct machine;

struct device_settings {
    const char *name;           /* blocks: what the guest reads as its identity; may be NULL */
    uint64_t latency_cycles;    /* from a notify to its completion; assumed, not measured */
    uint8_t address[6];         /* networks: the MAC address, a unicast one */
    uint16_t frame_limit_bytes; /* networks: the MTU, 68 to 1500; 0: 1500 */
};

/* The first frame of registers: the machine's last device_frame_count ones. */
uint64_t machine_device_first_frame(const struct machine *machine);

/* A medium's number, 0 and up, or an error. Path NULL: memory. Size 0: the file's own. */
int machine_disk_open(struct machine *machine, const char *path, uint64_t size_bytes,
                      uint32_t read_only);
/* With NULL for the capture, none is written; otherwise a pcap file of all frames. */
int machine_switch_open(struct machine *machine, uint32_t port_count, const char *capture_path);

/* A device's id, 1 and up, or an error. It is fenced until a view says whose it is. */
int machine_block_add(struct machine *machine, const struct device_settings *settings,
                      uint32_t disk, uint32_t port);
int machine_network_add(struct machine *machine, const struct device_settings *settings,
                        uint32_t medium, uint32_t port);
int machine_console_device_add(struct machine *machine, const struct device_settings *settings);

/* Consoles: what is typed, how much of it there was room for; and what the guest wrote. */
int machine_device_input(struct machine *machine, uint32_t id, const uint8_t *data,
                         uint32_t size_bytes);
/* Valid until the next call on the machine; returns how many bytes. */
int machine_device_output(struct machine *machine, uint32_t id, const uint8_t **data);
/* Networks: whether the cable is plugged. */
int machine_device_link(struct machine *machine, uint32_t id, uint32_t up);

/*
 * A port of a switch with the host behind it, at most one a switch. A frame that comes in is seen
 * once processor 0's clock has reached `at_cycles`, as input is; of those that leave, the oldest
 * that has not been taken: 1, or 0 when there is none. It is valid until the machine runs.
 */
struct outside_frame {
    uint64_t sent_cycles;
    uint64_t dropped_count; /* so far, because nobody took them */
    const uint8_t *data;
    uint32_t size_bytes;
    uint32_t reserved0;
};
int machine_outside_add(struct machine *machine, uint32_t medium, uint32_t port);
int machine_frame_input(struct machine *machine, uint32_t medium, uint64_t at_cycles,
                        const uint8_t *data, uint32_t size_bytes);
int machine_frame_output(struct machine *machine, uint32_t medium, struct outside_frame *frame);

struct device_statistics {
    uint32_t kind;   /* as virtio numbers it: 1 network, 2 block, 3 console */
    uint32_t status; /* its Status register; bit 6: it needs a reset */
    uint32_t owner;  /* the partition that uses it; 0: nobody */
    uint32_t active;
    uint32_t link_up;
    uint32_t reserved0;
    uint64_t request_count;
    uint64_t failed_count;
    uint64_t read_bytes;    /* from the medium to the guest */
    uint64_t written_bytes; /* from the guest to the medium */
    uint64_t in_flight_count;
    uint64_t refused_count; /* wrong accesses, rings and addresses */
    uint64_t dropped_bytes; /* consoles: of output that nobody took */
    char reason[192];       /* the first one since its last reset */
};
int machine_device_statistics(struct machine *machine, uint32_t id,
                              struct device_statistics *statistics);

/* What goes wrong with a disk from now on: matching accesses pass `skip_count` times, then fail. */
struct disk_failure {
    uint32_t operation; /* enum disk_operation of io.h; 0: any */
    int32_t error;      /* of errno.h */
    uint64_t sector;
    uint64_t sector_count; /* 0: anywhere */
    uint64_t skip_count;
    uint64_t strike_count; /* 0: for ever */
};
int machine_disk_fail(struct machine *machine, uint32_t disk, const struct disk_failure *failure);
int machine_disk_heal(struct machine *machine, uint32_t disk);

#endif
