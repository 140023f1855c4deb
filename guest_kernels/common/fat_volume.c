/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the sector that says what a volume is: reading it with suspicion, and making one. Knows
 * the disk by its three functions only.
 */
#include "fat_volume.h"

#include "bytes.h"
#include "fat_table.h"

#define BOOT_SECTOR_SIZE 11
#define BOOT_CLUSTER_SECTORS 13
#define BOOT_RESERVED_SECTORS 14
#define BOOT_TABLE_COUNT 16
#define BOOT_ROOT_ENTRIES 17
#define BOOT_SECTOR_COUNT 19
#define BOOT_MEDIA 21
#define BOOT_TABLE_SECTORS 22
#define BOOT_TRACK_SECTORS 24
#define BOOT_HEADS 26
#define BOOT_LARGE_SECTOR_COUNT 32
#define BOOT_DRIVE 36
#define BOOT_EXTENDED 38
#define BOOT_SERIAL_NUMBER 39
#define BOOT_LABEL 43
#define BOOT_SIGNATURE 510
#define SIGNATURE 0xaa55u
#define MEDIA_FIXED 0xf8u
#define EXTENDED_MARK 0x29u

#define TABLE_COPIES 2u
#define ROOT_ENTRIES 512u
#define ROOT_SECTORS (ROOT_ENTRIES * FAT_ENTRY_SIZE_BYTES / FAT_SECTOR_SIZE_BYTES)
#define CLUSTER_SECTORS_MAXIMUM 64u
#define CLUSTERS_PREFERRED 16384u /* above, clusters become larger */
#define TABLE_ENTRIES_PER_SECTOR (FAT_SECTOR_SIZE_BYTES / 2)

static const char *const status_texts[FAT_STATUS_COUNT] = {
    [FAT_ok] = "done",
    [FAT_disk_failed] = "the disk has failed",
    [FAT_no_volume] = "there is no volume on the disk",
    [FAT_bad_size] = "the disk is too small for FAT16",
    [FAT_damaged] = "the volume is damaged",
    [FAT_not_found] = "no such file or directory",
    [FAT_exists] = "the name is taken",
    [FAT_is_directory] = "it is a directory",
    [FAT_no_directory] = "it is no directory",
    [FAT_not_empty] = "the directory is not empty",
    [FAT_bad_name] = "a name has up to 8 characters, a dot and up to 3",
    [FAT_full] = "the volume is full",
    [FAT_root_full] = "the root directory is full",
    [FAT_too_large] = "the file would be too large",
    [FAT_read_only] = "it is read-only",
    [FAT_other_directory] = "names change within one directory only",
};

const char *fat_status_text(uint32_t status)
{
    return status < FAT_STATUS_COUNT ? status_texts[status] : "the status is unknown";
}

uint32_t fat_sectors_read(struct fat_volume *volume, uint32_t sector, uint32_t count, void *data)
{
    const struct fat_disk *disk = volume->disk;

    return disk->read(disk->context, sector, count, data) ? FAT_ok : FAT_disk_failed;
}

uint32_t fat_sectors_write(struct fat_volume *volume, uint32_t sector, uint32_t count,
                           const void *data)
{
    const struct fat_disk *disk = volume->disk;

    return disk->write(disk->context, sector, count, data) ? FAT_ok : FAT_disk_failed;
}

uint32_t fat_barrier(struct fat_volume *volume)
{
    uint32_t status = fat_table_write(volume);

    if (status == FAT_ok && !volume->disk->flush(volume->disk->context)) {
        status = FAT_disk_failed;
    }
    return status;
}

