/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several virtual processors of one partition: a counter shared by locked
 * instructions and by a lock, events between processors in both directions, stop and
 * restart. Processor 0 leads and is the only one that prints. Options: adds=N,
 * rounds=N. What it prints does not depend on who ran when.
 */
#include "check.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "image.h"
#include "lock.h"
#include "option.h"
#include "processor.h"
#include "start.h"

#define PORT_REQUEST 16     /* from processor 0 to a worker */
#define PORT_REPLY_FIRST 24 /* plus the worker's number: to processor 0 */
#define ADDS_DEFAULT 2000
#define ROUNDS_DEFAULT 50
#define HOLD_INTERVAL 50 /* additions from one that holds the lock for long to the next */
#define PATIENCE_YIELDS 100000
#define SETTLED_YIELDS 20
#define SECOND_LIFE_VALUE 0x5eed

IMAGE(4 * 1024 * 1024);

static uint64_t adds;
static uint64_t rounds;
static uint32_t counter_atomic;
static volatile uint64_t counter_locked;
static struct lock counter_lock;
static volatile uint64_t requests[PARTITION_PROCESSOR_LIMIT]; /* seen by the worker */
static volatile uint64_t replies[PARTITION_PROCESSOR_LIMIT];  /* seen by processor 0 */
static uint32_t heartbeats[PARTITION_PROCESSOR_LIMIT];
static uint32_t second_life;

static void request_arrived(uint32_t port)
{
    CHECK(port == PORT_REQUEST);
    requests[processor_current()->index]++;
}

static void reply_arrived(uint32_t port)
{
    CHECK(processor_current()->index == 0);
    replies[port - PORT_REPLY_FIRST]++;
}

static void wait_for(const volatile uint64_t *count, uint64_t wanted)
{
    while (*count < wanted) {
        events_wait();
    }
    CHECK(*count == wanted);
}

static void reply(uint32_t index)
{
    CALL(hypercall_event_send_processor(0, PORT_REPLY_FIRST + index));
}

/* Now and then the lock is held across a switch: without it, an addition would be lost. */
static void add_locked(int hold)
{
    uint64_t value;

    lock_take(&counter_lock);
    value = counter_locked;
    if (hold) {
        (void)hypercall_yield();
    }
    counter_locked = value + 1;
    lock_release(&counter_lock);
}

static void add(void)
{
    for (uint64_t i = 0; i < adds; i++) {
        __atomic_fetch_add(&counter_atomic, 1u, __ATOMIC_RELAXED);
        add_locked(i % HOLD_INTERVAL == 0);
    }
}

/* What processors above 0 do; processor 0 stops them in the endless loop. */
static void worker(uint64_t argument)
{
    uint32_t index = processor_current()->index;

    CHECK(argument == index);
    events_start();
    add();
    reply(index);
    for (uint64_t round = 1; round <= rounds; round++) {
        wait_for(&requests[index], round);
        reply(index);
    }
    for (;;) {
        __atomic_fetch_add(&heartbeats[index], 1u, __ATOMIC_RELAXED);
        (void)hypercall_yield();
    }
}

/* What processor 1 does after its restart; it stops by returning. */
static void worker_again(uint64_t argument)
{
    __atomic_store_n(&second_life, (uint32_t)argument, __ATOMIC_SEQ_CST);
    reply(processor_current()->index);
}

static void exchange_events(uint32_t count)
{
    for (uint64_t round = 1; round <= rounds; round++) {
        for (uint32_t i = 1; i < count; i++) {
            CALL(hypercall_event_send_processor(i, PORT_REQUEST));
        }
        for (uint32_t i = 1; i < count; i++) {
            wait_for(&replies[i], round + 1);
        }
    }
}

/* A processor elsewhere may run on for a moment after the call; then it must stand still. */
static void stop(uint32_t index)
{
    uint32_t seen = 0;
    unsigned settled = 0;

    CALL(hypercall_processor_stop(index));
    for (unsigned i = 0; i < PATIENCE_YIELDS && settled < SETTLED_YIELDS; i++) {
        uint32_t now = __atomic_load_n(&heartbeats[index], __ATOMIC_RELAXED);

        settled = now == seen ? settled + 1 : 0;
        seen = now;
        (void)hypercall_yield();
    }
    CHECK(settled == SETTLED_YIELDS);
}

static void restart(uint32_t index)
{
    int64_t result = -ERROR_busy;

    for (unsigned i = 0; i < PATIENCE_YIELDS && result != 0; i++) {
        result = processor_start(index, worker_again, SECOND_LIFE_VALUE);
        CHECK(result == 0 || result == -ERROR_busy || result == -ERROR_wrong_state);
        (void)hypercall_yield();
    }
    CHECK(result == 0);
    wait_for(&replies[index], rounds + 2);
    CHECK(__atomic_load_n(&second_life, __ATOMIC_SEQ_CST) == SECOND_LIFE_VALUE);
}

static void run(uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        event_function_set(PORT_REPLY_FIRST + i, reply_arrived);
        CALL(processor_start(i, worker, i));
    }
    CHECK(processor_start(0, worker, 0) < 0);
    add();
    for (uint32_t i = 1; i < count; i++) {
        wait_for(&replies[i], 1);
    }
    CHECK(counter_atomic == adds * count);
    CHECK(counter_locked == adds * count);
    print("counters: %llu by locked instructions, %llu under a lock\n",
          (unsigned long long)counter_atomic, (unsigned long long)counter_locked);
    exchange_events(count);
    print("events: %llu each way\n", (unsigned long long)(rounds * (count - 1)));
    for (uint32_t i = 1; i < count; i++) {
        stop(i);
    }
    restart(1);
    print("stopped: %u, restarted: 1\n", count - 1);
}

int guest_main(const struct start_page *start)
{
    uint32_t count = start->virtual_processor_count;

    if (count < 2) {
        print("smp: needs at least 2 virtual processors, has %u\n", count);
        return 1;
    }
    adds = option_number(start->command_line, "adds", ADDS_DEFAULT);
    rounds = option_number(start->command_line, "rounds", ROUNDS_DEFAULT);
    event_function_set(PORT_REQUEST, request_arrived);
    events_start();
    print("smp: %u virtual processors\n", count);
    run(count);
    return 0;
}
