/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each control message does to the buses and devices of a guest. Called by control.c only.
 */
#ifndef CONTROL_MESSAGE_H
#define CONTROL_MESSAGE_H

#include "control.h"

/* What a message's payload says, copied; a name that is too long is cut. */
struct control_payload {
    uint8_t present;
    uint8_t valid; /* it lies in the channel, and its strings in it */
    struct guid id;
    char name[NAME_LIMIT];
};

void control_payload_read(const struct control_client *control,
                          const struct control_message_header *header,
                          struct control_payload *payload);

/* Does it, fills the packet of the answer, and returns an enum completion_status. */
uint32_t control_message_do(struct control_client *control, const struct control_message *message,
                            const struct control_payload *payload, uint8_t *answer);

#endif
