/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the messages and what is wrong with one. Knows nothing of the control channel.
 */
#include "conversation.h"

#include "bytes.h"
#include "channel_server.h"
#include "hypercall.h"

#define VERSION 1u
#define SLOT_COUNT 64u
#define WORD_COUNT 10u
#define WINDOW 16u /* messages that may be on their way */
#define STEP_LIMIT 64u

enum message_kind { MESSAGE_say = 1, MESSAGE_answer = 2, MESSAGE_end = 3, MESSAGE_ended = 4 };

struct message {
    uint64_t number;
    uint32_t kind;
    uint32_t sum;
    uint32_t words[WORD_COUNT];
};

static uint32_t word_of(const struct message *message, uint32_t index)
{
    return ((uint32_t)message->number * 2654435761u + message->kind) ^ (index * 40503u);
}

static uint32_t sum_of(const struct message *message)
{
    uint32_t sum = message->kind;

    for (uint32_t i = 0; i < WORD_COUNT; i++) {
        sum = sum * 31 + message->words[i];
    }
    return sum;
}

static void message_fill(struct message *message, enum message_kind kind, uint64_t number)
{
    memset(message, 0, sizeof(*message));
    message->number = number;
    message->kind = kind;
    for (uint32_t i = 0; i < WORD_COUNT; i++) {
        message->words[i] = word_of(message, i);
    }
    message->sum = sum_of(message);
}

static int message_is_whole(const struct message *message)
{
    int whole = message->sum == sum_of(message);

    for (uint32_t i = 0; i < WORD_COUNT; i++) {
        whole &= message->words[i] == word_of(message, i);
    }
    return whole;
}

static void break_off(struct conversation *talk, const char *reason)
{
    talk->state = CONVERSATION_broken;
    talk->broken_count++;
    talk->reason = reason;
}

/* Who polls needs no event, and says so in the features: a client may. */
static void wake(const struct conversation *talk)
{
    if (talk->place.port != 0 &&
        (!talk->server || (channel_features(&talk->channel) & CHANNEL_FEATURE_polling) == 0)) {
        (void)hypercall_event_send(talk->place.port);
    }
}

/* There is room: it has been looked at. */
static void say(struct conversation *talk, enum message_kind kind, uint64_t number)
{
    struct message message;
    enum queue_insertion inserted;

    message_fill(&message, kind, number);
    inserted = queue_insert(&talk->out, &message);
    if (inserted == QUEUE_INSERTION_notify) {
        wake(talk);
    } else if (inserted == QUEUE_INSERTION_broken) {
        break_off(talk, "an index is no slot");
    }
}

static int channel_open(struct conversation *talk)
{
    uint32_t out = talk->server ? CHANNEL_QUEUE_TO_CLIENT : CHANNEL_QUEUE_TO_SERVER;
    uint32_t in = talk->server ? CHANNEL_QUEUE_TO_SERVER : CHANNEL_QUEUE_TO_CLIENT;

    if (channel_attach(&talk->channel, channel_pointer(&talk->place), talk->place.size_bytes,
                       &talk->type, VERSION,
                       CHANNEL_HEADER_SIZE_BYTES) != CHANNEL_ATTACHMENT_done) {
        return 0;
    }
    if (!channel_producer(&talk->channel, out, &talk->out) ||
        !channel_consumer(&talk->channel, in, &talk->in) ||
        talk->out.signal_size_bytes != sizeof(struct message) ||
        talk->in.signal_size_bytes != sizeof(struct message)) {
        break_off(talk, "its queues do not fit");
        return 0;
    }
    if (!talk->server && channel_acquire(&talk->channel) != 0) {
        break_off(talk, "it is not to be had");
        return 0;
    }
    talk->state = CONVERSATION_open;
    return 1;
}

static void serve(struct conversation *talk)
{
    const struct channel_design design = {
        .type = talk->type,
        .version = VERSION,
        .signal_size_bytes = sizeof(struct message),
        .slot_count = SLOT_COUNT,
        .size_bytes = talk->place.size_bytes,
    };

    if (!channel_build(channel_pointer(&talk->place), &design)) {
        break_off(talk, "it is too small");
    } else if (channel_open(talk)) {
        talk->said = 0;
        wake(talk);
    }
}

