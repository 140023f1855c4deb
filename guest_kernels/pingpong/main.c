/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two partitions and a linked event port: one gets the word `ping` as its command
 * line, the other `pong`. They send events to and fro, each waiting for the other,
 * and yield a number of times afterwards. Options: rounds=N, yields=N.
 */
#include "check.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "image.h"
#include "option.h"
#include "start.h"

#define PORT_PEER PORT_LINK_FIRST
#define ROUNDS_DEFAULT 200
#define YIELDS_DEFAULT 200

IMAGE(2 * 1024 * 1024);

static volatile uint64_t received;

static void peer_sent(uint32_t port)
{
    CHECK(port == PORT_PEER);
    received++;
}

/* Events are counted, not queued: the sides alternate strictly, so none can merge. */
static void receive(uint64_t count)
{
    while (received < count) {
        events_wait();
    }
    CHECK(received == count);
}

static void send(void)
{
    CALL(hypercall_event_send(PORT_PEER));
}

static void play(int is_ping, uint64_t rounds)
{
    for (uint64_t round = 1; round <= rounds; round++) {
        if (is_ping) {
            send();
            receive(round);
        } else {
            receive(round);
            send();
        }
    }
}

/* Each yield is a switch away and back; time must not stand still or run backwards. */
static void yield_repeatedly(uint64_t yields)
{
    int64_t before = CALL(hypercall_time_get());

    for (uint64_t i = 0; i < yields; i++) {
        int64_t now;

        CHECK(hypercall_yield() == 0);
        now = CALL(hypercall_time_get());
        CHECK(now > before);
        before = now;
    }
}

int guest_main(const struct start_page *start)
{
    int is_ping = option_present(start->command_line, "ping");
    int is_pong = option_present(start->command_line, "pong");
    uint64_t rounds = option_number(start->command_line, "rounds", ROUNDS_DEFAULT);
    uint64_t yields = option_number(start->command_line, "yields", YIELDS_DEFAULT);
    const char *role = is_ping ? "ping" : "pong";

    if (is_ping == is_pong) {
        print("pingpong: the command line must say `ping` or `pong`\n");
        return 1;
    }
    event_function_set(PORT_PEER, peer_sent);
    events_start();
    play(is_ping, rounds);
    print("%s: %llu events sent, %llu received\n", role, (unsigned long long)rounds,
          (unsigned long long)received);
    yield_repeatedly(yields);
    CHECK(received == rounds);
    print("%s: %llu yields\n", role, (unsigned long long)yields);
    return 0;
}
