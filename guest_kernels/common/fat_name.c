/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the form of names. Pure.
 */
#include "fat_name.h"

#include "bytes.h"

#define BASE_LIMIT 8u
#define EXTENSION_LIMIT 3u
#define SMALL_E_SUBSTITUTE 0x05u /* stands for 0xe5, which marks what was deleted */

static int is_small(char character)
{
    return character >= 'a' && character <= 'z';
}

static int is_allowed(char character)
{
    static const char others[] = "!#$%&'()-@^_`{}~";

    for (size_t i = 0; i < sizeof(others) - 1; i++) {
        if (character == others[i]) {
            return 1;
        }
    }
    return is_small(character) || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9');
}

/* One part, filled up with blanks; sets the flag when it has small letters and no capital ones. */
static int part_read(const char *text, size_t length, size_t limit, uint8_t *part, uint8_t flag,
                     uint8_t *flags)
{
    int small = 0;
    int capital = 0;

    if (length > limit) {
        return 0;
    }
    memset(part, ' ', limit);
    for (size_t i = 0; i < length; i++) {
        if (!is_allowed(text[i])) {
            return 0;
        }
        small |= is_small(text[i]);
        capital |= text[i] >= 'A' && text[i] <= 'Z';
        part[i] = (uint8_t)(is_small(text[i]) ? text[i] - 'a' + 'A' : text[i]);
    }
    if (small && !capital) {
        *flags = (uint8_t)(*flags | flag);
    }
    return 1;
}

int fat_name_read(const char *text, size_t length, uint8_t *name, uint8_t *flags)
{
    size_t base = 0;
    size_t extension;

    while (base < length && text[base] != '.') {
        base++;
    }
    extension = base < length ? length - base - 1 : 0;
    *flags = 0;
    return base > 0 && (base == length || extension > 0) &&
           part_read(text, base, BASE_LIMIT, name, FAT_NAME_SMALL_BASE, flags) &&
           part_read(text + length - extension, extension, EXTENSION_LIMIT, name + BASE_LIMIT,
                     FAT_NAME_SMALL_EXTENSION, flags);
}

static char *part_write(const uint8_t *part, size_t limit, int small, char *text)
{
    size_t length = limit;

    while (length > 0 && part[length - 1] == ' ') {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        char character = part[i] > ' ' && part[i] < 0x7f ? (char)part[i] : '?';

        *text++ = small && character >= 'A' && character <= 'Z' ? (char)(character - 'A' + 'a')
                                                                : character;
    }
    return text;
}

void fat_name_write(const uint8_t *name, uint8_t flags, char *text)
{
    uint8_t copy[FAT_NAME_SIZE_BYTES];
    char *end;

    memcpy(copy, name, sizeof(copy));
    copy[0] = copy[0] == SMALL_E_SUBSTITUTE ? 0xe5u : copy[0];
    text = part_write(copy, BASE_LIMIT, flags & FAT_NAME_SMALL_BASE, text);
    *text = '.';
    end =
        part_write(copy + BASE_LIMIT, EXTENSION_LIMIT, flags & FAT_NAME_SMALL_EXTENSION, text + 1);
    *(end == text + 1 ? text : end) = '\0';
}
