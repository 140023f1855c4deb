/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console device of virtio 1.2, section 5.3, with a single port: bytes out through the
 * environment, bytes in through device_input. It has no size and no control queues.
 */
#include <string.h>

#include "model.h"

#define RECEIVE_QUEUE 0u
#define TRANSMIT_QUEUE 1u
#define CONSOLE_WRITE_LIMIT_BYTES 65536u /* of one buffer */

static uint64_t console_features(const struct device *device)
{
    (void)device;
    return 0;
}

static void console_configuration(const struct device *device,
                                  uint8_t bytes[CONFIGURATION_LIMIT_BYTES])
{
    (void)device;
    (void)bytes;
}

static int output_piece(void *context, uint8_t *data, uint64_t size_bytes)
{
    struct device *device = context;
    const struct device_environment *environment = device->environment;
    environment->output(environment->machine, device->options.id, data, (uint32_t)size_bytes);
    return 0;
}

static bool console_write(struct device *device, const struct chain *chain, uint32_t *written_bytes)
{
    if (chain->writable_bytes != 0 || chain->readable_bytes > CONSOLE_WRITE_LIMIT_BYTES) {
        device_break(device, "output of %llu readable and %llu writable bytes",
                     (unsigned long long)chain->readable_bytes,
                     (unsigned long long)chain->writable_bytes);
        return false;
    }
    if (chain_visit(device, chain, false, 0, chain->readable_bytes, NULL, NULL) != 0) {
        device_break(device, "output: address refused");
        return false;
    }
    (void)chain_visit(device, chain, false, 0, chain->readable_bytes, output_piece, device);
    device->counters.request_count++;
    device->counters.written_bytes += chain->readable_bytes;
    *written_bytes = 0;
    return true;
}

static uint64_t console_due(const struct device *device)
{
    const struct device_state *state = &device->state;
    return state->input_size_bytes == 0 ? DEVICE_NEVER
                                        : state->input_cycles + device->options.latency_cycles;
}

static bool console_read(struct device *device, const struct chain *chain, uint32_t *written_bytes)
{
    struct device_state *state = &device->state;
    uint64_t room = chain->writable_bytes;
    uint32_t size_bytes = room < state->input_size_bytes ? (uint32_t)room : state->input_size_bytes;
    if (chain->readable_count != 0 || !chain_write(device, chain, 0, state->input, size_bytes)) {
        device_break(device, chain->readable_count != 0 ? "readable buffer for input"
                                                        : "buffer for input: address refused");
        return false;
    }
    state->input_size_bytes -= size_bytes;
    state->input_cycles = state->input_size_bytes != 0 ? state->input_cycles : 0;
    memmove(state->input, state->input + size_bytes, state->input_size_bytes);
    memset(state->input + state->input_size_bytes, 0, size_bytes);
    device->counters.request_count++;
    device->counters.read_bytes += size_bytes;
    *written_bytes = size_bytes;
    return true;
}

size_t device_input(struct device *device, const uint8_t *data, size_t size_bytes)
{
    struct device_state *state = &device->state;
    size_t room = CONSOLE_INPUT_LIMIT_BYTES - state->input_size_bytes;
    size_t taken = size_bytes < room ? size_bytes : room;
    if (device->model->kind != DEVICE_KIND_console || taken == 0) {
        return 0;
    }
    if (state->input_size_bytes == 0) {
        state->input_cycles = device->environment->now(device->environment->machine);
    }
    memcpy(state->input + state->input_size_bytes, data, taken);
    state->input_size_bytes += (uint32_t)taken;
    return taken;
}

static void console_running(struct device *device, bool running)
{
    (void)device;
    (void)running;
}

static void console_release(struct device *device)
{
    (void)device;
}

static const struct device_model console_model = {
    .kind = DEVICE_KIND_console,
    .queue_count = 2,
    .output_queue = TRANSMIT_QUEUE,
    .configuration_size_bytes = 0,
    .features = console_features,
    .configuration = console_configuration,
    .complete = console_write,
    .input_due = console_due,
    .input = console_read,
    .running = console_running,
    .release = console_release,
};

struct device *device_new_console(const struct device_environment *environment,
                                  const struct device_options *options)
{
    return device_new(environment, options, &console_model);
}
