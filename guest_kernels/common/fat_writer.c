/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the writing of files, and its order: contents and the chain that they hang in, a barrier,
 * the link from what was there to what is new, a barrier, the entry; and what is replaced is freed
 * behind one more barrier.
 */
#include "bytes.h"
#include "fat.h"
#include "fat_path.h"
#include "fat_table.h"

static uint32_t clusters_for(const struct fat_volume *volume, uint32_t size_bytes)
{
    uint32_t cluster_size_bytes = fat_cluster_size_bytes(volume);

    return size_bytes / cluster_size_bytes + (size_bytes % cluster_size_bytes != 0);
}

/* What both ways to begin have in common: the entry, if there is one, is known and may change. */
static uint32_t writer_begin(struct fat_writer *writer, struct fat_volume *volume, const char *path)
{
    struct fat_entry *entry = &writer->entry;
    struct fat_place place;
    uint32_t status = fat_place_find(volume, path, &place);

    memset(writer, 0, sizeof(*writer));
    writer->volume = volume;
    writer->directory = place.directory;
    if (status != FAT_ok || place.is_root) {
        return status != FAT_ok ? status : FAT_is_directory;
    }
    status = fat_directory_find(volume, place.directory, place.name, entry);
    if (status == FAT_not_found) {
        memset(entry, 0, sizeof(*entry));
        memcpy(entry->name, place.name, sizeof(entry->name));
        entry->name_flags = place.name_flags;
        entry->attributes = FAT_ATTRIBUTE_ARCHIVE;
        return FAT_ok;
    }
    if (status == FAT_ok && (entry->attributes & FAT_ATTRIBUTE_DIRECTORY) != 0) {
        status = FAT_is_directory;
    } else if (status == FAT_ok && (entry->attributes & FAT_ATTRIBUTE_READ_ONLY) != 0) {
        status = FAT_read_only;
    }
    return status;
}

uint32_t fat_create(struct fat_writer *writer, struct fat_volume *volume, const char *path)
{
    writer->status = writer_begin(writer, volume, path);
    writer->old_cluster = writer->entry.first_cluster;
    writer->old_size_bytes = writer->entry.size_bytes;
    writer->entry.first_cluster = 0;
    writer->entry.size_bytes = 0;
    return writer->status;
}

uint32_t fat_append(struct fat_writer *writer, struct fat_volume *volume, const char *path)
{
    struct fat_entry *entry = &writer->entry;
    uint32_t place;
    uint32_t status = writer_begin(writer, volume, path);

    if (status == FAT_ok && entry->size_bytes > 0) {
        /* What hangs behind the last cluster that the size needs is not the file's. */
        writer->tail = entry->first_cluster;
        status = fat_follow(volume, &writer->tail, clusters_for(volume, entry->size_bytes) - 1);
        writer->last = writer->tail;
        place = entry->size_bytes % fat_cluster_size_bytes(volume);
        if (status == FAT_ok && place % FAT_SECTOR_SIZE_BYTES != 0) {
            status = fat_sectors_read(
                volume, fat_cluster_sector(volume, writer->tail) + place / FAT_SECTOR_SIZE_BYTES, 1,
                writer->sector);
            memset(writer->sector + place % FAT_SECTOR_SIZE_BYTES, 0,
                   FAT_SECTOR_SIZE_BYTES - place % FAT_SECTOR_SIZE_BYTES);
        }
    }
    writer->status = status;
    return status;
}

static uint32_t cluster_add(struct fat_writer *writer)
{
    uint32_t status =
        fat_allocate(writer->volume, writer->first != 0 ? writer->last : 0, &writer->last);

    if (status == FAT_ok && writer->first == 0) {
        writer->first = writer->last;
    }
    return status;
}

