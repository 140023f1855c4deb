/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that uses its first disk, whichever path leads to it: requests of all kinds from a seed,
 * and then it reads back what it wrote. Options: requests=N, depth=N under way, sectors=N of one,
 * span=N sectors of the disk, seed=N, `records` for marks of what it asks. With `sequence` it
 * writes and then reads that many equal requests in order, with `signals` it asks the server as
 * often what the disk is: both are what is measured. For tests of servers: `zeroes` discards all
 * of the disk and writes zeroes to it, `hostile` breaks its queue, and with `poke` it writes to
 * what it shares with others as its console says (poke.h).
 */
#include "check.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "image.h"
#include "marks.h"
#include "media.h"
#include "option.h"
#include "poke.h"
#include "requests.h"
#include "sequence.h"
#include "shared_word.h"
#include "signals.h"
#include "start.h"

IMAGE(16 * 1024 * 1024);

static uint32_t option_of(const char *name, uint32_t otherwise, uint32_t limit)
{
    uint64_t number = option_number(start_page->command_line, name, otherwise);

    return number == 0 ? 1 : number > limit ? limit : (uint32_t)number;
}

static struct disk *disk_await(void)
{
    while (media_disk(0) == 0 || media_disk(0)->capacity_sectors == 0) {
        if (media_poll() == 0) {
            media_wait();
        }
    }
    print("disk 0: %llu sectors, %u of a request at most\n",
          (unsigned long long)media_disk(0)->capacity_sectors,
          (unsigned)media_disk(0)->transfer_limit_sectors);
    return media_disk(0);
}

static void phase(uint32_t number)
{
    CALL(hypercall_mark(MARK_phase, number));
}

static int sequence(struct disk *disk)
{
    const struct sequence_plan plan = {
        .count = option_of("requests", 1000, UINT32_MAX),
        .depth = option_of("depth", DISK_DEPTH, DISK_DEPTH),
        .sectors = option_of("sectors", 1, disk->transfer_limit_sectors),
    };
    uint32_t bad;

    phase(1);
    bad = sequence_do(disk, &plan, DISK_OPERATION_write);
    phase(2);
    bad += sequence_do(disk, &plan, DISK_OPERATION_read);
    phase(3);
    print("reads_writes: %u writes and %u reads of %u sectors, %u bad\n", (unsigned)plan.count,
          (unsigned)plan.count, (unsigned)plan.sectors, (unsigned)bad);
    return bad != 0;
}

static int signals(struct disk *disk)
{
    uint32_t count = option_of("requests", 1000, UINT32_MAX);
    uint32_t bad;

    phase(1);
    bad = signals_do(disk, count, option_of("depth", DISK_DEPTH, DISK_DEPTH));
    phase(2);
    print("reads_writes: %u signals there and back, %u bad\n", (unsigned)count, (unsigned)bad);
    return bad != 0;
}

static int requests(struct disk *disk)
{
    const struct requests_plan plan = {
        .seed = option_number(start_page->command_line, "seed", start_page->random_seed),
        .count = option_of("requests", 1000, UINT32_MAX / REQUESTS_SPAN_LIMIT - 1),
        .depth = option_of("depth", 16, DISK_DEPTH),
        .sectors = option_of("sectors", 8, REQUESTS_SECTOR_LIMIT),
        .span = option_of("span", 64, REQUESTS_SPAN_LIMIT),
        .records = (uint8_t)option_present(start_page->command_line, "records"),
    };
    struct requests_result result;

    CHECK(plan.sectors <= plan.span && plan.span <= disk->capacity_sectors);
    result = requests_do(disk, &plan);
    print("reads_writes: %u requests ended, %u failed, %u sectors wrong, %llu sent again\n",
          (unsigned)result.ended, (unsigned)result.failed, (unsigned)result.wrong,
          (unsigned long long)disk->repeated_count);
    return result.wrong != 0;
}

/* In one request each, however long it is. */
static int zeroes(struct disk *disk)
{
    uint32_t count = (uint32_t)disk->capacity_sectors;

    CHECK(disk_transfer(disk, DISK_OPERATION_discard, 0, count, 0) == DISK_STATUS_ok);
    CHECK(disk_transfer(disk, DISK_OPERATION_write_zeroes, 0, count, 0) == DISK_STATUS_ok);
    print("reads_writes: %u sectors discarded and zeroed\n", (unsigned)count);
    return 0;
}

/* An index that is no slot, and garbage behind it. */
_Noreturn static void break_queue(struct disk *disk)
{
    shared_write_32(&disk->path.channel.requests.header->head, 0xffff);
    print("reads_writes: its queue is broken now\n");
    for (;;) {
        if (disk->operations->notify != 0 && disk->operating < DISK_PATH_COUNT) {
            disk->operations->notify(disk->context, disk->operating);
        }
        (void)hypercall_yield();
    }
}

int guest_main(const struct start_page *start)
{
    struct disk *disk;

    events_start();
    if (!media_start(0, 0)) {
        print("reads_writes: this partition has no control channel: it wants a living host\n");
        return 1;
    }
    if (option_present(start->command_line, "poke")) {
        poke_listen();
    }
    disk = disk_await();
    if (option_present(start->command_line, "sequence")) {
        return sequence(disk);
    }
    if (option_present(start->command_line, "signals")) {
        return signals(disk);
    }
    if (option_present(start->command_line, "zeroes")) {
        return zeroes(disk);
    }
    if (option_present(start->command_line, "hostile")) {
        break_queue(disk);
    }
    return requests(disk);
}
