/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns datagrams and who has which port.
 */
#include "bytes.h"
#include "checksum.h"
#include "internet_layers.h"
#include "wire.h"

#define UDP_HEADER_SIZE_BYTES 8u
#define UDP_NO_CHECKSUM 0u
#define UDP_ZERO_CHECKSUM 0xffffu /* how a checksum of zero is sent */

/* Where its fields begin. */
#define UDP_DESTINATION 2
#define UDP_SIZE 4
#define UDP_CHECKSUM 6

/* The sum of a datagram and of what it shares with its packet: addresses, protocol, size. */
static uint32_t datagram_checksum(uint32_t source, uint32_t destination, const uint8_t *datagram,
                                  uint32_t size_bytes)
{
    uint8_t shared[12];

    wire_write_32(shared, source);
    wire_write_32(shared + 4, destination);
    wire_write_16(shared + 8, IPV4_PROTOCOL_UDP);
    wire_write_16(shared + 10, size_bytes);
    return checksum_end(
        checksum_add(checksum_add(0, shared, sizeof(shared)), datagram, size_bytes));
}

static struct internet_port *port_find(struct internet *internet, uint16_t number)
{
    for (uint32_t i = 0; i < INTERNET_PORT_COUNT; i++) {
        if (internet->ports[i].number == number) {
            return &internet->ports[i];
        }
    }
    return 0;
}

int internet_bind(struct internet *internet, uint16_t port,
                  void (*received)(void *context, const struct internet_datagram *datagram),
                  void *context)
{
    struct internet_port *free = port_find(internet, 0);

    if (port == 0 || free == 0 || port_find(internet, port) != 0) {
        return 0;
    }
    *free = (struct internet_port){.number = port, .received = received, .context = context};
    return 1;
}

void internet_unbind(struct internet *internet, uint16_t port)
{
    struct internet_port *taken = port_find(internet, port);

    if (taken != 0) {
        taken->number = 0;
    }
}

/* Not to all, and not to another such server: two would never end. */
static void datagram_echo(void *context, const struct internet_datagram *datagram)
{
    struct internet *internet = context;
    struct internet_datagram answer = *datagram;

    if (ipv4_is_broadcast(internet, datagram->destination) || datagram->source_port == 0 ||
        datagram->source_port == datagram->destination_port) {
        internet->counters.unknown++;
        return;
    }
    answer.destination = datagram->source;
    answer.destination_port = datagram->source_port;
    answer.source_port = datagram->destination_port;
    internet->counters.echoed += (uint64_t)internet_send(internet, &answer);
}

int internet_bind_echo(struct internet *internet, uint16_t port)
{
    return internet_bind(internet, port, datagram_echo, internet);
}

int internet_send(struct internet *internet, const struct internet_datagram *datagram)
{
    uint8_t *target = ipv4_data(internet);
    uint32_t size_bytes = UDP_HEADER_SIZE_BYTES + datagram->size_bytes;
    uint32_t checksum;

    if (datagram->size_bytes > INTERNET_DATA_LIMIT_BYTES) {
        return 0;
    }
    wire_write_16(target, datagram->source_port);
    wire_write_16(target + UDP_DESTINATION, datagram->destination_port);
    wire_write_16(target + UDP_SIZE, size_bytes);
    wire_write_16(target + UDP_CHECKSUM, 0);
    memmove(target + UDP_HEADER_SIZE_BYTES, datagram->data, datagram->size_bytes);
    checksum =
        datagram_checksum(internet->settings.address, datagram->destination, target, size_bytes);
    wire_write_16(target + UDP_CHECKSUM,
                  checksum == UDP_NO_CHECKSUM ? UDP_ZERO_CHECKSUM : checksum);
    return ipv4_send(internet, IPV4_PROTOCOL_UDP, datagram->destination, size_bytes);
}

static int datagram_is_right(const struct ipv4_packet *packet)
{
    uint32_t size_bytes;

    if (packet->size_bytes < UDP_HEADER_SIZE_BYTES) {
        return 0;
    }
    size_bytes = wire_read_16(packet->data + UDP_SIZE);
    return size_bytes >= UDP_HEADER_SIZE_BYTES && size_bytes <= packet->size_bytes &&
           (wire_read_16(packet->data + UDP_CHECKSUM) == UDP_NO_CHECKSUM ||
            datagram_checksum(packet->source, packet->destination, packet->data, size_bytes) == 0);
}

void udp_receive(struct internet *internet, const struct ipv4_packet *packet)
{
    struct internet_datagram datagram;
    const struct internet_port *port;

    if (!datagram_is_right(packet)) {
        internet->counters.wrong++;
        return;
    }
    datagram.source = packet->source;
    datagram.destination = packet->destination;
    datagram.source_port = (uint16_t)wire_read_16(packet->data);
    datagram.destination_port = (uint16_t)wire_read_16(packet->data + UDP_DESTINATION);
    datagram.data = packet->data + UDP_HEADER_SIZE_BYTES;
    datagram.size_bytes = wire_read_16(packet->data + UDP_SIZE) - UDP_HEADER_SIZE_BYTES;
    port = datagram.destination_port == 0 ? 0 : port_find(internet, datagram.destination_port);
    if (port == 0) {
        internet->counters.unbound++;
        return;
    }
    port->received(port->context, &datagram);
}
