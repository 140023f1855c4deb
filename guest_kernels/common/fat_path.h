/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paths: the directory in which the last name of one stands, and that name. For fat.h's functions.
 */
#ifndef FAT_PATH_H
#define FAT_PATH_H

#include "fat_directory.h"

struct fat_place {
    uint32_t directory;
    uint8_t is_root; /* the path names the root: there is no name */
    uint8_t name_flags;
    uint8_t name[FAT_NAME_SIZE_BYTES];
};

uint32_t fat_place_find(struct fat_volume *volume, const char *path, struct fat_place *place);

#endif
