/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the walk along a path, and what only changes entries: directories made and removed, files
 * removed, names changed. Contents are fat_reader.c's and fat_writer.c's.
 */
#include "fat_path.h"

#include "bytes.h"
#include "fat.h"
#include "fat_table.h"

/* The next name of a path; 0 when there is none. */
static size_t part_next(const char **path)
{
    size_t length = 0;

    while (**path == '/') {
        (*path)++;
    }
    while ((*path)[length] != '\0' && (*path)[length] != '/') {
        length++;
    }
    return length;
}

/* `..` of a directory's own; a root has none, and is above itself. */
static uint32_t parent_find(struct fat_volume *volume, uint32_t *directory)
{
    static const uint8_t name[] = "..         ";
    struct fat_entry entry;
    uint32_t status = FAT_ok;

    if (*directory != FAT_ROOT) {
        status = fat_directory_find(volume, *directory, name, &entry);
        *directory = entry.first_cluster;
    }
    return status == FAT_not_found ? FAT_damaged : status;
}

static uint32_t directory_enter(struct fat_volume *volume, const struct fat_place *place,
                                uint32_t *directory)
{
    struct fat_entry entry;
    uint32_t status = fat_directory_find(volume, place->directory, place->name, &entry);

    if (status != FAT_ok) {
        return status;
    }
    if ((entry.attributes & FAT_ATTRIBUTE_DIRECTORY) == 0) {
        return FAT_no_directory;
    }
    *directory = entry.first_cluster;
    return fat_is_cluster(volume, *directory) ? FAT_ok : FAT_damaged;
}

uint32_t fat_place_find(struct fat_volume *volume, const char *path, struct fat_place *place)
{
    uint32_t status = FAT_ok;
    size_t length;

    memset(place, 0, sizeof(*place));
    place->is_root = 1; /* so far */
    while (status == FAT_ok && (length = part_next(&path)) > 0) {
        int is_parent = length == 2 && path[0] == '.' && path[1] == '.';

        /* What the name before led to is a directory, since there is more. */
        if (!place->is_root) {
            status = directory_enter(volume, place, &place->directory);
            place->is_root = 1;
        }
        if (status == FAT_ok && is_parent) {
            status = parent_find(volume, &place->directory);
        } else if (status == FAT_ok && !(length == 1 && path[0] == '.')) {
            place->is_root = 0;
            status = fat_name_read(path, length, place->name, &place->name_flags) ? FAT_ok
                                                                                  : FAT_bad_name;
        }
        path += length;
    }
    return status;
}

uint32_t fat_find(struct fat_volume *volume, const char *path, struct fat_entry *entry)
{
    struct fat_place place;
    uint32_t status = fat_place_find(volume, path, &place);

    memset(entry, 0, sizeof(*entry));
    if (status == FAT_ok && place.is_root) {
        entry->attributes = FAT_ATTRIBUTE_DIRECTORY;
        entry->first_cluster = place.directory;
    } else if (status == FAT_ok) {
        status = fat_directory_find(volume, place.directory, place.name, entry);
    }
    return status;
}

uint32_t fat_list(struct fat_volume *volume, const char *path, struct fat_cursor *cursor)
{
    struct fat_entry entry;
    uint32_t status = fat_find(volume, path, &entry);

    if (status == FAT_ok && (entry.attributes & FAT_ATTRIBUTE_DIRECTORY) == 0) {
        status = FAT_no_directory;
    }
    if (status == FAT_ok && entry.sector != 0 && entry.first_cluster == FAT_ROOT) {
        status = FAT_damaged;
    }
    return status == FAT_ok ? fat_directory_begin(volume, entry.first_cluster, cursor) : status;
}