/* Why the sector cannot be the beginning of a volume of this disk; 0: it can. */
static const char *layout_read(struct fat_volume *volume, const uint8_t *boot)
{
    uint32_t sectors = fat_number_16(boot + BOOT_SECTOR_COUNT);
    uint32_t root_entries = fat_number_16(boot + BOOT_ROOT_ENTRIES);
    uint32_t tables;

    if (fat_number_16(boot + BOOT_SIGNATURE) != SIGNATURE) {
        return "its first sector has no signature";
    }
    if (fat_number_16(boot + BOOT_SECTOR_SIZE) != FAT_SECTOR_SIZE_BYTES) {
        return "its sectors are not of 512 bytes";
    }
    volume->cluster_sectors = boot[BOOT_CLUSTER_SECTORS];
    if (volume->cluster_sectors == 0 ||
        (volume->cluster_sectors & (volume->cluster_sectors - 1)) != 0) {
        return "the sectors of a cluster are no power of two";
    }
    volume->table_sector = fat_number_16(boot + BOOT_RESERVED_SECTORS);
    volume->table_count = boot[BOOT_TABLE_COUNT];
    volume->table_sectors = fat_number_16(boot + BOOT_TABLE_SECTORS);
    tables = volume->table_count * volume->table_sectors;
    if (volume->table_sector == 0 || tables == 0) {
        return "it has no table of FAT16";
    }
    if (root_entries == 0 || root_entries % (FAT_SECTOR_SIZE_BYTES / FAT_ENTRY_SIZE_BYTES) != 0) {
        return "its root directory does not fill whole sectors";
    }
    sectors = sectors != 0 ? sectors : fat_number_32(boot + BOOT_LARGE_SECTOR_COUNT);
    if (sectors > volume->disk->sector_count) {
        return "it is larger than the disk";
    }
    volume->root_sector = volume->table_sector + tables;
    volume->data_sector =
        volume->root_sector + root_entries * FAT_ENTRY_SIZE_BYTES / FAT_SECTOR_SIZE_BYTES;
    if (sectors < volume->data_sector) {
        return "its tables do not fit it";
    }
    volume->cluster_count = (sectors - volume->data_sector) / volume->cluster_sectors;
    if (volume->cluster_count < FAT_CLUSTER_COUNT_MINIMUM ||
        volume->cluster_count > FAT_CLUSTER_COUNT_MAXIMUM) {
        return "it has too few or too many clusters for FAT16";
    }
    if (volume->table_sectors * TABLE_ENTRIES_PER_SECTOR <
        volume->cluster_count + FAT_CLUSTER_FIRST) {
        return "its table is too short for its clusters";
    }
    return 0;
}

uint32_t fat_mount(struct fat_volume *volume, const struct fat_disk *disk)
{
    memset(volume, 0, sizeof(*volume));
    volume->disk = disk;
    volume->search = FAT_CLUSTER_FIRST;
    if (disk->sector_count == 0) {
        volume->reason = "the disk is empty";
        return FAT_no_volume;
    }
    if (fat_sectors_read(volume, 0, 1, volume->entries) != FAT_ok) {
        return FAT_disk_failed;
    }
    volume->reason = layout_read(volume, volume->entries);
    return volume->reason == 0 ? FAT_ok : FAT_no_volume;
}

/* Sectors of a table, when everything else of so many sectors is clusters. */
static uint32_t table_sectors_of(uint32_t sectors, uint32_t cluster_sectors)
{
    uint32_t clusters = (sectors - 1 - ROOT_SECTORS) / cluster_sectors + FAT_CLUSTER_FIRST;

    return (clusters + TABLE_ENTRIES_PER_SECTOR - 1) / TABLE_ENTRIES_PER_SECTOR;
}

static uint32_t clusters_of(uint32_t sectors, uint32_t cluster_sectors)
{
    uint32_t other = 1 + ROOT_SECTORS + TABLE_COPIES * table_sectors_of(sectors, cluster_sectors);

    return sectors > other ? (sectors - other) / cluster_sectors : 0;
}

