/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns which entry is kept, and which one goes.
 */
#include "arp_cache.h"

#include "bytes.h"

static struct arp_entry *entry_find(struct arp_cache *cache, uint32_t address)
{
    for (uint32_t i = 0; i < ARP_ENTRY_COUNT; i++) {
        if (cache->entries[i].address == address) {
            return &cache->entries[i];
        }
    }
    return 0;
}

/* A free entry was used in no turn: it is the oldest. */
static struct arp_entry *entry_oldest(struct arp_cache *cache)
{
    struct arp_entry *oldest = &cache->entries[0];

    for (uint32_t i = 1; i < ARP_ENTRY_COUNT; i++) {
        if (cache->entries[i].used < oldest->used) {
            oldest = &cache->entries[i];
        }
    }
    return oldest;
}

const uint8_t *arp_cache_find(struct arp_cache *cache, uint32_t address)
{
    struct arp_entry *entry = address == 0 ? 0 : entry_find(cache, address);

    if (entry == 0) {
        return 0;
    }
    entry->used = ++cache->turn;
    return entry->hardware;
}

int arp_cache_learn(struct arp_cache *cache, uint32_t address,
                    const uint8_t hardware[HARDWARE_ADDRESS_SIZE_BYTES], int enter)
{
    struct arp_entry *entry = address == 0 ? 0 : entry_find(cache, address);

    if (entry == 0 && enter && address != 0) {
        entry = entry_oldest(cache);
        entry->address = address;
        entry->used = ++cache->turn;
    }
    if (entry == 0) {
        return 0;
    }
    memcpy(entry->hardware, hardware, sizeof(entry->hardware));
    entry->age_ticks = 0;
    return 1;
}

void arp_cache_age(struct arp_cache *cache)
{
    for (uint32_t i = 0; i < ARP_ENTRY_COUNT; i++) {
        struct arp_entry *entry = &cache->entries[i];

        if (entry->address != 0 && ++entry->age_ticks >= ARP_AGE_LIMIT_TICKS) {
            memset(entry, 0, sizeof(*entry));
        }
    }
}
