/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the table of the kinds of media that this kernel serves.
 */
#include "service.h"

#include "guid.h"

static const struct service *const services[] = {&disk_service, &network_service};

#define SERVICE_COUNT (sizeof(services) / sizeof(services[0]))

const struct service *service_of_device(const struct guid *type)
{
    for (unsigned i = 0; i < SERVICE_COUNT; i++) {
        if (guid_equal(services[i]->device_type, type)) {
            return services[i];
        }
    }
    return 0;
}

const struct service *service_of_channel(const struct guid *type)
{
    for (unsigned i = 0; i < SERVICE_COUNT; i++) {
        if (guid_equal(services[i]->channel_type, type)) {
            return services[i];
        }
    }
    return 0;
}