/* A piece within one cluster: whole sectors from where they are, others by the sector kept. */
static uint32_t piece_write(struct fat_writer *writer, const uint8_t *data, uint32_t *size_bytes)
{
    struct fat_volume *volume = writer->volume;
    uint32_t place = writer->entry.size_bytes % fat_cluster_size_bytes(volume);
    uint32_t offset = place % FAT_SECTOR_SIZE_BYTES;
    uint32_t sector;
    uint32_t status = FAT_ok;

    if (place == 0) {
        status = cluster_add(writer);
        if (status != FAT_ok) {
            return status;
        }
    }
    sector = fat_cluster_sector(volume, writer->last) + place / FAT_SECTOR_SIZE_BYTES;
    if (offset == 0 && *size_bytes >= FAT_SECTOR_SIZE_BYTES) {
        uint32_t room = fat_cluster_size_bytes(volume) - place;

        *size_bytes = *size_bytes < room ? *size_bytes : room;
        *size_bytes -= *size_bytes % FAT_SECTOR_SIZE_BYTES;
        return fat_sectors_write(volume, sector, *size_bytes / FAT_SECTOR_SIZE_BYTES, data);
    }
    if (*size_bytes > FAT_SECTOR_SIZE_BYTES - offset) {
        *size_bytes = FAT_SECTOR_SIZE_BYTES - offset;
    }
    memcpy(writer->sector + offset, data, *size_bytes);
    if (offset + *size_bytes == FAT_SECTOR_SIZE_BYTES) {
        status = fat_sectors_write(volume, sector, 1, writer->sector);
        memset(writer->sector, 0, sizeof(writer->sector));
    }
    return status;
}

uint32_t fat_write(struct fat_writer *writer, const void *data, uint32_t size_bytes)
{
    uint32_t done = 0;

    if (writer->status == FAT_ok && size_bytes > UINT32_MAX - writer->entry.size_bytes) {
        writer->status = FAT_too_large;
    }
    while (writer->status == FAT_ok && done < size_bytes) {
        uint32_t piece = size_bytes - done;

        writer->status = piece_write(writer, (const uint8_t *)data + done, &piece);
        if (writer->status == FAT_ok) {
            writer->entry.size_bytes += piece;
            done += piece;
        }
    }
    return writer->status;
}

/* The contents and their chain, whole, before anything leads to them. */
static uint32_t contents_end(struct fat_writer *writer)
{
    struct fat_volume *volume = writer->volume;
    uint32_t place = writer->entry.size_bytes % fat_cluster_size_bytes(volume);
    uint32_t status = FAT_ok;

    if (place % FAT_SECTOR_SIZE_BYTES != 0) {
        status = fat_sectors_write(
            volume, fat_cluster_sector(volume, writer->last) + place / FAT_SECTOR_SIZE_BYTES, 1,
            writer->sector);
    }
    if (status == FAT_ok) {
        status = fat_barrier(volume);
    }
    if (status == FAT_ok && writer->first != 0 && writer->tail != 0) {
        status = fat_link(volume, writer->tail, writer->first);
        if (status == FAT_ok) {
            status = fat_barrier(volume);
        }
    }
    return status;
}

static uint32_t entry_end(struct fat_writer *writer)
{
    struct fat_entry *entry = &writer->entry;

    if (writer->tail == 0) {
        entry->first_cluster = writer->first;
    }
    return entry->sector != 0 ? fat_entry_write(writer->volume, entry)
                              : fat_directory_add(writer->volume, writer->directory, entry);
}

uint32_t fat_finish(struct fat_writer *writer)
{
    struct fat_volume *volume = writer->volume;
    uint32_t status = writer->status;

    if (status == FAT_ok) {
        status = contents_end(writer);
    }
    if (status == FAT_ok) {
        status = entry_end(writer);
    }
    if (status != FAT_ok) {
        /* Nothing leads to the new clusters, or the disk takes nothing any more. */
        if (status != FAT_disk_failed && writer->first != 0) {
            (void)fat_release(volume, writer->first, volume->cluster_count);
            (void)fat_table_write(volume);
        }
        return status;
    }
    if (writer->old_size_bytes != 0) {
        status = fat_barrier(volume);
        if (status == FAT_ok) {
            status = fat_release(volume, writer->old_cluster,
                                 clusters_for(volume, writer->old_size_bytes));
        }
    }
    return status == FAT_ok ? fat_table_write(volume) : status;
}
