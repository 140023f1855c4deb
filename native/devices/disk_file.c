/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk in a host file. The file is the disk: its size is fixed when it is opened, it is locked
 * against a second writer, a flush is fdatasync, and a file that has lost its name or a part of
 * itself is an error at once, not after what was acknowledged is gone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"

#include "disk_medium.h"

#define ZEROES_SIZE_BYTES 65536u
#define FILE_MODE 0644

static int file_fail(struct disk *disk, const char *what, uint64_t offset, int error)
{
    disk_refuse(disk, "%s: %s at byte %llu: %s", disk->path, what, (unsigned long long)offset,
                strerror(error));
    return error;
}

static bool open_fail(struct disk *disk, const char *why)
{
    disk_refuse(disk, "%s: %s", disk->path, why);
    return false;
}

static bool file_size_fix(struct disk *disk, const struct stat *found)
{
    uint64_t has_bytes = (uint64_t)found->st_size;
    if (disk->size_bytes > has_bytes && !disk->read_only) {
        if (ftruncate(disk->file, (off_t)disk->size_bytes) != 0) {
            return open_fail(disk, strerror(errno));
        }
        has_bytes = disk->size_bytes;
    }
    if (disk->size_bytes != 0 && disk->size_bytes != has_bytes) {
        return open_fail(disk, disk->size_bytes < has_bytes ? "larger than the disk's size"
                                                            : "smaller than the disk's size");
    }
    if (has_bytes == 0 || has_bytes % SECTOR_SIZE_BYTES != 0) {
        return open_fail(disk, "its size is not a whole number of sectors");
    }
    disk->size_bytes = has_bytes;
    return true;
}

/* Not created with O_TRUNC, ever; a file without any permission to write is a read-only disk. */
bool disk_file_open(struct disk *disk)
{
    struct stat found;
    bool exists = stat(disk->path, &found) == 0;
    if (exists && !S_ISREG(found.st_mode)) {
        return open_fail(disk, "not a regular file");
    }
    disk->read_only =
        disk->read_only || (exists && (found.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) == 0);
    bool create = !exists && !disk->read_only && disk->size_bytes != 0;
    int flags = disk->read_only ? O_RDONLY : O_RDWR;
    disk->file = open(disk->path, flags | O_CLOEXEC | (create ? O_CREAT : 0), FILE_MODE);
    if (disk->file < 0 && !disk->read_only && (errno == EACCES || errno == EROFS)) {
        disk->read_only = true;
        disk->file = open(disk->path, O_RDONLY | O_CLOEXEC);
    }
    if (disk->file < 0) {
        return open_fail(disk, strerror(errno));
    }
    if (flock(disk->file, (disk->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        return open_fail(disk, "in use as a disk elsewhere");
    }
    if (fstat(disk->file, &found) != 0) {
        return open_fail(disk, strerror(errno));
    }
    return file_size_fix(disk, &found);
}

void disk_file_close(struct disk *disk)
{
    if (disk->file >= 0) {
        (void)close(disk->file);
    }
}

int disk_file_present(struct disk *disk)
{
    struct stat found;
    if (fstat(disk->file, &found) != 0) {
        return file_fail(disk, "looking at it", 0, errno);
    }
    if (found.st_nlink == 0) {
        disk_refuse(disk, "%s: the file has vanished", disk->path);
        return EIO;
    }
    if ((uint64_t)found.st_size < disk->size_bytes) {
        disk_refuse(disk, "%s: the file has shrunk to %llu bytes", disk->path,
                    (unsigned long long)found.st_size);
        return EIO;
    }
    return 0;
}

int disk_file_read(struct disk *disk, uint64_t offset, uint8_t *data, uint64_t size_bytes)
{
    while (size_bytes != 0) {
        ssize_t done = pread(disk->file, data, size_bytes, (off_t)offset);
        if (done < 0 && errno != EINTR) {
            return file_fail(disk, "reading", offset, errno);
        }
        if (done == 0) {
            disk_refuse(disk, "%s: the file ends at byte %llu", disk->path,
                        (unsigned long long)offset);
            return EIO;
        }
        if (done > 0) {
            data += done;
            offset += (uint64_t)done;
            size_bytes -= (uint64_t)done;
        }
    }
    return 0;
}

int disk_file_write(struct disk *disk, uint64_t offset, const uint8_t *data, uint64_t size_bytes)
{
    while (size_bytes != 0) {
        ssize_t done = pwrite(disk->file, data, size_bytes, (off_t)offset);
        if (done < 0 && errno != EINTR) {
            return file_fail(disk, "writing", offset, errno);
        }
        if (done > 0) {
            data += done;
            offset += (uint64_t)done;
            size_bytes -= (uint64_t)done;
        }
    }
    return 0;
}

int disk_file_flush(struct disk *disk)
{
    if (disk->read_only) {
        return 0;
    }
    return fdatasync(disk->file) == 0 ? 0 : file_fail(disk, "flushing", 0, errno);
}

int disk_file_zero(struct disk *disk, uint64_t offset, uint64_t size_bytes, bool unmap)
{
    static const uint8_t zeroes[ZEROES_SIZE_BYTES];
    int mode = FALLOC_FL_KEEP_SIZE | (unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
    if (size_bytes == 0 || fallocate(disk->file, mode, (off_t)offset, (off_t)size_bytes) == 0) {
        return 0;
    }
    /* A file system that knows neither gets zeroes. */
    int error =
        errno == EOPNOTSUPP || errno == EINTR ? 0 : file_fail(disk, "zeroing", offset, errno);
    while (error == 0 && size_bytes != 0) {
        uint64_t piece = size_bytes < ZEROES_SIZE_BYTES ? size_bytes : ZEROES_SIZE_BYTES;
        error = disk_file_write(disk, offset, zeroes, piece);
        offset += piece;
        size_bytes -= piece;
    }
    return error;
}
