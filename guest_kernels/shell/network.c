/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the commands of the network: the shell's address, questions to others, answers to them.
 */
#include "bytes.h"
#include "command.h"
#include "console.h"
#include "station.h"

#define MASK_24 0xffffff00u
#define WAIT_TICKS 20u /* two seconds */
#define OWN_PORT 4000u
#define PING_DEFAULT 3u
#define PING_LIMIT 1000u
#define PING_BYTES 56u
#define ANSWER_LIMIT_BYTES 200u

static char answer[ANSWER_LIMIT_BYTES + 1];
static uint32_t answer_size_bytes;
static int answered;

/* Four numbers with dots between; 0: it is no address, which was said. */
static int address_read(const char *command, const char *text, uint32_t *address)
{
    const char *next = text;

    *address = 0;
    for (uint32_t part = 0; part < 4; part++) {
        uint32_t number = 0;
        uint32_t digits = 0;

        for (; *next >= '0' && *next <= '9' && digits < 3; digits++) {
            number = number * 10 + (uint32_t)(*next++ - '0');
        }
        if (digits == 0 || number > UINT8_MAX || *next != (part < 3 ? '.' : '\0')) {
            return command_failed(command, text, "it is no address");
        }
        next += part < 3;
        *address = *address << 8 | number;
    }
    return 1;
}

static int port_read(const struct words *words, uint32_t index, uint16_t *port)
{
    uint64_t number;

    if (!command_number(words, index, &number)) {
        return 0;
    }
    if (number == 0 || number > UINT16_MAX) {
        return command_failed(words->at[0], words->at[index], "ports are 1 to 65535");
    }
    *port = (uint16_t)number;
    return 1;
}

static int network_is_there(void)
{
    return station_network() != 0 && network_is_up(station_network());
}

/* A partition is told of its network when it has started, and of the address by its server. */
static struct network *network_await(const char *command)
{
    if (!station_is_connected()) {
        (void)command_failed(command, "the network", "this partition has none");
        return 0;
    }
    if (!station_await(network_is_there)) {
        (void)command_failed(command, "the network", "it has not come up in ten seconds");
        return 0;
    }
    return station_network();
}

static struct internet *internet_find(const char *command)
{
    if (station_internet() == 0) {
        (void)command_failed(command, "the network",
                             "there is no address yet; give one: `address`");
    }
    return station_internet();
}

static int address(const struct words *words)
{
    struct internet_settings settings = {.mask = MASK_24};
    const struct network *network = network_await("address");

    if (network == 0) {
        return 0;
    }
    if (words->count > 1) {
        if (!address_read("address", words->at[1], &settings.address) ||
            (words->count > 2 && !address_read("address", words->at[2], &settings.gateway))) {
            return 0;
        }
        (void)station_settle(&settings);
    }
    print("card %02x:%02x:%02x:%02x:%02x:%02x\n", network->address[0], network->address[1],
          network->address[2], network->address[3], network->address[4], network->address[5]);
    return 1;
}

/* Whether the host that was asked has answered in time. */
static int ask(struct internet *internet, uint32_t destination, uint16_t sequence)
{
    struct internet_echo echo = {.destination = destination,
                                 .size_bytes = PING_BYTES,
                                 .sequence = sequence,
                                 .tick_limit = WAIT_TICKS};

    if (!internet_ask_echo(internet, &echo)) {
        return 0;
    }
    while (echo.status == INTERNET_ECHO_waiting) {
        if (station_poll() == 0) {
            station_wait_tick();
        }
    }
    return echo.status == INTERNET_ECHO_answered;
}

static int ping(const struct words *words)
{
    struct internet *internet = internet_find("ping");
    uint64_t count = PING_DEFAULT;
    uint32_t destination;
    uint32_t answers = 0;

    if (internet == 0 || !address_read("ping", words->at[1], &destination) ||
        (words->count > 2 && !command_number(words, 2, &count))) {
        return 0;
    }
    if (count > PING_LIMIT) {
        return command_failed("ping", words->at[2], "at most 1000 questions are asked");
    }
    for (uint64_t i = 0; i < count; i++) {
        answers += (uint32_t)ask(internet, destination, (uint16_t)(i + 1));
    }
    print("ping %s: %u asked, %u answered\n", words->at[1], (unsigned)count, (unsigned)answers);
    return answers == count;
}

static void datagram_came(void *context, const struct internet_datagram *datagram)
{
    uint32_t size =
        datagram->size_bytes < ANSWER_LIMIT_BYTES ? datagram->size_bytes : ANSWER_LIMIT_BYTES;

    (void)context;
    for (uint32_t i = 0; i < size; i++) {
        char character = (char)datagram->data[i];

        answer[i] = character >= ' ' && character <= '~' ? character : '?';
    }
    answer[size] = '\0';
    answer_size_bytes = datagram->size_bytes;
    answered = 1;
}

static int datagram_send(struct internet *internet, const struct words *words)
{
    struct internet_datagram datagram = {.source_port = OWN_PORT};
    uint64_t begin = station_ticks();

    if (!address_read("udp", words->at[1], &datagram.destination) ||
        !port_read(words, 2, &datagram.destination_port)) {
        return 0;
    }
    datagram.data = (const uint8_t *)words->at[3];
    datagram.size_bytes = (uint32_t)text_length(words->at[3]);
    answered = 0;
    if (!internet_send(internet, &datagram)) {
        return command_failed("udp", words->at[1], "it cannot be sent there");
    }
    while (!answered && station_ticks() - begin < WAIT_TICKS) {
        if (station_poll() == 0) {
            station_wait_tick();
        }
    }
    if (!answered) {
        return command_failed("udp", words->at[1], "nothing came back");
    }
    print("%u bytes came back: %s\n", (unsigned)answer_size_bytes, answer);
    return 1;
}

static int datagram(const struct words *words)
{
    struct internet *internet = internet_find("udp");
    int sent;

    if (internet == 0) {
        return 0;
    }
    if (!internet_bind(internet, OWN_PORT, datagram_came, 0)) {
        return command_failed("udp", "port 4000", "it is taken");
    }
    sent = datagram_send(internet, words);
    internet_unbind(internet, OWN_PORT);
    return sent;
}

static int serve(const struct words *words)
{
    struct internet *internet = internet_find("serve");
    uint16_t port = 0;

    if (internet == 0 || !port_read(words, 1, &port)) {
        return 0;
    }
    return internet_bind_echo(internet, port) ||
           command_failed("serve", words->at[1], "the port is taken, or none is free");
}

const struct command network_commands[] = {
    {"address", "[ADDRESS [GATEWAY]]", "Shows the card, or takes an address, A.B.C.D/24.", 0, 2, 0,
     address},
    {"ping", "ADDRESS [COUNT]", "Asks a host for echoes.", 1, 2, 0, ping},
    {"udp", "ADDRESS PORT TEXT", "Sends a datagram and shows what comes back.", 3, 3, 1, datagram},
    {"serve", "PORT", "Sends back every datagram to a port, from now on.", 1, 1, 0, serve},
    {0, 0, 0, 0, 0, 0, 0},
};
