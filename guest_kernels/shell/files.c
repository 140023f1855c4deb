/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the commands of files and directories.
 */
#include "bytes.h"
#include "command.h"
#include "console.h"
#include "store.h"

#define PIECE_BYTES 4096u

static uint8_t piece[PIECE_BYTES];

/* What a command of one path says of its end. */
static int said(const struct words *words, uint32_t status)
{
    return status == FAT_ok || command_failed(words->at[0], words->at[1], fat_status_text(status));
}

static int list(const struct words *words)
{
    struct fat_volume *volume = store_volume("ls");
    const char *path = words->count > 1 ? words->at[1] : "/";
    struct fat_cursor cursor;
    struct fat_entry entry;
    char name[FAT_NAME_TEXT_BYTES];
    uint32_t status;

    if (volume == 0) {
        return 0;
    }
    status = fat_list(volume, path, &cursor);
    if (status != FAT_ok) {
        return command_failed("ls", path, fat_status_text(status));
    }
    while ((status = fat_directory_next(volume, &cursor, &entry)) == FAT_ok) {
        fat_name_write(entry.name, entry.name_flags, name);
        if ((entry.attributes & FAT_ATTRIBUTE_DIRECTORY) != 0) {
            print("%s/\n", name);
        } else {
            print("%s %u\n", name, (unsigned)entry.size_bytes);
        }
    }
    return status == FAT_not_found || command_failed("ls", path, fat_status_text(status));
}

static int concatenate(const struct words *words)
{
    struct fat_volume *volume = store_volume("cat");
    struct fat_reader reader;
    uint32_t size_bytes = 0;
    uint8_t last = '\n';
    uint32_t status;

    if (volume == 0) {
        return 0;
    }
    status = fat_open(&reader, volume, words->at[1]);
    do {
        if (status == FAT_ok) {
            status = fat_read(&reader, piece, sizeof(piece), &size_bytes);
        }
        if (size_bytes > 0) {
            console_write((const char *)piece, size_bytes);
            last = piece[size_bytes - 1];
        }
    } while (status == FAT_ok && size_bytes > 0);
    if (last != '\n') {
        console_write("\n", 1);
    }
    return said(words, status);
}

/* The text and the end of a line, into a new file or behind an old one. */
static int text_write(const struct words *words, int append)
{
    struct fat_volume *volume = store_volume(words->at[0]);
    struct fat_writer writer;

    if (volume == 0) {
        return 0;
    }
    (void)(append ? fat_append : fat_create)(&writer, volume, words->at[1]);
    if (words->count > 2) {
        (void)fat_write(&writer, words->at[2], (uint32_t)text_length(words->at[2]));
        (void)fat_write(&writer, "\n", 1);
    }
    return said(words, fat_finish(&writer));
}

static int text_create(const struct words *words)
{
    return text_write(words, 0);
}

static int text_append(const struct words *words)
{
    return text_write(words, 1);
}

static int file_remove(const struct words *words)
{
    struct fat_volume *volume = store_volume("rm");

    return volume != 0 && said(words, fat_remove(volume, words->at[1]));
}

static int directory_make(const struct words *words)
{
    struct fat_volume *volume = store_volume("mkdir");

    return volume != 0 && said(words, fat_make_directory(volume, words->at[1]));
}

static int directory_remove(const struct words *words)
{
    struct fat_volume *volume = store_volume("rmdir");

    return volume != 0 && said(words, fat_remove_directory(volume, words->at[1]));
}

/* Whose fault it was, the status does not say; a source that cannot be read is told at once. */
static int copy(const struct words *words, struct fat_volume *volume)
{
    struct fat_reader reader;
    struct fat_writer writer;
    uint32_t size_bytes = 0;
    uint32_t status = fat_open(&reader, volume, words->at[1]);

    if (status != FAT_ok) {
        return said(words, status);
    }
    (void)fat_create(&writer, volume, words->at[2]);
    do {
        status = fat_read(&reader, piece, sizeof(piece), &size_bytes);
        (void)fat_write(&writer, piece, size_bytes);
    } while (status == FAT_ok && writer.status == FAT_ok && size_bytes > 0);
    if (status != FAT_ok) {
        writer.status = writer.status == FAT_ok ? status : writer.status;
        (void)fat_finish(&writer);
        return said(words, status);
    }
    status = fat_finish(&writer);
    return status == FAT_ok || command_failed(words->at[0], words->at[2], fat_status_text(status));
}

/* Nothing is read that the same copy writes: a file is not copied onto itself. */
static int file_copy(const struct words *words)
{
    struct fat_volume *volume = store_volume(words->at[0]);
    struct fat_entry from;
    struct fat_entry to;

    if (volume == 0) {
        return 0;
    }
    if (fat_find(volume, words->at[1], &from) == FAT_ok &&
        fat_find(volume, words->at[2], &to) == FAT_ok && from.sector == to.sector &&
        from.offset == to.offset) {
        return command_failed(words->at[0], words->at[2], "it is the same file");
    }
    return copy(words, volume);
}

/* Within a directory by its name; else by a copy, of which a crash leaves one or both. */
static int file_move(const struct words *words)
{
    struct fat_volume *volume = store_volume("mv");
    uint32_t status;

    if (volume == 0) {
        return 0;
    }
    status = fat_rename(volume, words->at[1], words->at[2]);
    if (status != FAT_other_directory) {
        return said(words, status);
    }
    if (!copy(words, volume)) {
        return 0;
    }
    status = fat_barrier(volume);
    return said(words, status == FAT_ok ? fat_remove(volume, words->at[1]) : status);
}

const struct command file_commands[] = {
    {"ls", "[DIRECTORY]", "Lists a directory: names, sizes in bytes.", 0, 1, 0, list},
    {"cat", "FILE", "Shows a file.", 1, 1, 0, concatenate},
    {"write", "FILE [TEXT]", "Makes or replaces a file by a line.", 1, 2, 1, text_create},
    {"append", "FILE [TEXT]", "Adds a line to a file.", 1, 2, 1, text_append},
    {"rm", "FILE", "Removes a file.", 1, 1, 0, file_remove},
    {"mkdir", "DIRECTORY", "Makes a directory.", 1, 1, 0, directory_make},
    {"rmdir", "DIRECTORY", "Removes an empty directory.", 1, 1, 0, directory_remove},
    {"mv", "FROM TO", "Changes a name, or moves a file.", 2, 2, 0, file_move},
    {"cp", "FROM TO", "Copies a file.", 2, 2, 0, file_copy},
    {0, 0, 0, 0, 0, 0, 0},
};
