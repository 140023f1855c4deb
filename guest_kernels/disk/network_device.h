/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network device of virtio over its registers; see network_device.c. */
#ifndef NETWORK_DEVICE_H
#define NETWORK_DEVICE_H

#include <stdint.h>

#define ADDRESS_SIZE_BYTES 6
#define FRAME_LIMIT_BYTES 1514

/* From reset to running, with every buffer for reception with the device. */
void network_start(void);
void network_address(uint8_t address[ADDRESS_SIZE_BYTES]);
/* Waits until the device has taken it. */
void network_send(const uint8_t *frame, uint32_t size_bytes);
/* Waits for a frame; returns how many bytes it has. */
uint32_t network_receive(uint8_t frame[FRAME_LIMIT_BYTES]);

#endif
