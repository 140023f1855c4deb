/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns packets: their header, which of them are for this host, and where the next hop is.
 */
#include "checksum.h"
#include "internet_layers.h"
#include "wire.h"

#define IPV4_VERSION 4
#define IPV4_TIME_TO_LIVE 64
#define IPV4_DO_NOT_FRAGMENT 0x4000u
#define IPV4_IS_FRAGMENT 0x3fffu /* more of them follow, or it does not begin at 0 */

/* Where its fields begin. */
#define IPV4_SIZE 2
#define IPV4_IDENTIFICATION 4
#define IPV4_FRAGMENT 6
#define IPV4_LIFE 8
#define IPV4_PROTOCOL 9
#define IPV4_CHECKSUM 10
#define IPV4_SOURCE 12
#define IPV4_DESTINATION 16

int ipv4_is_broadcast(const struct internet *internet, uint32_t address)
{
    const struct internet_settings *settings = &internet->settings;

    return address == INTERNET_BROADCAST ||
           (settings->mask < 0xfffffffeu && address == (settings->address | ~settings->mask));
}

/* Groups, the own network's zero, loops: no host has these. */
static int address_is_a_hosts(const struct internet *internet, uint32_t address)
{
    return address != 0 && address >> 28 < 0xe && address >> 24 != 127 &&
           !ipv4_is_broadcast(internet, address);
}

uint32_t ipv4_data_limit_bytes(const struct internet *internet)
{
    uint32_t headers_bytes = ETHERNET_HEADER_SIZE_BYTES + IPV4_HEADER_SIZE_BYTES;
    uint32_t limit_bytes = internet->network->frame_limit_bytes;

    return limit_bytes > headers_bytes ? limit_bytes - headers_bytes : 0;
}

static void header_write(struct internet *internet, uint32_t protocol, uint32_t destination,
                         uint32_t size_bytes)
{
    uint8_t *packet = internet->frame + ETHERNET_HEADER_SIZE_BYTES;

    packet[0] = IPV4_VERSION << 4 | IPV4_HEADER_SIZE_BYTES / 4;
    packet[1] = 0;
    wire_write_16(packet + IPV4_SIZE, size_bytes);
    wire_write_16(packet + IPV4_IDENTIFICATION, ++internet->identification);
    wire_write_16(packet + IPV4_FRAGMENT, IPV4_DO_NOT_FRAGMENT);
    packet[IPV4_LIFE] = IPV4_TIME_TO_LIVE;
    packet[IPV4_PROTOCOL] = (uint8_t)protocol;
    wire_write_16(packet + IPV4_CHECKSUM, 0);
    wire_write_32(packet + IPV4_SOURCE, internet->settings.address);
    wire_write_32(packet + IPV4_DESTINATION, destination);
    wire_write_16(packet + IPV4_CHECKSUM,
                  checksum_end(checksum_add(0, packet, IPV4_HEADER_SIZE_BYTES)));
}

int ipv4_send(struct internet *internet, uint32_t protocol, uint32_t destination,
              uint32_t data_size_bytes)
{
    const struct internet_settings *settings = &internet->settings;
    uint32_t size_bytes = IPV4_HEADER_SIZE_BYTES + data_size_bytes;
    uint32_t hop = destination;

    if (data_size_bytes > ipv4_data_limit_bytes(internet)) {
        return 0;
    }
    if (ipv4_is_broadcast(internet, destination)) {
        header_write(internet, protocol, destination, size_bytes);
        return ethernet_send(internet, internet->frame, ethernet_broadcast, ETHERNET_TYPE_IPV4,
                             size_bytes);
    }
    if (((destination ^ settings->address) & settings->mask) != 0) {
        hop = settings->gateway;
    }
    if (hop == 0 || hop == settings->address || !address_is_a_hosts(internet, destination)) {
        return 0;
    }
    header_write(internet, protocol, destination, size_bytes);
    return arp_send(internet, hop, size_bytes);
}

/* The header's size, when it is right and the whole packet is there; 0: it is not. */
static uint32_t header_check(const uint8_t *packet, uint32_t size_bytes)
{
    uint32_t header_bytes;

    if (size_bytes < IPV4_HEADER_SIZE_BYTES || packet[0] >> 4 != IPV4_VERSION) {
        return 0;
    }
    header_bytes = (packet[0] & 0xfu) * 4;
    return header_bytes >= IPV4_HEADER_SIZE_BYTES && header_bytes <= size_bytes &&
                   wire_read_16(packet + IPV4_SIZE) >= header_bytes &&
                   wire_read_16(packet + IPV4_SIZE) <= size_bytes &&
                   checksum_end(checksum_add(0, packet, header_bytes)) == 0
               ? header_bytes
               : 0;
}

void ipv4_receive(struct internet *internet, const uint8_t *packet, uint32_t size_bytes)
{
    uint32_t header_bytes = header_check(packet, size_bytes);
    struct ipv4_packet received;

    if (header_bytes == 0) {
        internet->counters.wrong++;
        return;
    }
    received.source = wire_read_32(packet + IPV4_SOURCE);
    received.destination = wire_read_32(packet + IPV4_DESTINATION);
    received.is_broadcast = ipv4_is_broadcast(internet, received.destination);
    received.data = packet + header_bytes;
    received.size_bytes = wire_read_16(packet + IPV4_SIZE) - header_bytes;
    if (received.destination != internet->settings.address && !received.is_broadcast) {
        internet->counters.others++;
    } else if (!address_is_a_hosts(internet, received.source) ||
               received.source == internet->settings.address) {
        internet->counters.wrong++;
    } else if ((wire_read_16(packet + IPV4_FRAGMENT) & IPV4_IS_FRAGMENT) != 0) {
        internet->counters.fragments++;
    } else if (packet[IPV4_PROTOCOL] == IPV4_PROTOCOL_ICMP) {
        icmp_receive(internet, &received);
    } else if (packet[IPV4_PROTOCOL] == IPV4_PROTOCOL_UDP) {
        udp_receive(internet, &received);
    } else {
        internet->counters.unknown++;
    }
}
