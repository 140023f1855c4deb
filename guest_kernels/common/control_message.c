/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the guest's records of buses and devices, and the rules of what may follow what: nothing
 * before chipset_init, a device needs its bus, a bus outlives its devices. Bus 0 is nobody's to
 * create: on it are the devices whose registers the partition owns.
 */
#include "control_message.h"

#include "bytes.h"
#include "guid.h"
#include "shared_word.h"

#define CALL_OR_SUCCEED(control, operation, ...)                                                   \
    ((control)->operations->operation != 0 ? (control)->operations->operation(__VA_ARGS__)         \
                                           : (uint32_t)COMPLETION_success)

void control_payload_read(const struct control_client *control,
                          const struct control_message_header *header,
                          struct control_payload *payload)
{
    const volatile uint8_t *memory = (const volatile uint8_t *)control->channel.memory;
    uint64_t channel_size_bytes = control->channel.size_bytes;
    uint32_t size_bytes = header->payload_size_bytes;
    struct control_parameters copy;
    uint32_t name_size;

    memset(payload, 0, sizeof(*payload));
    payload->present = size_bytes != 0;
    if (size_bytes < sizeof(copy) || size_bytes > CONTROL_PAYLOAD_LIMIT ||
        size_bytes > channel_size_bytes ||
        header->payload_offset > channel_size_bytes - size_bytes) {
        return;
    }
    memory += (uintptr_t)header->payload_offset;
    shared_copy_in(&copy, memory, sizeof(copy));
    name_size = copy.name_size_bytes;
    if (copy.total_size_bytes != size_bytes || name_size > size_bytes ||
        (name_size != 0 &&
         (copy.name_offset < sizeof(copy) || copy.name_offset > size_bytes - name_size))) {
        return;
    }
    if (name_size > NAME_LIMIT - 1) {
        name_size = NAME_LIMIT - 1;
    }
    shared_copy_in(payload->name, memory + copy.name_offset, name_size);
    payload->id = copy.id;
    payload->valid = 1;
}

const struct control_bus *control_bus_find(const struct control_client *control, uint32_t bus)
{
    for (unsigned i = 0; i < CONTROL_BUS_LIMIT; i++) {
        if (control->buses[i].used && control->buses[i].number == bus) {
            return &control->buses[i];
        }
    }
    return 0;
}

const struct control_bus_device *control_device_find(const struct control_client *control,
                                                     uint32_t bus, uint32_t device)
{
    for (unsigned i = 0; i < CONTROL_DEVICE_LIMIT; i++) {
        if (control->devices[i].used && control->devices[i].bus == bus &&
            control->devices[i].number == device) {
            return &control->devices[i];
        }
    }
    return 0;
}

static struct control_bus *bus_find(struct control_client *control, uint32_t number)
{
    const struct control_bus *bus = control_bus_find(control, number);

    return bus == 0 ? 0 : &control->buses[bus - control->buses];
}

static struct control_bus_device *device_find(struct control_client *control, uint32_t bus,
                                              uint32_t number)
{
    const struct control_bus_device *device = control_device_find(control, bus, number);

    return device == 0 ? 0 : &control->devices[device - control->devices];
}

/* A channel's place must not wrap; whether it is the partition's, the monitor says. */
static uint32_t channel_check(uint64_t address, uint64_t size_bytes, uint64_t minimum_bytes)
{
    if (size_bytes < minimum_bytes) {
        return COMPLETION_channel_too_small;
    }
    if (address == 0 || address > UINT64_MAX - size_bytes) {
        return COMPLETION_channel_invalid;
    }
    return COMPLETION_success;
}

