/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the reading of files: as many sectors at once as lie in one cluster.
 */
#include "bytes.h"
#include "fat.h"
#include "fat_table.h"

uint32_t fat_open(struct fat_reader *reader, struct fat_volume *volume, const char *path)
{
    struct fat_entry entry;
    uint32_t status = fat_find(volume, path, &entry);

    memset(reader, 0, sizeof(*reader));
    if (status == FAT_ok && (entry.attributes & FAT_ATTRIBUTE_DIRECTORY) != 0) {
        status = FAT_is_directory;
    }
    if (status == FAT_ok && entry.size_bytes > 0 && !fat_is_cluster(volume, entry.first_cluster)) {
        status = FAT_damaged;
    }
    reader->volume = volume;
    reader->cluster = entry.first_cluster;
    reader->size_bytes = status == FAT_ok ? entry.size_bytes : 0;
    return status;
}

/* A piece within one cluster: whole sectors to where they belong, others by a copy. */
static uint32_t piece_read(struct fat_reader *reader, uint8_t *data, uint32_t *size_bytes)
{
    struct fat_volume *volume = reader->volume;
    uint32_t place = reader->position_bytes % fat_cluster_size_bytes(volume);
    uint32_t offset = place % FAT_SECTOR_SIZE_BYTES;
    uint32_t sector;
    uint32_t status = FAT_ok;

    if (place == 0 && reader->position_bytes != 0) {
        status = fat_follow(volume, &reader->cluster, 1);
        if (status != FAT_ok) {
            reader->size_bytes = reader->position_bytes; /* there is no more of it */
            return status;
        }
    }
    sector = fat_cluster_sector(volume, reader->cluster) + place / FAT_SECTOR_SIZE_BYTES;
    if (offset == 0 && *size_bytes >= FAT_SECTOR_SIZE_BYTES) {
        uint32_t room = fat_cluster_size_bytes(volume) - place;

        *size_bytes = *size_bytes < room ? *size_bytes : room;
        *size_bytes -= *size_bytes % FAT_SECTOR_SIZE_BYTES;
        return fat_sectors_read(volume, sector, *size_bytes / FAT_SECTOR_SIZE_BYTES, data);
    }
    if (*size_bytes > FAT_SECTOR_SIZE_BYTES - offset) {
        *size_bytes = FAT_SECTOR_SIZE_BYTES - offset;
    }
    status = fat_sectors_read(volume, sector, 1, reader->sector);
    memcpy(data, reader->sector + offset, *size_bytes);
    return status;
}

uint32_t fat_read(struct fat_reader *reader, void *data, uint32_t size_bytes, uint32_t *read_bytes)
{
    uint32_t left = reader->size_bytes - reader->position_bytes;
    uint32_t status = FAT_ok;

    size_bytes = size_bytes < left ? size_bytes : left;
    *read_bytes = 0;
    while (status == FAT_ok && *read_bytes < size_bytes) {
        uint32_t piece = size_bytes - *read_bytes;

        status = piece_read(reader, (uint8_t *)data + *read_bytes, &piece);
        if (status == FAT_ok) {
            reader->position_bytes += piece;
            *read_bytes += piece;
        }
    }
    return status;
}