void conversation_begin(struct conversation *talk)
{
    talk->state = CONVERSATION_waiting;
    if (talk->server) {
        serve(talk);
    }
}

void conversation_pause(struct conversation *talk, int away)
{
    if (away && (talk->state == CONVERSATION_open || talk->state == CONVERSATION_waiting)) {
        talk->state = CONVERSATION_away;
    } else if (!away && talk->state == CONVERSATION_away) {
        talk->state = talk->out.header == 0 ? CONVERSATION_waiting : CONVERSATION_open;
    }
}

void conversation_lose(struct conversation *talk)
{
    if (talk->state == CONVERSATION_open || talk->state == CONVERSATION_away) {
        talk->lost_count++;
    }
    talk->state = CONVERSATION_none;
    memset(&talk->out, 0, sizeof(talk->out));
    memset(&talk->in, 0, sizeof(talk->in));
}

/* 1: a whole message, of one of two kinds. */
static int hear(struct conversation *talk, struct message *message, uint32_t kind, uint32_t last)
{
    enum queue_removal removed = queue_remove(&talk->in, message);

    if (removed == QUEUE_REMOVAL_broken) {
        break_off(talk, "an index is no slot");
    } else if (removed == QUEUE_REMOVAL_signal &&
               (!message_is_whole(message) || (message->kind != kind && message->kind != last))) {
        break_off(talk, "a message is none");
    }
    return removed == QUEUE_REMOVAL_signal && talk->state == CONVERSATION_open;
}

/* A server hears any first number, for its client may have had another server before. */
static int serve_one(struct conversation *talk)
{
    struct message message;

    if (!queue_has_room(&talk->out) || !hear(talk, &message, MESSAGE_say, MESSAGE_end)) {
        return 0;
    }
    if (talk->said != 0 && message.number != talk->said + 1) {
        break_off(talk, "a message is missing");
        return 0;
    }
    talk->said = message.number;
    if (message.kind == MESSAGE_end) {
        say(talk, MESSAGE_ended, message.number);
        talk->ended_count++;
        talk->state = CONVERSATION_ended;
    } else {
        talk->heard_count++;
        say(talk, MESSAGE_answer, message.number);
    }
    return 1;
}

static int client_say(struct conversation *talk)
{
    uint64_t last = talk->message_count + 1;

    if (talk->said >= last || talk->said - talk->answered >= WINDOW ||
        !queue_has_room(&talk->out)) {
        return 0;
    }
    talk->said++;
    say(talk, talk->said == last ? MESSAGE_end : MESSAGE_say, talk->said);
    return 1;
}

static int client_hear(struct conversation *talk)
{
    struct message message;

    if (!hear(talk, &message, MESSAGE_answer, MESSAGE_ended)) {
        return 0;
    }
    if (message.number != talk->answered + 1 || message.number > talk->said ||
        (message.kind == MESSAGE_ended) != (message.number == talk->message_count + 1)) {
        break_off(talk, "an answer is missing");
        return 0;
    }
    talk->answered = message.number;
    if (message.kind == MESSAGE_ended) {
        talk->ended_count++;
        talk->state = CONVERSATION_ended;
        channel_release(&talk->channel);
    }
    return 1;
}

static int client_open(struct conversation *talk)
{
    if (!channel_open(talk)) {
        return 0;
    }
    if (talk->polls) {
        channel_features_add(&talk->channel, CHANNEL_FEATURE_polling);
    }
    /* What no server has answered is said again, to this one. */
    talk->said = talk->answered;
    return 1;
}

int conversation_step(struct conversation *talk)
{
    int done = 0;

    if (talk->state == CONVERSATION_waiting && !talk->server) {
        done = client_open(talk);
    }
    for (unsigned i = 0; i < STEP_LIMIT && talk->state == CONVERSATION_open; i++) {
        int some = talk->server ? serve_one(talk) : client_say(talk);

        if (!talk->server && talk->state == CONVERSATION_open) {
            some |= client_hear(talk);
        }
        if (!some) {
            break;
        }
        done = 1;
    }
    return done;
}
