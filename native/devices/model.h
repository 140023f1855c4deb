/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is inside a device: the transport's state, and the operations by which it asks its model.
 * For the files of native/devices only. State is plain data without padding, zero where unused, so
 * that saving and hashing take it as it is.
 */
#ifndef MODEL_H
#define MODEL_H

#include "device.h"
#include "virtqueue.h"

#define QUEUE_COUNT 2
#define CONFIGURATION_LIMIT_BYTES 64
#define CONSOLE_INPUT_LIMIT_BYTES 4096

/* Features of every device, by bit; those of a model are in its file. */
#define FEATURE_INDIRECT (1ull << 28)
#define FEATURE_VERSION_1 (1ull << 32)
#define FEATURE_ACCESS_PLATFORM (1ull << 33)

#define STATUS_ACKNOWLEDGE 0x01u
#define STATUS_DRIVER 0x02u
#define STATUS_DRIVER_OK 0x04u
#define STATUS_FEATURES_OK 0x08u
#define STATUS_NEEDS_RESET 0x40u
#define STATUS_FAILED 0x80u

#define INTERRUPT_USED 0x1u
#define INTERRUPT_CONFIGURATION 0x2u

/* What a snapshot holds and a hash sees. */
struct device_state {
    uint64_t driver_features;
    uint32_t device_features_select;
    uint32_t driver_features_select;
    uint32_t features_beyond; /* the driver set features above bit 63 */
    uint32_t queue_select;
    uint32_t interrupt_status;
    uint32_t status;
    uint32_t configuration_generation;
    uint32_t active;
    uint32_t link_up;
    uint32_t input_size_bytes; /* consoles */
    uint64_t input_cycles;     /* consoles: since when input waits */
    uint64_t starved; /* input waits for buffers: nothing is due before the next notify */
    struct queue queues[QUEUE_COUNT];
    uint8_t input[CONSOLE_INPUT_LIMIT_BYTES];
};

struct device_counters {
    uint64_t request_count;
    uint64_t failed_count;
    uint64_t read_bytes;
    uint64_t written_bytes;
    uint64_t refused_count;
};

/* What a model answers. Queue `output_queue` carries requests; the other one, buffers for input. */
struct device_model {
    enum device_kind kind;
    uint32_t queue_count;
    uint32_t output_queue;
    uint32_t configuration_size_bytes;
    uint64_t (*features)(const struct device *device);
    void (*configuration)(const struct device *device, uint8_t bytes[CONFIGURATION_LIMIT_BYTES]);
    /* Carries a request out; false: the device is broken. Else what it wrote for the driver. */
    bool (*complete)(struct device *device, const struct chain *chain, uint32_t *written_bytes);
    /* When what waits for the driver is due; without input, NULL. */
    uint64_t (*input_due)(const struct device *device);
    /* Puts what waits into one buffer. */
    bool (*input)(struct device *device, const struct chain *chain, uint32_t *written_bytes);
    /* The medium's side of whether the device runs: active, driven and not broken. */
    void (*running)(struct device *device, bool running);
    void (*release)(struct device *device);
};

struct device {
    const struct device_environment *environment;
    const struct device_model *model;
    struct device_options options;
    char name[20]; /* blocks: not terminated when full */
    struct disk *disk;
    struct network_switch *medium;
    uint32_t port;
    struct device_state state;
    struct device_counters counters;
    char reason[DEVICE_REASON_LIMIT];
};

/* Fenced and reset; NULL without memory. */
struct device *device_new(const struct device_environment *environment,
                          const struct device_options *options, const struct device_model *model);
/* Keeps the reason if it is the first one since the last reset, and counts it. */
void device_refuse(struct device *device, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* As device_refuse; the device needs a reset and does nothing more before it. */
void device_break(struct device *device, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Interrupts, with the bits of the interrupt status that say why. */
void device_interrupt(struct device *device, uint32_t bits);
bool device_running(const struct device *device);
void device_configuration_changed(struct device *device);
/* A queue's notify: takes its requests, or knows that there are buffers again. */
void device_notify(struct device *device, uint32_t index);
/* As if every queue had been notified: the device has begun to run. */
void device_resume(struct device *device);

#endif
