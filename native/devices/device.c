/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a device: made, active or fenced, broken, due and acting, reset, saved and hashed.
 * Registers are in virtio_mmio.c, rings in virtqueue.c; what a request means only models know.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "state.h"

#define SAVED_MAGIC 0x3130564544565500ull

struct device *device_new(const struct device_environment *environment,
                          const struct device_options *options, const struct device_model *model)
{
    struct device *device = calloc(1, sizeof *device);
    if (device != NULL) {
        device->environment = environment;
        device->model = model;
        device->options = *options;
        if (options->name != NULL) {
            size_t length = strlen(options->name);
            memcpy(device->name, options->name, length < 20 ? length : 20);
        }
        device->options.name = NULL;
        device->state.link_up = 1;
    }
    return device;
}

void device_free(struct device *device)
{
    if (device != NULL) {
        device->model->running(device, false);
        device->model->release(device);
        free(device);
    }
}

bool device_running(const struct device *device)
{
    const struct device_state *state = &device->state;
    return state->active != 0 && (state->status & STATUS_DRIVER_OK) != 0 &&
           (state->status & (STATUS_NEEDS_RESET | STATUS_FAILED)) == 0;
}

static void reason_keep(struct device *device, const char *format, va_list arguments)
{
    device->counters.refused_count++;
    if (device->reason[0] == '\0') {
        (void)vsnprintf(device->reason, sizeof device->reason, format, arguments);
    }
}

void device_refuse(struct device *device, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    reason_keep(device, format, arguments);
    va_end(arguments);
}

void device_break(struct device *device, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    reason_keep(device, format, arguments);
    va_end(arguments);
    if ((device->state.status & STATUS_NEEDS_RESET) == 0) {
        device->state.status |= STATUS_NEEDS_RESET;
        device->model->running(device, false);
        /* A driver that is not yet ready is not to be notified (virtio 1.2, 2.1.2). */
        if ((device->state.status & STATUS_DRIVER_OK) != 0) {
            device_interrupt(device, INTERRUPT_CONFIGURATION);
        }
    }
}

void device_interrupt(struct device *device, uint32_t bits)
{
    device->state.interrupt_status |= bits;
    if (device->state.active != 0) {
        device->environment->interrupt(device->environment->machine, device->options.id);
    }
}

void device_configuration_changed(struct device *device)
{
    device->state.configuration_generation++;
    if ((device->state.status & STATUS_DRIVER_OK) != 0) {
        device_interrupt(device, INTERRUPT_CONFIGURATION);
    }
}

static uint64_t queue_due(const struct device *device, const struct queue *queue)
{
    const struct device_model *model = device->model;
    if (queue->ready == 0) {
        return DEVICE_NEVER;
    }
    if (queue == &device->state.queues[model->output_queue]) {
        return queue->request_count != 0 ? queue->requests[0].due_cycles : DEVICE_NEVER;
    }
    return device->state.starved == 0 ? model->input_due(device) : DEVICE_NEVER;
}

uint64_t device_due(const struct device *device)
{
    uint64_t due = DEVICE_NEVER;
    for (uint32_t index = 0; device_running(device) && index < device->model->queue_count;
         index++) {
        uint64_t one = queue_due(device, &device->state.queues[index]);
        due = one < due ? one : due;
    }
    return due;
}

/* Completes the oldest requests, in order, up to the first that is not due. */
static bool requests_act(struct device *device, struct queue *queue, uint64_t now)
{
    struct chain chain;
    uint32_t done = 0;
    bool whole = true;
    while (whole && done < queue->request_count && queue->requests[done].due_cycles <= now) {
        uint16_t head = (uint16_t)queue->requests[done].head;
        uint32_t written_bytes = 0;
        whole = queue_walk(device, queue, head, &chain) &&
                device->model->complete(device, &chain, &written_bytes) &&
                queue_use(device, queue, head, written_bytes);
        done += whole ? 1 : 0;
    }
    queue_forget(queue, done);
    return done != 0;
}

/* At most as many buffers as the queue has: what then still waits is due again. */
static bool input_act(struct device *device, struct queue *queue, uint64_t now)
{
    struct chain chain;
    uint32_t done = 0;
    while (done < queue->size && device_running(device) && queue_due(device, queue) <= now) {
        uint32_t written_bytes = 0;
        uint16_t head;
        if (!queue_take_one(device, queue, &head)) {
            device->state.starved = 1;
            break;
        }
        if (!queue_walk(device, queue, head, &chain) ||
            !device->model->input(device, &chain, &written_bytes) ||
            !queue_use(device, queue, head, written_bytes)) {
            break;
        }
        done++;
    }
    return done != 0;
}

void device_act(struct device *device)
{
    uint64_t now = device->environment->now(device->environment->machine);
    bool wanted = false;
    for (uint32_t index = 0; index < device->model->queue_count; index++) {
        struct queue *queue = &device->state.queues[index];
        if (device_running(device) && queue->ready != 0) {
            bool output = index == device->model->output_queue;
            bool used = output ? requests_act(device, queue, now) : input_act(device, queue, now);
            wanted = (used && queue_wants_interrupt(device, queue)) || wanted;
        }
    }
    if (wanted) {
        device_interrupt(device, INTERRUPT_USED);
    }
}

