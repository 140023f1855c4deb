/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See device_tests.h. Frame N of a conversation can be computed by whoever looks at a capture. */
#include "bytes.h"
#include "card.h"
#include "check.h"
#include "console.h"
#include "device_tests.h"
#include "option.h"

#define FRAMES_DEFAULT 16
#define TYPE_OFFSET 12u
#define PAYLOAD_OFFSET 14u
#define SIZE_STEP_BYTES 97u

static uint8_t own[NETWORK_ADDRESS_SIZE_BYTES];

static uint32_t frame_make(uint8_t *frame, uint64_t number, uint8_t peer)
{
    uint32_t size_bytes =
        PAYLOAD_OFFSET +
        (uint32_t)(number * SIZE_STEP_BYTES % (NETWORK_FRAME_LIMIT_BYTES - PAYLOAD_OFFSET + 1));

    memcpy(frame, own, NETWORK_ADDRESS_SIZE_BYTES);
    frame[NETWORK_ADDRESS_SIZE_BYTES - 1] = peer;
    memcpy(frame + NETWORK_ADDRESS_SIZE_BYTES, own, NETWORK_ADDRESS_SIZE_BYTES);
    frame[TYPE_OFFSET] = 0x88;
    frame[TYPE_OFFSET + 1] = 0xb5;
    for (uint32_t at = PAYLOAD_OFFSET; at < size_bytes; at++) {
        frame[at] = (uint8_t)(number + at);
    }
    return size_bytes;
}

static void frame_turn_round(uint8_t *frame)
{
    uint8_t target[NETWORK_ADDRESS_SIZE_BYTES];

    memcpy(target, frame, NETWORK_ADDRESS_SIZE_BYTES);
    memcpy(frame, frame + NETWORK_ADDRESS_SIZE_BYTES, NETWORK_ADDRESS_SIZE_BYTES);
    memcpy(frame + NETWORK_ADDRESS_SIZE_BYTES, target, NETWORK_ADDRESS_SIZE_BYTES);
}

static void talk(uint64_t frames, uint8_t peer)
{
    static uint8_t sent[NETWORK_FRAME_LIMIT_BYTES];
    static uint8_t received[NETWORK_FRAME_LIMIT_BYTES];

    for (uint64_t number = 0; number < frames; number++) {
        uint32_t size_bytes = frame_make(sent, number, peer);

        card_send(sent, size_bytes);
        CHECK(card_receive(received) == size_bytes);
        frame_turn_round(received);
        CHECK(memcmp(sent, received, size_bytes) == 0);
    }
}

static void answer(uint64_t frames)
{
    static uint8_t frame[NETWORK_FRAME_LIMIT_BYTES];

    for (uint64_t number = 0; number < frames; number++) {
        uint32_t size_bytes = card_receive(frame);

        frame_turn_round(frame);
        memcpy(frame + NETWORK_ADDRESS_SIZE_BYTES, own, NETWORK_ADDRESS_SIZE_BYTES);
        card_send(frame, size_bytes);
    }
}

void network_test(const char *command_line)
{
    uint64_t frames = option_number(command_line, "frames", FRAMES_DEFAULT);
    uint64_t peer = option_number(command_line, "peer", 0);

    card_start();
    card_address(own);
    if (peer != 0) {
        talk(frames, (uint8_t)peer);
    } else {
        answer(frames);
    }
    print("network: %u frames %s\n", (unsigned)frames, peer != 0 ? "exchanged" : "answered");
}
