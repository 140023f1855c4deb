/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the commands of the volume as a whole.
 */
#include "command.h"
#include "console.h"
#include "fat_table.h"
#include "store.h"

static int format(const struct words *words)
{
    (void)words;
    return store_format("format");
}

static int disk_free(const struct words *words)
{
    struct fat_volume *volume = store_volume("df");
    uint32_t free_count;
    uint32_t status;

    (void)words;
    if (volume == 0) {
        return 0;
    }
    status = fat_free_count(volume, &free_count);
    if (status != FAT_ok) {
        return command_failed("df", "the table", fat_status_text(status));
    }
    print("%u clusters of %u bytes, %u free\n", (unsigned)volume->cluster_count,
          (unsigned)fat_cluster_size_bytes(volume), (unsigned)free_count);
    return 1;
}

static int synchronise(const struct words *words)
{
    struct fat_volume *volume = store_volume("sync");
    uint32_t status;

    (void)words;
    if (volume == 0) {
        return 0;
    }
    status = fat_barrier(volume);
    return status == FAT_ok || command_failed("sync", "the disk", fat_status_text(status));
}

const struct command volume_commands[] = {
    {"format", "", "Makes an empty volume; what was there is gone.", 0, 0, 0, format},
    {"df", "", "Shows how much of the volume is free.", 0, 0, 0, disk_free},
    {"sync", "", "Waits until all that was written is kept.", 0, 0, 0, synchronise},
    {0, 0, 0, 0, 0, 0, 0},
};
