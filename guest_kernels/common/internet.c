/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the host's beginning, its ticks, and frames: which are for it, and to which layer they go.
 */
#include "internet.h"

#include "bytes.h"
#include "internet_layers.h"
#include "wire.h"

const uint8_t ethernet_broadcast[HARDWARE_ADDRESS_SIZE_BYTES] = {0xff, 0xff, 0xff,
                                                                 0xff, 0xff, 0xff};

void internet_start(struct internet *internet, struct network *network,
                    const struct internet_settings *settings)
{
    memset(internet, 0, sizeof(*internet));
    internet->network = network;
    internet->settings = *settings;
}

int ethernet_send(struct internet *internet, uint8_t *frame, const uint8_t *destination,
                  uint32_t type, uint32_t data_size_bytes)
{
    uint32_t size_bytes = ETHERNET_HEADER_SIZE_BYTES + data_size_bytes;

    memcpy(frame, destination, HARDWARE_ADDRESS_SIZE_BYTES);
    memcpy(frame + HARDWARE_ADDRESS_SIZE_BYTES, internet->network->address,
           HARDWARE_ADDRESS_SIZE_BYTES);
    wire_write_16(frame + 2 * HARDWARE_ADDRESS_SIZE_BYTES, type);
    if (size_bytes < ETHERNET_FRAME_MINIMUM_BYTES) {
        memset(frame + size_bytes, 0, ETHERNET_FRAME_MINIMUM_BYTES - size_bytes);
        size_bytes = ETHERNET_FRAME_MINIMUM_BYTES;
    }
    if (!network_send(internet->network, frame, size_bytes)) {
        internet->counters.unsent++;
        return 0;
    }
    return 1;
}

void internet_receive(struct internet *internet, const uint8_t *frame, uint32_t size_bytes)
{
    const uint8_t *data = frame + ETHERNET_HEADER_SIZE_BYTES;

    if (size_bytes < ETHERNET_HEADER_SIZE_BYTES || size_bytes > NETWORK_FRAME_LIMIT_BYTES) {
        internet->counters.wrong++;
    } else if (memcmp(frame, internet->network->address, HARDWARE_ADDRESS_SIZE_BYTES) != 0 &&
               memcmp(frame, ethernet_broadcast, HARDWARE_ADDRESS_SIZE_BYTES) != 0) {
        internet->counters.others++;
    } else if (wire_read_16(frame + 2 * HARDWARE_ADDRESS_SIZE_BYTES) == ETHERNET_TYPE_ARP) {
        arp_receive(internet, data, size_bytes - ETHERNET_HEADER_SIZE_BYTES);
    } else if (wire_read_16(frame + 2 * HARDWARE_ADDRESS_SIZE_BYTES) == ETHERNET_TYPE_IPV4) {
        ipv4_receive(internet, data, size_bytes - ETHERNET_HEADER_SIZE_BYTES);
    } else {
        internet->counters.unknown++;
    }
}

/* A question for one's own address: who knows it learns the way, and switches do. */
void internet_announce(struct internet *internet)
{
    arp_ask(internet, internet->settings.address);
}

void internet_tick(struct internet *internet)
{
    arp_cache_age(&internet->cache);
    arp_tick(internet);
    icmp_tick(internet);
}
