/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of eight characters and three, as people write them and as a directory has them. A part
 * in small letters is kept so by a flag, as usual; capital and small letters are the same name.
 */
#ifndef FAT_NAME_H
#define FAT_NAME_H

#include <stddef.h>
#include <stdint.h>

#define FAT_NAME_SIZE_BYTES 11u
#define FAT_NAME_TEXT_BYTES 13u /* with the dot and a final zero */
#define FAT_NAME_SMALL_BASE 0x08u
#define FAT_NAME_SMALL_EXTENSION 0x10u

/* Returns 0 for what is no such name. */
int fat_name_read(const char *text, size_t length, uint8_t *name, uint8_t *flags);
/* Of a directory's bytes, whatever they are: the text has printable characters only. */
void fat_name_write(const uint8_t *name, uint8_t flags, char *text);

#endif