void device_fence(struct device *device, bool active)
{
    if ((device->state.active != 0) == active) {
        return;
    }
    device->state.active = active;
    device->model->running(device, device_running(device));
    if (active) {
        device_resume(device);
        if (device->state.interrupt_status != 0) {
            device_interrupt(device, 0); /* what nobody was told while it was fenced */
        }
    }
}

void device_resume(struct device *device)
{
    for (uint32_t index = 0; index < device->model->queue_count; index++) {
        if (device_running(device) && device->state.queues[index].ready != 0) {
            device_notify(device, index);
        }
    }
}

void device_notify(struct device *device, uint32_t index)
{
    if (index != device->model->output_queue) {
        device->state.starved = 0;
        return;
    }
    uint64_t now = device->environment->now(device->environment->machine);
    (void)queue_take(device, &device->state.queues[index], now + device->options.latency_cycles);
}

void device_reset(struct device *device)
{
    struct device_state *state = &device->state;
    struct device_state kept = {
        .active = state->active,
        .link_up = state->link_up,
        .configuration_generation = state->configuration_generation,
        .input_size_bytes = state->input_size_bytes,
        .input_cycles = state->input_cycles,
    };
    memcpy(kept.input, state->input, sizeof kept.input);
    *state = kept;
    device->reason[0] = '\0';
    device->model->running(device, false);
}

void device_link_set(struct device *device, bool up)
{
    if (device->model->kind == DEVICE_KIND_network && (device->state.link_up != 0) != up) {
        device->state.link_up = up;
        device->model->running(device, device_running(device));
        device_configuration_changed(device);
    }
}

void device_report_read(const struct device *device, struct device_report *report)
{
    memset(report, 0, sizeof *report);
    report->kind = device->model->kind;
    report->id = device->options.id;
    report->status = device->state.status;
    report->active = device->state.active != 0;
    report->link_up = device->state.link_up != 0;
    report->request_count = device->counters.request_count;
    report->failed_count = device->counters.failed_count;
    report->read_bytes = device->counters.read_bytes;
    report->written_bytes = device->counters.written_bytes;
    report->in_flight_count = device->state.queues[device->model->output_queue].request_count;
    report->refused_count = device->counters.refused_count;
    memcpy(report->reason, device->reason, sizeof report->reason);
}

/* Of all that two devices must have in common to read each other's state. */
static uint64_t identity_hash(const struct device *device)
{
    const struct device_options *options = &device->options;
    uint64_t words[] = {SAVED_MAGIC, (uint64_t)device->model->kind, options->id,
                        options->latency_cycles, options->frame_limit_bytes};
    uint64_t hash = state_hash(words, sizeof words, sizeof device->state);
    hash = state_hash(options->address, sizeof options->address, hash);
    return state_hash(device->name, sizeof device->name, hash);
}

size_t device_save(const struct device *device, uint8_t *buffer, size_t capacity)
{
    struct state_writer writer = {buffer, capacity, 0};
    uint64_t identity = identity_hash(device);
    state_put(&writer, &identity, sizeof identity);
    state_put(&writer, &device->state, sizeof device->state);
    state_put(&writer, &device->counters, sizeof device->counters);
    state_put(&writer, device->reason, sizeof device->reason);
    return writer.size_bytes;
}

static bool state_sound(const struct device *device, const struct device_state *state)
{
    bool sound = state->input_size_bytes <= CONSOLE_INPUT_LIMIT_BYTES;
    for (uint32_t index = 0; index < QUEUE_COUNT; index++) {
        const struct queue *queue = &state->queues[index];
        uint16_t taken = (uint16_t)(queue->available_next - queue->used_next);
        bool idle = queue->ready == 0 && queue->request_count == 0;
        sound = sound && queue->size <= QUEUE_SIZE_MAXIMUM;
        sound = sound && (idle || (queue->ready == 1 && index < device->model->queue_count &&
                                   queue_valid(queue) && queue->request_count <= queue->size &&
                                   queue->request_count <= taken && taken <= queue->size));
    }
    return sound;
}

bool device_load(struct device *device, const uint8_t *buffer, size_t size_bytes)
{
    struct state_reader reader = {buffer, size_bytes, false};
    uint64_t identity = 0;
    struct device_state state;
    struct device_counters counters;
    char reason[DEVICE_REASON_LIMIT];
    (void)state_get(&reader, &identity, sizeof identity);
    (void)state_get(&reader, &state, sizeof state);
    (void)state_get(&reader, &counters, sizeof counters);
    (void)state_get(&reader, reason, sizeof reason);
    if (reader.failed || reader.rest_bytes != 0 || identity != identity_hash(device) ||
        !state_sound(device, &state) || reason[DEVICE_REASON_LIMIT - 1] != '\0') {
        return false;
    }
    device->state = state;
    device->counters = counters;
    memcpy(device->reason, reason, sizeof reason);
    device->model->running(device, device_running(device));
    return true;
}

uint64_t device_hash(const struct device *device)
{
    return state_hash(&device->state, sizeof device->state, identity_hash(device));
}
