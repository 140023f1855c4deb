/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns echo: questions of others, which are answered, and one's own, until they end.
 */
#include "bytes.h"
#include "checksum.h"
#include "internet_layers.h"
#include "wire.h"

#define ICMP_HEADER_SIZE_BYTES 8u
#define ICMP_TYPE_ECHO_REPLY 0u
#define ICMP_TYPE_ECHO 8u

/* Where its fields begin. */
#define ICMP_CODE 1
#define ICMP_CHECKSUM 2
#define ICMP_IDENTIFIER 4
#define ICMP_SEQUENCE 6

/* The message's data are in their place. */
static int echo_send(struct internet *internet, uint32_t type, uint32_t destination,
                     uint32_t size_bytes)
{
    uint8_t *message = ipv4_data(internet);

    message[0] = (uint8_t)type;
    message[ICMP_CODE] = 0;
    wire_write_16(message + ICMP_CHECKSUM, 0);
    wire_write_16(message + ICMP_CHECKSUM, checksum_end(checksum_add(0, message, size_bytes)));
    return ipv4_send(internet, IPV4_PROTOCOL_ICMP, destination, size_bytes);
}

static void echo_answer(struct internet *internet, const struct ipv4_packet *packet)
{
    /* A question to all is not answered by all: RFC 1122, section 3.2.2.6. */
    if (packet->is_broadcast || packet->size_bytes > ipv4_data_limit_bytes(internet)) {
        internet->counters.others++;
        return;
    }
    memcpy(ipv4_data(internet), packet->data, packet->size_bytes);
    internet->counters.echoed +=
        (uint64_t)echo_send(internet, ICMP_TYPE_ECHO_REPLY, packet->source, packet->size_bytes);
}

static uint8_t echo_byte(const struct internet_echo *echo, uint32_t index)
{
    return (uint8_t)(echo->sequence + index);
}

static int echo_is_answered(const struct internet_echo *echo, const struct ipv4_packet *packet)
{
    if (packet->source != echo->destination ||
        packet->size_bytes != ICMP_HEADER_SIZE_BYTES + echo->size_bytes ||
        wire_read_16(packet->data + ICMP_IDENTIFIER) != echo->identifier ||
        wire_read_16(packet->data + ICMP_SEQUENCE) != echo->sequence) {
        return 0;
    }
    for (uint32_t i = 0; i < echo->size_bytes; i++) {
        if (packet->data[ICMP_HEADER_SIZE_BYTES + i] != echo_byte(echo, i)) {
            return 0;
        }
    }
    return 1;
}

/* `link` is what leads to it. */
static void echo_end(struct internet_echo **link, enum internet_echo_status status)
{
    struct internet_echo *echo = *link;

    *link = echo->next;
    echo->status = status;
    if (echo->ended != 0) {
        echo->ended(echo);
    }
}

static void answer_take(struct internet *internet, const struct ipv4_packet *packet)
{
    struct internet_echo **link = &internet->echoes;

    while (*link != 0 && !echo_is_answered(*link, packet)) {
        link = &(*link)->next;
    }
    if (*link == 0) {
        internet->counters.stray++;
        return;
    }
    echo_end(link, INTERNET_ECHO_answered);
}

void icmp_receive(struct internet *internet, const struct ipv4_packet *packet)
{
    if (packet->size_bytes < ICMP_HEADER_SIZE_BYTES ||
        checksum_end(checksum_add(0, packet->data, packet->size_bytes)) != 0) {
        internet->counters.wrong++;
    } else if (packet->data[0] == ICMP_TYPE_ECHO && packet->data[ICMP_CODE] == 0) {
        echo_answer(internet, packet);
    } else if (packet->data[0] == ICMP_TYPE_ECHO_REPLY && packet->data[ICMP_CODE] == 0) {
        answer_take(internet, packet);
    } else {
        internet->counters.unknown++;
    }
}

int internet_ask_echo(struct internet *internet, struct internet_echo *echo)
{
    uint8_t *message = ipv4_data(internet);
    struct internet_echo **link = &internet->echoes;

    if (echo->size_bytes > INTERNET_DATA_LIMIT_BYTES ||
        ipv4_is_broadcast(internet, echo->destination)) {
        return 0;
    }
    echo->identifier = ++internet->echo_identifier;
    wire_write_16(message + ICMP_IDENTIFIER, echo->identifier);
    wire_write_16(message + ICMP_SEQUENCE, echo->sequence);
    for (uint32_t i = 0; i < echo->size_bytes; i++) {
        message[ICMP_HEADER_SIZE_BYTES + i] = echo_byte(echo, i);
    }
    if (!echo_send(internet, ICMP_TYPE_ECHO, echo->destination,
                   ICMP_HEADER_SIZE_BYTES + echo->size_bytes)) {
        return 0;
    }
    echo->status = INTERNET_ECHO_waiting;
    echo->ticks = 0;
    echo->next = 0;
    while (*link != 0) {
        link = &(*link)->next;
    }
    *link = echo;
    return 1;
}

/* Those that end may ask again, and do so at the end of the list: it is gone through once. */
void icmp_tick(struct internet *internet)
{
    for (struct internet_echo *echo = internet->echoes; echo != 0; echo = echo->next) {
        echo->ticks++;
    }
    for (;;) {
        struct internet_echo **link = &internet->echoes;

        while (*link != 0 && ((*link)->ticks == 0 || (*link)->ticks < (*link)->tick_limit)) {
            link = &(*link)->next;
        }
        if (*link == 0) {
            return;
        }
        echo_end(link, INTERNET_ECHO_silent);
    }
}
