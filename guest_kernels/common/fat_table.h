/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of clusters: chains, and what is free. One sector of it is kept and written when
 * another one is wanted, or at a barrier (fat_volume.h). What the table says is never believed:
 * a link leads to a cluster of the volume, or the volume is damaged.
 */
#ifndef FAT_TABLE_H
#define FAT_TABLE_H

#include "fat_volume.h"

static inline int fat_is_cluster(const struct fat_volume *volume, uint32_t cluster)
{
    return cluster >= FAT_CLUSTER_FIRST && cluster - FAT_CLUSTER_FIRST < volume->cluster_count;
}

/* The cluster behind this one; 0: it is the last. */
uint32_t fat_next(struct fat_volume *volume, uint32_t cluster, uint32_t *next);
/* So many links on; FAT_damaged where the chain is shorter. */
uint32_t fat_follow(struct fat_volume *volume, uint32_t *cluster, uint32_t links);

/* A free cluster, as the end of a chain behind `previous`, or (0) of none. */
uint32_t fat_allocate(struct fat_volume *volume, uint32_t previous, uint32_t *cluster);
uint32_t fat_link(struct fat_volume *volume, uint32_t cluster, uint32_t next);
/* Frees at most so many clusters: what hangs behind them may be another's. */
uint32_t fat_release(struct fat_volume *volume, uint32_t first, uint32_t cluster_count);
uint32_t fat_free_count(struct fat_volume *volume, uint32_t *count);

/* Writes the sector that is kept, if it has changed. */
uint32_t fat_table_write(struct fat_volume *volume);

#endif
