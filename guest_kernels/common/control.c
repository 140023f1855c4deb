/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the guest's end of its control channel: taking, acknowledging and answering messages.
 * What each message does to buses and devices is in control_message.c.
 */
#include "control.h"

#include "bytes.h"
#include "control_message.h"
#include "guid.h"

/* Of one poll: a hostile end that goes on sending does not keep its caller. */
#define POLL_LIMIT CONTROL_MESSAGE_COUNT

int control_attach(struct control_client *control, volatile void *memory, uint64_t available_bytes,
                   const struct control_operations *operations, void *context)
{
    const struct signal_queue *queues[] = {&control->requests, &control->responses,
                                           &control->events, &control->acknowledgements};

    memset(control, 0, sizeof(*control));
    control->operations = operations;
    control->context = context;
    if (available_bytes < CHANNEL_HEADER_SIZE_BYTES ||
        channel_attach(&control->channel, memory, available_bytes, &guid_control,
                       CHANNEL_VERSION_CONTROL, CONTROL_CHANNEL_SIZE_BYTES) != 0 ||
        !channel_producer(&control->channel, CONTROL_QUEUE_REQUEST, &control->requests) ||
        !channel_consumer(&control->channel, CONTROL_QUEUE_RESPONSE, &control->responses) ||
        !channel_consumer(&control->channel, CONTROL_QUEUE_EVENT, &control->events) ||
        !channel_producer(&control->channel, CONTROL_QUEUE_EVENT_ACK, &control->acknowledgements)) {
        return 0;
    }
    for (unsigned i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
        if (queues[i]->signal_size_bytes != CONTROL_MESSAGE_SIZE_BYTES) {
            return 0;
        }
    }
    return 1;
}

static int control_send(struct control_client *control, struct signal_queue *queue,
                        const struct control_message *message)
{
    enum queue_insertion inserted = queue_insert(queue, message);

    if (inserted == QUEUE_INSERTION_notify && control->operations->notify != 0) {
        control->operations->notify(control->context);
    }
    return inserted > 0;
}

/* A copy of the header, as published: without payload, with how it went. */
static void control_reply_begin(const struct control_message *message, uint32_t status,
                                struct control_message *reply)
{
    memset(reply, 0, sizeof(*reply));
    reply->header = message->header;
    reply->header.message_size_bytes = CONTROL_MESSAGE_SIZE_BYTES;
    reply->header.completion_status = status;
    reply->header.payload_offset = 0;
    reply->header.payload_limit_bytes = 0;
    reply->header.payload_size_bytes = 0;
    if (status != COMPLETION_success) {
        reply->header.flags |= CONTROL_FLAG_failed;
    }
}

static void control_do(struct control_client *control, const struct control_message *message)
{
    struct control_payload payload;
    struct control_message reply;
    uint32_t status;

    /* The payload is the sender's again when the message has been acknowledged. */
    control_payload_read(control, &message->header, &payload);
    control_reply_begin(message, COMPLETION_success, &reply);
    control_send(control, &control->acknowledgements, &reply);
    status = control_message_do(control, message, &payload, reply.packet);
    if ((message->header.flags & CONTROL_FLAG_response_expected) != 0) {
        uint8_t packet[CONTROL_PACKET_SIZE_BYTES];

        memcpy(packet, reply.packet, sizeof(packet));
        control_reply_begin(message, status, &reply);
        memcpy(reply.packet, packet, sizeof(packet));
        control_send(control, &control->requests, &reply);
    }
}

static int control_broken(const struct control_client *control)
{
    return (control->requests.broken | control->responses.broken | control->events.broken |
            control->acknowledgements.broken) != 0;
}

int32_t control_poll(struct control_client *control)
{
    struct control_message message;
    int32_t done = 0;

    for (unsigned i = 0; i < POLL_LIMIT; i++) {
        if (queue_remove(&control->responses, &message) != QUEUE_REMOVAL_signal) {
            break;
        }
    }
    while (done < POLL_LIMIT && queue_has_room(&control->acknowledgements) &&
           queue_has_room(&control->requests) &&
           queue_remove(&control->events, &message) == QUEUE_REMOVAL_signal) {
        control_do(control, &message);
        done++;
    }
    return control_broken(control) ? -1 : done;
}

int control_tell_device_state(struct control_client *control, uint32_t bus, uint32_t device,
                              uint16_t state)
{
    struct control_message message;
    struct control_device_change_state packet;

    memset(&message, 0, sizeof(message));
    memset(&packet, 0, sizeof(packet));
    message.header.id = CONTROL_device_change_state_event;
    message.header.message_size_bytes = CONTROL_MESSAGE_SIZE_BYTES;
    packet.bus = bus;
    packet.device = device;
    packet.state = state;
    memcpy(message.packet, &packet, sizeof(packet));
    return control_send(control, &control->requests, &message);
}
