/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the questions where neighbours are, their answers, and the packets that wait for them.
 */
#include "bytes.h"
#include "internet_layers.h"
#include "wire.h"

#define ARP_PACKET_SIZE_BYTES 28u
#define ARP_HARDWARE_ETHERNET 1u
#define ARP_OPERATION_REQUEST 1u
#define ARP_OPERATION_REPLY 2u

/* Where its fields begin. */
#define ARP_PROTOCOL 2
#define ARP_HARDWARE_SIZE 4
#define ARP_PROTOCOL_SIZE 5
#define ARP_OPERATION 6
#define ARP_SENDER_HARDWARE 8
#define ARP_SENDER_ADDRESS 14
#define ARP_TARGET_HARDWARE 18
#define ARP_TARGET_ADDRESS 24

static int arp_packet_send(struct internet *internet, uint32_t operation,
                           const uint8_t *destination, const uint8_t *target_hardware,
                           uint32_t target)
{
    uint8_t *packet = internet->frame + ETHERNET_HEADER_SIZE_BYTES;

    memset(packet, 0, ARP_PACKET_SIZE_BYTES);
    wire_write_16(packet, ARP_HARDWARE_ETHERNET);
    wire_write_16(packet + ARP_PROTOCOL, ETHERNET_TYPE_IPV4);
    packet[ARP_HARDWARE_SIZE] = HARDWARE_ADDRESS_SIZE_BYTES;
    packet[ARP_PROTOCOL_SIZE] = sizeof(uint32_t);
    wire_write_16(packet + ARP_OPERATION, operation);
    memcpy(packet + ARP_SENDER_HARDWARE, internet->network->address, HARDWARE_ADDRESS_SIZE_BYTES);
    wire_write_32(packet + ARP_SENDER_ADDRESS, internet->settings.address);
    if (target_hardware != 0) {
        memcpy(packet + ARP_TARGET_HARDWARE, target_hardware, HARDWARE_ADDRESS_SIZE_BYTES);
    }
    wire_write_32(packet + ARP_TARGET_ADDRESS, target);
    return ethernet_send(internet, internet->frame, destination, ETHERNET_TYPE_ARP,
                         ARP_PACKET_SIZE_BYTES);
}

void arp_ask(struct internet *internet, uint32_t address)
{
    (void)arp_packet_send(internet, ARP_OPERATION_REQUEST, ethernet_broadcast, 0, address);
}

static int packet_is_right(const struct internet *internet, const uint8_t *packet,
                           uint32_t size_bytes)
{
    uint32_t sender;

    if (size_bytes < ARP_PACKET_SIZE_BYTES || wire_read_16(packet) != ARP_HARDWARE_ETHERNET ||
        wire_read_16(packet + ARP_PROTOCOL) != ETHERNET_TYPE_IPV4 ||
        packet[ARP_HARDWARE_SIZE] != HARDWARE_ADDRESS_SIZE_BYTES ||
        packet[ARP_PROTOCOL_SIZE] != sizeof(uint32_t) || (packet[ARP_SENDER_HARDWARE] & 1) != 0) {
        return 0;
    }
    sender = wire_read_32(packet + ARP_SENDER_ADDRESS);
    return sender == 0 || (!ipv4_is_broadcast(internet, sender) && sender >> 28 != 0xe);
}

/* A hop is known now: what waited for it goes, in the order in which it came. */
static void waiting_send(struct internet *internet, uint32_t hop)
{
    const uint8_t *hardware = arp_cache_find(&internet->cache, hop);

    for (uint32_t sent = 0; sent < INTERNET_WAITING_COUNT; sent++) {
        struct internet_waiting *first = 0;

        for (uint32_t i = 0; i < INTERNET_WAITING_COUNT; i++) {
            struct internet_waiting *waiting = &internet->waiting[i];

            if (waiting->hop == hop && (first == 0 || waiting->turn < first->turn)) {
                first = waiting;
            }
        }
        if (first == 0) {
            return;
        }
        first->hop = 0;
        (void)ethernet_send(internet, first->frame, hardware, ETHERNET_TYPE_IPV4,
                            first->size_bytes);
    }
}

void arp_receive(struct internet *internet, const uint8_t *packet, uint32_t size_bytes)
{
    uint32_t own = internet->settings.address;
    uint32_t sender;
    int is_for_us;

    if (!packet_is_right(internet, packet, size_bytes)) {
        internet->counters.wrong++;
        return;
    }
    sender = wire_read_32(packet + ARP_SENDER_ADDRESS);
    is_for_us = wire_read_32(packet + ARP_TARGET_ADDRESS) == own;
    if (sender == own) {
        internet->counters.conflicts +=
            memcmp(packet + ARP_SENDER_HARDWARE, internet->network->address,
                   HARDWARE_ADDRESS_SIZE_BYTES) != 0;
        return;
    }
    if (arp_cache_learn(&internet->cache, sender, packet + ARP_SENDER_HARDWARE, is_for_us)) {
        waiting_send(internet, sender);
    }
    if (!is_for_us) {
        internet->counters.others++;
    } else if (wire_read_16(packet + ARP_OPERATION) == ARP_OPERATION_REQUEST) {
        (void)arp_packet_send(internet, ARP_OPERATION_REPLY, packet + ARP_SENDER_HARDWARE,
                              packet + ARP_SENDER_HARDWARE, sender);
    } else if (wire_read_16(packet + ARP_OPERATION) != ARP_OPERATION_REPLY) {
        internet->counters.unknown++;
    }
}

/* A free place, or that of the packet which has waited longest, and which is dropped. */
static struct internet_waiting *waiting_take(struct internet *internet)
{
    struct internet_waiting *oldest = &internet->waiting[0];

    for (uint32_t i = 0; i < INTERNET_WAITING_COUNT; i++) {
        struct internet_waiting *waiting = &internet->waiting[i];

        if (waiting->hop == 0) {
            return waiting;
        }
        if (waiting->turn < oldest->turn) {
            oldest = waiting;
        }
    }
    internet->counters.unreachable++;
    return oldest;
}

int arp_send(struct internet *internet, uint32_t hop, uint32_t packet_size_bytes)
{
    const uint8_t *hardware = arp_cache_find(&internet->cache, hop);
    struct internet_waiting *waiting;
    int is_asked = 0;

    if (hardware != 0) {
        return ethernet_send(internet, internet->frame, hardware, ETHERNET_TYPE_IPV4,
                             packet_size_bytes);
    }
    for (uint32_t i = 0; i < INTERNET_WAITING_COUNT; i++) {
        is_asked |= internet->waiting[i].hop == hop;
    }
    waiting = waiting_take(internet);
    waiting->hop = hop;
    waiting->ticks = 0;
    waiting->turn = ++internet->turn;
    waiting->size_bytes = packet_size_bytes;
    memcpy(waiting->frame, internet->frame, ETHERNET_HEADER_SIZE_BYTES + packet_size_bytes);
    if (!is_asked) {
        arp_ask(internet, hop);
    }
    return 1;
}

void arp_tick(struct internet *internet)
{
    for (uint32_t i = 0; i < INTERNET_WAITING_COUNT; i++) {
        struct internet_waiting *waiting = &internet->waiting[i];

        if (waiting->hop == 0 || ++waiting->ticks % INTERNET_ASK_TICKS != 0) {
            continue;
        }
        if (waiting->ticks < INTERNET_ASK_TICKS * INTERNET_ASK_LIMIT) {
            arp_ask(internet, waiting->hop);
        } else {
            waiting->hop = 0;
            internet->counters.unreachable++;
        }
    }
}
