/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owns the buffers, a frame of memory each, and the order in which frames came. */
#include "card.h"

#include "bytes.h"
#include "check.h"
#include "memory.h"
#include "network_device.h"
#include "own_device.h"

#define RECEIVE_COUNT 4u
#define BUFFER_SIZE_BYTES 2048u
/* Tags are numbers of buffers: those for reception, then the one for sending. */
#define SEND_TAG RECEIVE_COUNT

struct arrival {
    uint32_t tag;
    uint32_t size_bytes;
};

static struct network_device device;
static uint64_t buffers_frame;
static struct arrival arrivals[RECEIVE_COUNT]; /* not yet asked for, all around */
static uint32_t arrival_begin;
static uint32_t arrival_count;
static int sending;

static uint64_t buffer_address(uint32_t tag)
{
    return (buffers_frame + tag) << PAGE_SHIFT;
}

static void buffer_offer(uint32_t tag)
{
    CHECK(network_device_post(&device, tag, buffer_address(tag), BUFFER_SIZE_BYTES));
}

void card_start(void)
{
    buffers_frame = frames_allocate(RECEIVE_COUNT + 1);
    device.registers = *own_device();
    CHECK(network_device_start(&device));
    for (uint32_t tag = 0; tag < RECEIVE_COUNT; tag++) {
        buffer_offer(tag);
    }
    network_device_notify(&device);
}

void card_address(uint8_t address[NETWORK_ADDRESS_SIZE_BYTES])
{
    memcpy(address, device.address, sizeof(device.address));
}

/* Takes what has ended, or waits for something to end. */
static void step(void)
{
    struct arrival arrival;

    if (!network_device_take(&device, &arrival.tag, &arrival.size_bytes)) {
        own_device_wait();
    } else if (arrival.tag == SEND_TAG) {
        sending = 0;
    } else {
        CHECK(arrival_count < RECEIVE_COUNT);
        arrivals[(arrival_begin + arrival_count) % RECEIVE_COUNT] = arrival;
        arrival_count++;
    }
}

void card_send(const uint8_t *frame, uint32_t size_bytes)
{
    memcpy(frame_pointer(buffers_frame + SEND_TAG), frame, size_bytes);
    CHECK(network_device_send(&device, SEND_TAG, buffer_address(SEND_TAG), size_bytes));
    network_device_notify(&device);
    sending = 1;
    while (sending) {
        step();
    }
}

uint32_t card_receive(uint8_t frame[NETWORK_FRAME_LIMIT_BYTES])
{
    struct arrival arrival;

    while (arrival_count == 0) {
        step();
    }
    arrival = arrivals[arrival_begin];
    arrival_begin = (arrival_begin + 1) % RECEIVE_COUNT;
    arrival_count--;
    CHECK(arrival.size_bytes > 0 && arrival.size_bytes <= NETWORK_FRAME_LIMIT_BYTES);
    memcpy(frame, frame_pointer(buffers_frame + arrival.tag), arrival.size_bytes);
    buffer_offer(arrival.tag);
    network_device_notify(&device);
    return arrival.size_bytes;
}
