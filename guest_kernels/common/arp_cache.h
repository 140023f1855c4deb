/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is where on the local network: a bounded table of addresses. The one used longest ago goes
 * first; one that nobody has confirmed for a while is not known any more. Pure.
 */
#ifndef ARP_CACHE_H
#define ARP_CACHE_H

#include <stdint.h>

#define ARP_ENTRY_COUNT 16u
#define ARP_AGE_LIMIT_TICKS 600u
#define HARDWARE_ADDRESS_SIZE_BYTES 6u

struct arp_entry {
    uint32_t address; /* 0: free */
    uint8_t hardware[HARDWARE_ADDRESS_SIZE_BYTES];
    uint32_t age_ticks;
    uint64_t used; /* the turn of its last use */
};

struct arp_cache {
    struct arp_entry entries[ARP_ENTRY_COUNT];
    uint64_t turn;
};

/* Where an address is, which counts as its use; 0: not known. */
const uint8_t *arp_cache_find(struct arp_cache *cache, uint32_t address);
/* Corrects an entry; makes one only when `enter`. Returns whether there is one now. */
int arp_cache_learn(struct arp_cache *cache, uint32_t address,
                    const uint8_t hardware[HARDWARE_ADDRESS_SIZE_BYTES], int enter);
/* A tick has passed. */
void arp_cache_age(struct arp_cache *cache);

#endif
