/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guests' Internet host on a card that is made by hand: reads what happens, a line each, and
 * writes what the host does. c_internet.py has both forms. The other half of network.h is not
 * linked: this file is the card.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internet.h"

#define ECHO_COUNT 64u

static struct network card;
static struct internet host;
static int card_is_up = 1;
static struct internet_echo echoes[ECHO_COUNT];
static uint32_t asked;

static void hexadecimal_write(const uint8_t *bytes, uint32_t size_bytes)
{
    for (uint32_t i = 0; i < size_bytes; i++) {
        printf("%02x", bytes[i]);
    }
    printf("\n");
}

/* Exactly as long as it is, so that each look beyond it is seen. "-": none. */
static uint8_t *hexadecimal_read(const char *text, uint32_t *size_bytes)
{
    uint8_t *bytes;
    unsigned value;

    *size_bytes = text[0] == '-' ? 0 : (uint32_t)strlen(text) / 2;
    bytes = malloc(*size_bytes);
    for (uint32_t i = 0; i < *size_bytes; i++) {
        if (sscanf(text + (size_t)2 * i, "%2x", &value) != 1) {
            exit(2);
        }
        bytes[i] = (uint8_t)value;
    }
    return bytes;
}

int network_send(struct network *network, const void *frame, uint32_t size_bytes)
{
    if (!card_is_up || size_bytes > network->frame_limit_bytes) {
        return 0;
    }
    printf("> ");
    hexadecimal_write(frame, size_bytes);
    return 1;
}

static void datagram_received(void *context, const struct internet_datagram *datagram)
{
    (void)context;
    printf("< %" PRIu32 " %u %" PRIu32 " %u ", datagram->source, datagram->source_port,
           datagram->destination, datagram->destination_port);
    hexadecimal_write(datagram->data, datagram->size_bytes);
}

static void echo_ended(struct internet_echo *echo)
{
    printf("! %u %d %" PRIu32 "\n", echo->sequence, (int)echo->status, echo->ticks);
}

static void frame_come(const char *text)
{
    uint32_t size_bytes;
    uint8_t *bytes = hexadecimal_read(text, &size_bytes);

    internet_receive(&host, bytes, size_bytes);
    free(bytes);
}

static void datagram_send(const char *line, const char *text)
{
    struct internet_datagram datagram = {0};
    uint32_t size_bytes;
    uint8_t *bytes = hexadecimal_read(text, &size_bytes);
    unsigned source_port = 0;
    unsigned destination_port = 0;

    (void)sscanf(line, "%*s %*s %" SCNu32 " %u %u", &datagram.destination, &source_port,
                 &destination_port);
    datagram.source_port = (uint16_t)source_port;
    datagram.destination_port = (uint16_t)destination_port;
    datagram.data = bytes;
    datagram.size_bytes = size_bytes;
    printf("= %d\n", internet_send(&host, &datagram));
    free(bytes);
}

static void echo_ask(const char *line)
{
    struct internet_echo *echo = &echoes[asked++ % ECHO_COUNT];
    unsigned sequence = 0;

    *echo = (struct internet_echo){.ended = echo_ended};
    (void)sscanf(line, "%*s %*s %" SCNu32 " %" SCNu32 " %u %" SCNu32, &echo->destination,
                 &echo->size_bytes, &sequence, &echo->tick_limit);
    echo->sequence = (uint16_t)sequence;
    printf("= %d\n", internet_ask_echo(&host, echo));
}

static void counters_write(void)
{
    const struct internet_counters *counters = &host.counters;

    printf("# %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, counters->others,
           counters->wrong, counters->unknown, counters->fragments, counters->unbound);
    printf(" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", counters->conflicts,
           counters->stray, counters->echoed, counters->unreachable, counters->unsent);
}

static void line_do(const char *line, const char *text)
{
    uint32_t number = (uint32_t)strtoul(text, 0, 0);

    switch (line[0]) {
    case 'f':
        frame_come(text);
        break;
    case 'a':
        internet_announce(&host);
        break;
    case 't':
        for (; number > 0; number--) {
            internet_tick(&host);
        }
        break;
    case 'u':
        datagram_send(line, text);
        break;
    case 'p':
        echo_ask(line);
        break;
    case 'b':
        printf("= %d\n", internet_bind(&host, (uint16_t)number, datagram_received, 0));
        break;
    case 'e':
        printf("= %d\n", internet_bind_echo(&host, (uint16_t)number));
        break;
    case 'x':
        internet_unbind(&host, (uint16_t)number);
        break;
    case 'c':
        card_is_up = number != 0;
        break;
    default:
        counters_write();
    }
}

int main(int count, char **arguments)
{
    static const uint8_t address[] = {2, 0, 0, 0, 0, 1};
    static char line[8192];
    static char text[8192];
    struct internet_settings settings;

    if (count != 5) {
        return 2;
    }
    settings.address = (uint32_t)strtoul(arguments[1], 0, 0);
    settings.mask = (uint32_t)strtoul(arguments[2], 0, 0);
    settings.gateway = (uint32_t)strtoul(arguments[3], 0, 0);
    memcpy(card.address, address, sizeof(address));
    card.frame_limit_bytes = (uint32_t)strtoul(arguments[4], 0, 0);
    internet_start(&host, &card, &settings);
    while (fgets(line, sizeof(line), stdin) != 0) {
        if (sscanf(line, "%*s %8191s", text) == 1) {
            line_do(line, text);
        }
    }
    return 0;
}