static uint32_t bus_create(struct control_client *control, const struct control_create_bus *packet,
                           uint32_t flags)
{
    struct control_bus *bus = bus_find(control, packet->bus);
    uint32_t status = channel_check(packet->channel_address, packet->channel_size_bytes,
                                    sizeof(struct vbus_channel));

    if (bus != 0) {
        return COMPLETION_already_done;
    }
    if (status != COMPLETION_success) {
        return status;
    }
    for (unsigned i = 0; bus == 0 && i < CONTROL_BUS_LIMIT; i++) {
        bus = control->buses[i].used ? 0 : &control->buses[i];
    }
    if (bus == 0) {
        return COMPLETION_buses_exhausted;
    }
    memset(bus, 0, sizeof(*bus));
    bus->used = 1;
    bus->number = packet->bus;
    bus->server = (flags & CONTROL_FLAG_server) != 0;
    bus->state = SEGMENT_STATE_RUNNING;
    bus->channel_address = packet->channel_address;
    bus->channel_size_bytes = packet->channel_size_bytes;
    bus->device_type = packet->device_type;
    bus->instance = packet->instance;
    status = CALL_OR_SUCCEED(control, bus_created, control->context, bus);
    bus->used = status == COMPLETION_success;
    return status;
}

static uint32_t bus_destroy(struct control_client *control,
                            const struct control_destroy_bus *packet)
{
    struct control_bus *bus = bus_find(control, packet->bus);
    uint32_t status;

    if (bus == 0) {
        return COMPLETION_bus_invalid;
    }
    for (unsigned i = 0; i < CONTROL_DEVICE_LIMIT; i++) {
        if (control->devices[i].used && control->devices[i].bus == packet->bus) {
            return COMPLETION_device_attached;
        }
    }
    status = CALL_OR_SUCCEED(control, bus_destroyed, control->context, bus);
    bus->used = status != COMPLETION_success;
    return status;
}

static uint32_t bus_configure(struct control_client *control,
                              const struct control_configure_bus *packet,
                              const struct control_payload *payload)
{
    struct control_bus *bus = bus_find(control, packet->bus);

    if (bus == 0) {
        return COMPLETION_bus_invalid;
    }
    if (payload->present && !payload->valid) {
        return COMPLETION_payload_invalid;
    }
    bus->guest_handle = packet->guest_handle;
    bus->client = payload->id;
    memcpy(bus->client_name, payload->name, sizeof(bus->client_name));
    return CALL_OR_SUCCEED(control, bus_configured, control->context, bus);
}

/* What has more than one path does not operate before it is said which one does. */
static uint16_t state_at_first(const struct guid *type)
{
    const struct guid *const types[] = {&guid_disk, &guid_network, &guid_virtio_block,
                                        &guid_virtio_network, &guid_virtio_console};

    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (guid_equal(type, types[i])) {
            return SEGMENT_STATE_PAUSED;
        }
    }
    return SEGMENT_STATE_RUNNING;
}

static uint32_t device_create(struct control_client *control,
                              const struct control_create_device *packet, uint32_t flags)
{
    struct control_bus_device *device = device_find(control, packet->bus, packet->device);
    int physical = packet->bus == CONTROL_BUS_PHYSICAL;
    uint32_t status = channel_check(packet->channel_address, packet->channel_size_bytes,
                                    physical ? PAGE_SIZE_BYTES : CHANNEL_HEADER_SIZE_BYTES);

    if (!physical && bus_find(control, packet->bus) == 0) {
        return COMPLETION_bus_invalid;
    }
    if (device != 0) {
        return COMPLETION_already_done;
    }
    if (status != COMPLETION_success) {
        return status;
    }
    for (unsigned i = 0; device == 0 && i < CONTROL_DEVICE_LIMIT; i++) {
        device = control->devices[i].used ? 0 : &control->devices[i];
    }
    if (device == 0) {
        return COMPLETION_devices_exhausted;
    }
    memset(device, 0, sizeof(*device));
    device->used = 1;
    device->bus = packet->bus;
    device->number = packet->device;
    device->server = (flags & CONTROL_FLAG_server) != 0;
    device->state = state_at_first(&packet->type);
    device->channel_address = packet->channel_address;
    device->channel_size_bytes = packet->channel_size_bytes;
    device->type = packet->type;
    device->instance = packet->instance;
    device->interrupt = packet->interrupt;
    status = CALL_OR_SUCCEED(control, device_created, control->context, device);
    device->used = status == COMPLETION_success;
    return status;
}

static uint32_t device_destroy(struct control_client *control, const struct control_device *packet)
{
    struct control_bus_device *device = device_find(control, packet->bus, packet->device);
    uint32_t status;

    if (device == 0) {
        return COMPLETION_device_invalid;
    }
    status = CALL_OR_SUCCEED(control, device_destroyed, control->context, device);
    device->used = status != COMPLETION_success;
    return status;
}

