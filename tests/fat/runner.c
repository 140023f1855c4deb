/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes on this host: the guests' own code over a disk with a cache, which dies when it is told
 * to. Reads a command a line and answers with one; driven by c_volume.py. The image is a file that
 * both sides map: it holds what is durable. Whoever reaches beyond the disk ends the program.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fat.h"
#include "fat_table.h"

#define PENDING_LIMIT 65536u
#define LINE_LIMIT (1u << 22)
#define PIECE_BYTES 777u /* what is asked for at once: no power of two */

struct pending {
    uint64_t sector;
    uint8_t data[FAT_SECTOR_SIZE_BYTES];
};

static uint8_t *durable;
static uint8_t *current;
static uint8_t *saved;
static size_t image_size_bytes;
static struct pending *pending;
static uint32_t pending_count;
static uint64_t writes_left = UINT64_MAX; /* until the disk dies */
static uint64_t write_count;
static struct fat_volume volume;
static char line[LINE_LIMIT];
static uint8_t bytes[LINE_LIMIT / 2];

static void check(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static int sectors_read(void *context, uint64_t sector, uint32_t count, void *data)
{
    (void)context;
    check(count > 0 && (sector + count) * FAT_SECTOR_SIZE_BYTES <= image_size_bytes,
          "a read beyond the disk");
    memcpy(data, current + sector * FAT_SECTOR_SIZE_BYTES, (size_t)count * FAT_SECTOR_SIZE_BYTES);
    return writes_left > 0;
}

static int sectors_write(void *context, uint64_t sector, uint32_t count, const void *data)
{
    (void)context;
    check(count > 0 && (sector + count) * FAT_SECTOR_SIZE_BYTES <= image_size_bytes,
          "a write beyond the disk");
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *from = (const uint8_t *)data + i * FAT_SECTOR_SIZE_BYTES;

        if (writes_left == 0) {
            return 0;
        }
        writes_left--;
        write_count++;
        check(pending_count < PENDING_LIMIT, "too much without a flush");
        pending[pending_count].sector = sector + i;
        memcpy(pending[pending_count].data, from, FAT_SECTOR_SIZE_BYTES);
        pending_count++;
        memcpy(current + (sector + i) * FAT_SECTOR_SIZE_BYTES, from, FAT_SECTOR_SIZE_BYTES);
    }
    return 1;
}

static int flush(void *context)
{
    (void)context;
    if (writes_left == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < pending_count; i++) {
        memcpy(durable + pending[i].sector * FAT_SECTOR_SIZE_BYTES, pending[i].data,
               FAT_SECTOR_SIZE_BYTES);
    }
    pending_count = 0;
    return 1;
}

static struct fat_disk disk = {.read = sectors_read, .write = sectors_write, .flush = flush};

/* Of what was not flushed, any part is kept, and each sector as any write of it left it. */
static void crash(uint64_t seed)
{
    for (uint32_t i = 0; i < pending_count; i++) {
        uint64_t mixed = (seed + i) * 0x9e3779b97f4a7c15ull;

        mixed = (mixed ^ mixed >> 32) * 0xd6e8feb86659fd93ull;
        if ((mixed >> 63) != 0) {
            memcpy(durable + pending[i].sector * FAT_SECTOR_SIZE_BYTES, pending[i].data,
                   FAT_SECTOR_SIZE_BYTES);
        }
    }
}

static void load(void)
{
    memcpy(current, durable, image_size_bytes);
    pending_count = 0;
    writes_left = UINT64_MAX;
}

static uint8_t digit(char character)
{
    return (uint8_t)(character <= '9' ? character - '0' : character - 'a' + 10);
}

