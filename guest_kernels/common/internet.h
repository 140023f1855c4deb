/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small host of the Internet on a network card: one static address, ARP (RFC 826), IPv4
 * (RFC 791) without fragments and options, echo of ICMP (RFC 792), UDP (RFC 768). It has no
 * clock: its user says when a tick has passed; equal frames and ticks give equal frames. Addresses
 * are numbers: 10.0.0.1 is 0x0a000001. One user at a time.
 */
#ifndef INTERNET_H
#define INTERNET_H

#include "arp_cache.h"
#include "network.h"

#define INTERNET_PORT_COUNT 8u
#define INTERNET_WAITING_COUNT 4u /* packets whose next hop is being asked for */
#define INTERNET_ASK_TICKS 10u    /* between two questions where a hop is */
#define INTERNET_ASK_LIMIT 3u     /* questions, before its packet is dropped */
#define INTERNET_BROADCAST 0xffffffffu
#define INTERNET_DATA_LIMIT_BYTES 1472u /* of a datagram or an echo, where frames are longest */

struct internet_settings {
    uint32_t address;
    uint32_t mask;
    uint32_t gateway; /* 0: none, only the own network can be reached */
};

struct internet_datagram {
    uint32_t source; /* of one to send: not looked at */
    uint32_t destination;
    uint16_t source_port;
    uint16_t destination_port;
    uint32_t size_bytes;
    const uint8_t *data; /* of one that came: until the callback returns */
};

struct internet_port {
    uint16_t number; /* 0: free */
    void (*received)(void *context, const struct internet_datagram *datagram);
    void *context;
};

enum internet_echo_status {
    INTERNET_ECHO_waiting = 0,
    INTERNET_ECHO_answered = 1, /* by the one that was asked, with the same data */
    INTERNET_ECHO_silent = 2    /* for tick_limit ticks */
};

/* A question of one's own, and the internet's until it ends. */
struct internet_echo {
    uint32_t destination;
    uint32_t size_bytes; /* of data, which are made from the sequence */
    uint16_t sequence;
    uint32_t tick_limit;
    void (*ended)(struct internet_echo *echo); /* may be 0; may ask again */
    void *context; /* the user's */
    enum internet_echo_status status;
    uint32_t ticks; /* that have passed */
    /* The internet's own. */
    uint16_t identifier;
    struct internet_echo *next;
};

/* A packet, in the frame that carries it, before its receiver is known. */
struct internet_waiting {
    uint32_t hop; /* 0: free */
    uint32_t ticks;
    uint32_t size_bytes;
    uint64_t turn;
    uint8_t frame[NETWORK_FRAME_LIMIT_BYTES];
};

/* Frames that came and had no effect, each counted once by what was wrong; and packets to send. */
struct internet_counters {
    uint64_t others;      /* to another address */
    uint64_t wrong;       /* lengths, versions, checksums, addresses that cannot be */
    uint64_t unknown;     /* protocols and messages that this host does not speak */
    uint64_t fragments;
    uint64_t unbound;     /* datagrams to a port that nobody has */
    uint64_t conflicts;   /* another claims this host's address */
    uint64_t stray;       /* answers that nobody waits for */
    uint64_t echoed;      /* questions that this host has answered */
    uint64_t unreachable; /* packets dropped, because their hop is not found or has no room */
    uint64_t unsent;      /* frames that the card refused */
};

struct internet {
    struct network *network;
    struct internet_settings settings;
    struct arp_cache cache;
    struct internet_port ports[INTERNET_PORT_COUNT];
    struct internet_waiting waiting[INTERNET_WAITING_COUNT];
    struct internet_echo *echoes;
    uint64_t turn;
    uint16_t identification; /* of the last packet */
    uint16_t echo_identifier;
    struct internet_counters counters;
    uint8_t frame[NETWORK_FRAME_LIMIT_BYTES]; /* the one that is being made */
};

void internet_start(struct internet *internet, struct network *network,
                    const struct internet_settings *settings);

/* For network_operations: a frame has come; frames go a new way, so all are told who is here. */
void internet_receive(struct internet *internet, const uint8_t *frame, uint32_t size_bytes);
void internet_announce(struct internet *internet);

/* A tick has passed: by convention a tenth of a second. */
void internet_tick(struct internet *internet);

/* Datagrams to this port are given to `received`. 0: it is taken, or none is free. */
int internet_bind(struct internet *internet, uint16_t port,
                  void (*received)(void *context, const struct internet_datagram *datagram),
                  void *context);
void internet_unbind(struct internet *internet, uint16_t port);
/* Answers each datagram to this port with the same data, by RFC 862. */
int internet_bind_echo(struct internet *internet, uint16_t port);

/* 0: too long, no way there, or the card takes none now. What is sent may be lost. */
int internet_send(struct internet *internet, const struct internet_datagram *datagram);

/* Asks once; the end follows with an answer, or by ticks. 0: cannot be asked, and is not. */
int internet_ask_echo(struct internet *internet, struct internet_echo *echo);

#endif