static uint32_t device_configure(struct control_client *control,
                                 const struct control_device *packet)
{
    return device_find(control, packet->bus, packet->device) != 0 ? COMPLETION_success
                                                                  : COMPLETION_device_invalid;
}

static uint32_t device_change(struct control_client *control,
                              const struct control_device_change_state *packet, uint8_t *answer)
{
    struct control_bus_device *device = device_find(control, packet->bus, packet->device);
    struct control_device_change_state reply;
    uint16_t old;
    uint32_t status;

    memset(&reply, 0, sizeof(reply));
    reply.bus = packet->bus;
    reply.device = packet->device;
    reply.state = packet->state;
    memcpy(answer, &reply, sizeof(reply));
    if (device == 0) {
        return COMPLETION_device_invalid;
    }
    old = device->state;
    device->state = packet->state;
    status = CALL_OR_SUCCEED(control, device_changed, control->context, device);
    if (status != COMPLETION_success) {
        device->state = old;
    }
    return status;
}

static uint32_t chipset_init(struct control_client *control,
                             const struct control_init_chipset *packet, uint8_t *answer)
{
    struct control_init_chipset reply;

    if (control->initialised) {
        return COMPLETION_already_done;
    }
    if (packet->switch_count != 0) {
        return COMPLETION_switch_count_nonzero;
    }
    control->initialised = 1;
    reply = *packet;
    reply.features = CHIPSET_FEATURE_reply | (packet->features & CHIPSET_FEATURE_hot_plug);
    memcpy(answer, &reply, sizeof(reply));
    return COMPLETION_success;
}

static uint32_t chipset_message_do(struct control_client *control, uint32_t id)
{
    switch (id) {
    case CONTROL_chipset_ready:
        control->ready = 1;
        return CALL_OR_SUCCEED(control, chipset_ready, control->context);
    case CONTROL_chipset_stop:
        control->ready = 0;
        return CALL_OR_SUCCEED(control, chipset_stopped, control->context);
    case CONTROL_chipset_selftest:
        return CALL_OR_SUCCEED(control, chipset_tested, control->context);
    default:
        return COMPLETION_id_unknown;
    }
}

/* The packet is a copy of this end's own: every structure fits it, at an address that serves. */
union packet {
    uint8_t bytes[CONTROL_PACKET_SIZE_BYTES];
    struct control_create_bus create_bus;
    struct control_destroy_bus destroy_bus;
    struct control_configure_bus configure_bus;
    struct control_create_device create_device;
    struct control_device device;
    struct control_device_change_state change_state;
    struct control_init_chipset init_chipset;
};

static uint32_t device_message_do(struct control_client *control, uint32_t id, uint32_t flags,
                                  const union packet *packet, uint8_t *answer)
{
    switch (id) {
    case CONTROL_device_create:
        return device_create(control, &packet->create_device, flags);
    case CONTROL_device_destroy:
        return device_destroy(control, &packet->device);
    case CONTROL_device_configure:
        return device_configure(control, &packet->device);
    case CONTROL_device_change_state:
        return device_change(control, &packet->change_state, answer);
    case CONTROL_device_reconfigure:
        return COMPLETION_id_invalid_for_client; /* the boot partition's */
    default:
        return chipset_message_do(control, id);
    }
}

uint32_t control_message_do(struct control_client *control, const struct control_message *message,
                            const struct control_payload *payload, uint8_t *answer)
{
    uint32_t id = message->header.id;
    uint32_t flags = message->header.flags;
    union packet packet;

    memcpy(packet.bytes, message->packet, sizeof(packet.bytes));
    if (id == CONTROL_chipset_init) {
        return chipset_init(control, &packet.init_chipset, answer);
    }
    if (!control->initialised) {
        return COMPLETION_expected_chipset_init;
    }
    switch (id) {
    case CONTROL_bus_create:
        return bus_create(control, &packet.create_bus, flags);
    case CONTROL_bus_destroy:
        return bus_destroy(control, &packet.destroy_bus);
    case CONTROL_bus_configure:
        return bus_configure(control, &packet.configure_bus, payload);
    default:
        return device_message_do(control, id, flags, &packet, answer);
    }
}