static uint32_t bytes_of_hex(const char *text)
{
    uint32_t count = 0;

    while (text != 0 && text[0] != '-' && text[0] != '\0') {
        bytes[count++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
        text += 2;
    }
    return count;
}

static uint32_t write_file(const char *path, const char *hex, int append)
{
    struct fat_writer writer;
    uint32_t size_bytes = bytes_of_hex(hex);

    (void)(append ? fat_append : fat_create)(&writer, &volume, path);
    for (uint32_t done = 0; done < size_bytes; done += PIECE_BYTES) {
        uint32_t left = size_bytes - done;

        (void)fat_write(&writer, bytes + done, left < PIECE_BYTES ? left : PIECE_BYTES);
    }
    return fat_finish(&writer);
}

static uint32_t read_file(const char *path)
{
    struct fat_reader reader;
    uint8_t piece[PIECE_BYTES];
    uint32_t size_bytes = 1;
    uint32_t status = fat_open(&reader, &volume, path);
    uint64_t total = 0;

    printf("=");
    while (status == FAT_ok && size_bytes > 0 && total < image_size_bytes) {
        status = fat_read(&reader, piece, sizeof(piece), &size_bytes);
        total += size_bytes;
        for (uint32_t i = 0; i < size_bytes; i++) {
            printf("%02x", piece[i]);
        }
    }
    printf(" ");
    return status;
}

static uint32_t list(const char *path)
{
    struct fat_cursor cursor;
    struct fat_entry entry;
    char name[FAT_NAME_TEXT_BYTES];
    uint32_t status = fat_list(&volume, path, &cursor);

    while (status == FAT_ok) {
        status = fat_directory_next(&volume, &cursor, &entry);
        if (status == FAT_ok) {
            fat_name_write(entry.name, entry.name_flags, name);
            printf("%s:%u:%u ", name, (entry.attributes & FAT_ATTRIBUTE_DIRECTORY) != 0,
                   entry.size_bytes);
        }
    }
    return status == FAT_not_found && fat_list(&volume, path, &cursor) == FAT_ok ? FAT_ok : status;
}

static uint32_t control(const char *name, uint64_t number)
{
    uint32_t count = 0;
    uint32_t status = FAT_ok;

    if (strcmp(name, "format") == 0) {
        status = fat_format(&disk, (uint32_t)number);
    } else if (strcmp(name, "mount") == 0) {
        status = fat_mount(&volume, &disk);
        printf("=%s=", status == FAT_no_volume ? volume.reason : "");
    } else if (strcmp(name, "sync") == 0) {
        status = fat_barrier(&volume);
    } else if (strcmp(name, "free") == 0) {
        status = fat_free_count(&volume, &count);
        printf("%u ", count);
    } else if (strcmp(name, "die") == 0) {
        writes_left = number;
    } else if (strcmp(name, "crash") == 0) {
        crash(number);
        load();
    } else if (strcmp(name, "load") == 0) {
        load();
    } else if (strcmp(name, "save") == 0) {
        memcpy(saved, durable, image_size_bytes);
    } else if (strcmp(name, "restore") == 0) {
        memcpy(durable, saved, image_size_bytes);
        load();
    } else if (strcmp(name, "writes") == 0) {
        printf("%llu ", (unsigned long long)write_count);
    } else {
        check(0, "no such command");
    }
    return status;
}

static uint32_t command(const char *name, const char *path, const char *other)
{
    if (strcmp(name, "write") == 0) {
        return write_file(path, other, 0);
    } else if (strcmp(name, "append") == 0) {
        return write_file(path, other, 1);
    } else if (strcmp(name, "read") == 0) {
        return read_file(path);
    } else if (strcmp(name, "list") == 0) {
        return list(path);
    } else if (strcmp(name, "mkdir") == 0) {
        return fat_make_directory(&volume, path);
    } else if (strcmp(name, "rmdir") == 0) {
        return fat_remove_directory(&volume, path);
    } else if (strcmp(name, "rm") == 0) {
        return fat_remove(&volume, path);
    } else if (strcmp(name, "mv") == 0) {
        return fat_rename(&volume, path, other);
    }
    return control(name, path != 0 ? strtoull(path, 0, 10) : 0);
}

int main(int argument_count, char **arguments)
{
    struct stat information;
    int file;

    check(argument_count == 2, "an image is wanted");
    file = open(arguments[1], O_RDWR);
    check(file >= 0 && fstat(file, &information) == 0, "no such image");
    image_size_bytes = (size_t)information.st_size;
    disk.sector_count = image_size_bytes / FAT_SECTOR_SIZE_BYTES;
    durable = mmap(0, image_size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    check(durable != MAP_FAILED, "the image cannot be mapped");
    current = malloc(image_size_bytes);
    saved = malloc(image_size_bytes);
    pending = malloc(PENDING_LIMIT * sizeof(*pending));
    check(current != 0 && saved != 0 && pending != 0, "no memory");
    load();
    while (fgets(line, sizeof(line), stdin) != 0) {
        char *words[3] = {strtok(line, " \n"), strtok(0, " \n"), strtok(0, " \n")};

        printf("%u\n", command(words[0], words[1], words[2]));
        fflush(stdout);
    }
    free(pending);
    free(saved);
    free(current);
    return 0;
}