/* Everything of the volume but its first sector, which comes last: without it there is none. */
static uint32_t areas_clear(struct fat_volume *volume, uint32_t table_sectors)
{
    uint32_t end = 1 + TABLE_COPIES * table_sectors + ROOT_SECTORS;
    uint32_t status = FAT_ok;

    memset(volume->entries, 0, sizeof(volume->entries));
    status = fat_sectors_write(volume, 0, 1, volume->entries);
    if (status == FAT_ok) {
        status = fat_barrier(volume);
    }
    for (uint32_t sector = 1; status == FAT_ok && sector < end; sector++) {
        memset(volume->entries, 0, 4);
        if (sector == 1 || sector == 1 + table_sectors) {
            fat_number_32_set(volume->entries, 0xffffff00u | MEDIA_FIXED);
        }
        status = fat_sectors_write(volume, sector, 1, volume->entries);
    }
    return status == FAT_ok ? fat_barrier(volume) : status;
}

static void boot_sector_make(uint8_t *boot, uint32_t sectors, uint32_t cluster_sectors,
                             uint32_t serial_number)
{
    memset(boot, 0, FAT_SECTOR_SIZE_BYTES);
    memcpy(boot, "\xeb\x3c\x90ULTRAVIS", 11);
    fat_number_16_set(boot + BOOT_SECTOR_SIZE, FAT_SECTOR_SIZE_BYTES);
    boot[BOOT_CLUSTER_SECTORS] = (uint8_t)cluster_sectors;
    fat_number_16_set(boot + BOOT_RESERVED_SECTORS, 1);
    boot[BOOT_TABLE_COUNT] = TABLE_COPIES;
    fat_number_16_set(boot + BOOT_ROOT_ENTRIES, ROOT_ENTRIES);
    fat_number_16_set(boot + BOOT_SECTOR_COUNT, sectors <= UINT16_MAX ? sectors : 0);
    boot[BOOT_MEDIA] = MEDIA_FIXED;
    fat_number_16_set(boot + BOOT_TABLE_SECTORS, table_sectors_of(sectors, cluster_sectors));
    fat_number_32_set(boot + BOOT_LARGE_SECTOR_COUNT, sectors <= UINT16_MAX ? 0 : sectors);
    /* No disk has them any more, but some tools want to see a number. */
    fat_number_16_set(boot + BOOT_TRACK_SECTORS, 32);
    fat_number_16_set(boot + BOOT_HEADS, 64);
    boot[BOOT_DRIVE] = 0x80;
    boot[BOOT_EXTENDED] = EXTENDED_MARK;
    fat_number_32_set(boot + BOOT_SERIAL_NUMBER, serial_number);
    memcpy(boot + BOOT_LABEL, "NO NAME    FAT16   ", 19);
    fat_number_16_set(boot + BOOT_SIGNATURE, SIGNATURE);
}

uint32_t fat_format(const struct fat_disk *disk, uint32_t serial_number)
{
    struct fat_volume volume;
    uint32_t limit = FAT_CLUSTER_COUNT_MAXIMUM * CLUSTER_SECTORS_MAXIMUM;
    uint32_t sectors = disk->sector_count < limit ? (uint32_t)disk->sector_count : limit;
    uint32_t cluster_sectors = 1;
    uint32_t status;

    memset(&volume, 0, sizeof(volume));
    volume.disk = disk;
    if (sectors <= 1 + ROOT_SECTORS ||
        clusters_of(sectors, cluster_sectors) < FAT_CLUSTER_COUNT_MINIMUM) {
        return FAT_bad_size;
    }
    while (clusters_of(sectors, cluster_sectors) > CLUSTERS_PREFERRED &&
           cluster_sectors < CLUSTER_SECTORS_MAXIMUM) {
        cluster_sectors *= 2;
    }
    status = areas_clear(&volume, table_sectors_of(sectors, cluster_sectors));
    if (status == FAT_ok) {
        boot_sector_make(volume.entries, sectors, cluster_sectors, serial_number);
        status = fat_sectors_write(&volume, 0, 1, volume.entries);
    }
    return status == FAT_ok ? fat_barrier(&volume) : status;
}
