/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks: a network device's port on one side, a channel to a network on the other. Frames move
 * between the device and the channel's area of payload, and are never looked at here.
 */
#ifndef NETWORK_SERVICE_H
#define NETWORK_SERVICE_H

#include "network_device.h"
#include "network_server.h"

struct network_service {
    struct network_device device;
    struct network_backend backend;
    struct network_server server;
};

extern const struct service network_service;

#endif