uint32_t fat_make_directory(struct fat_volume *volume, const char *path)
{
    struct fat_entry entry;
    struct fat_place place;
    uint32_t cluster = 0;
    uint32_t status = fat_place_find(volume, path, &place);

    if (status != FAT_ok || place.is_root) {
        return status != FAT_ok ? status : FAT_exists;
    }
    status = fat_directory_find(volume, place.directory, place.name, &entry);
    if (status != FAT_not_found) {
        return status == FAT_ok ? FAT_exists : status;
    }
    status = fat_directory_make(volume, place.directory, &cluster);
    if (status == FAT_ok) {
        status = fat_barrier(volume);
    }
    if (status == FAT_ok) {
        memset(&entry, 0, sizeof(entry));
        entry.attributes = FAT_ATTRIBUTE_DIRECTORY;
        entry.first_cluster = cluster;
        entry.name_flags = place.name_flags;
        memcpy(entry.name, place.name, sizeof(entry.name));
        status = fat_directory_add(volume, place.directory, &entry);
    }
    if (status != FAT_ok && cluster != 0) {
        (void)fat_release(volume, cluster, 1);
        (void)fat_table_write(volume);
    }
    return status;
}

/* The entry first, then what it had: a crash between leaves clusters of nobody. */
static uint32_t entry_take_away(struct fat_volume *volume, const struct fat_entry *entry,
                                uint32_t cluster_count)
{
    uint32_t status = fat_entry_remove(volume, entry);

    if (status == FAT_ok) {
        status = fat_barrier(volume);
    }
    if (status == FAT_ok) {
        status = fat_release(volume, entry->first_cluster, cluster_count);
    }
    return status == FAT_ok ? fat_table_write(volume) : status;
}

uint32_t fat_remove_directory(struct fat_volume *volume, const char *path)
{
    struct fat_entry entry;
    struct fat_entry inside;
    struct fat_cursor cursor;
    uint32_t status = fat_find(volume, path, &entry);

    if (status != FAT_ok) {
        return status;
    }
    if (entry.sector == 0) {
        return FAT_not_empty; /* the root, or the directory that a path leaves by `.` or `..` */
    }
    status = fat_list(volume, path, &cursor);
    if (status == FAT_ok) {
        status = fat_directory_next(volume, &cursor, &inside);
        status = status == FAT_ok ? FAT_not_empty : status;
    }
    return status == FAT_not_found ? entry_take_away(volume, &entry, volume->cluster_count)
                                   : status;
}

uint32_t fat_remove(struct fat_volume *volume, const char *path)
{
    struct fat_entry entry;
    uint32_t status = fat_find(volume, path, &entry);
    uint32_t size_bytes = fat_cluster_size_bytes(volume);

    if (status != FAT_ok) {
        return status;
    }
    if ((entry.attributes & FAT_ATTRIBUTE_DIRECTORY) != 0) {
        return FAT_is_directory;
    }
    if ((entry.attributes & FAT_ATTRIBUTE_READ_ONLY) != 0) {
        return FAT_read_only;
    }
    return entry_take_away(volume, &entry,
                           entry.size_bytes / size_bytes + (entry.size_bytes % size_bytes != 0));
}

uint32_t fat_rename(struct fat_volume *volume, const char *path, const char *new_path)
{
    struct fat_entry entry;
    struct fat_entry other;
    struct fat_place place;
    struct fat_place new_place;
    uint32_t status = fat_place_find(volume, path, &place);

    if (status == FAT_ok) {
        status = fat_place_find(volume, new_path, &new_place);
    }
    if (status != FAT_ok) {
        return status;
    }
    if (place.is_root || new_place.is_root) {
        return FAT_is_directory;
    }
    status = fat_directory_find(volume, new_place.directory, new_place.name, &other);
    if (status == FAT_ok && memcmp(place.name, new_place.name, sizeof(place.name)) != 0) {
        return FAT_exists;
    }
    if (status != FAT_ok && status != FAT_not_found) {
        return status;
    }
    status = fat_directory_find(volume, place.directory, place.name, &entry);
    if (status == FAT_ok && place.directory != new_place.directory) {
        return FAT_other_directory;
    }
    if (status == FAT_ok) {
        memcpy(entry.name, new_place.name, sizeof(entry.name));
        entry.name_flags = new_place.name_flags;
        status = fat_entry_write(volume, &entry);
    }
    return status;
}
