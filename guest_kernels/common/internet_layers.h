/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the layers of internet.h call of each other. A packet to send is made in the internet's
 * frame, behind the headers that the layers below fill in.
 */
#ifndef INTERNET_LAYERS_H
#define INTERNET_LAYERS_H

#include "internet.h"

#define ETHERNET_HEADER_SIZE_BYTES 14u
#define ETHERNET_FRAME_MINIMUM_BYTES 60u /* filled up with zeros to this */
#define ETHERNET_TYPE_IPV4 0x0800u
#define ETHERNET_TYPE_ARP 0x0806u

#define IPV4_HEADER_SIZE_BYTES 20u
#define IPV4_PROTOCOL_ICMP 1u
#define IPV4_PROTOCOL_UDP 17u

struct ipv4_packet { /* one that came, checked */
    uint32_t source;
    uint32_t destination;
    uint32_t size_bytes; /* of the data */
    const uint8_t *data;
    int is_broadcast;
};

/* Frames: internet.c. */
extern const uint8_t ethernet_broadcast[HARDWARE_ADDRESS_SIZE_BYTES];
/* Sends a frame whose data are in their place; fills in the header. 0: the card refused it. */
int ethernet_send(struct internet *internet, uint8_t *frame, const uint8_t *destination,
                  uint32_t type, uint32_t data_size_bytes);

/* Neighbours: arp.c. */
void arp_ask(struct internet *internet, uint32_t address);
void arp_receive(struct internet *internet, const uint8_t *packet, uint32_t size_bytes);
/* Sends the packet in internet->frame to this hop, now or when the hop is known. */
int arp_send(struct internet *internet, uint32_t hop, uint32_t packet_size_bytes);
void arp_tick(struct internet *internet);

/* Packets: ipv4.c. */
static inline uint8_t *ipv4_data(struct internet *internet)
{
    return internet->frame + ETHERNET_HEADER_SIZE_BYTES + IPV4_HEADER_SIZE_BYTES;
}

/* How many bytes a packet's data can have; 0: the card has no path yet. */
uint32_t ipv4_data_limit_bytes(const struct internet *internet);
int ipv4_send(struct internet *internet, uint32_t protocol, uint32_t destination,
              uint32_t data_size_bytes);
void ipv4_receive(struct internet *internet, const uint8_t *packet, uint32_t size_bytes);
int ipv4_is_broadcast(const struct internet *internet, uint32_t address);

/* Messages and datagrams: icmp.c, udp.c. */
void icmp_receive(struct internet *internet, const struct ipv4_packet *packet);
void icmp_tick(struct internet *internet);
void udp_receive(struct internet *internet, const struct ipv4_packet *packet);

#endif
