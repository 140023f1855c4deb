/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's network card, when its device is one: a frame at a time, copied and waited for. */
#ifndef CARD_H
#define CARD_H

#include "io.h"

/* From reset to running, with every buffer for reception with the device. */
void card_start(void);
void card_address(uint8_t address[NETWORK_ADDRESS_SIZE_BYTES]);
/* Waits until the device has taken it. */
void card_send(const uint8_t *frame, uint32_t size_bytes);
/* Waits for a frame; returns how many bytes it has. */
uint32_t card_receive(uint8_t frame[NETWORK_FRAME_LIMIT_BYTES]);

#endif
