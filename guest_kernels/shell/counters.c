/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the commands that show what has been counted, and the time.
 */
#include "check.h"
#include "command.h"
#include "console.h"
#include "hypercall.h"
#include "start.h"
#include "station.h"
#include "store.h"
#include "terminal.h"

static void paths_show(const struct disk *disk)
{
    if (disk == 0) {
        print("paths of the disk: none\n");
        return;
    }
    print("requests of the disk: %llu ended, %llu repeated, %llu stray answers\n",
          (unsigned long long)disk->ended_count, (unsigned long long)disk->repeated_count,
          (unsigned long long)disk->stray_count);
    print("paths of the disk: %llu lost, ", (unsigned long long)disk->lost_count);
    if (disk->operating == DISK_PATH_COUNT) {
        print("none operates\n");
    } else {
        print("%u operates\n", (unsigned)disk->operating);
    }
}

static void network_show(const struct network *network)
{
    if (network == 0) {
        print("network: none\n");
        return;
    }
    print("network: %llu frames sent, %llu received, %llu refused, %llu left with a lost path\n",
          (unsigned long long)network->sent_count, (unsigned long long)network->received_count,
          (unsigned long long)network->refused_count, (unsigned long long)network->left_count);
    print("paths of the network: %llu lost, moved %llu times\n",
          (unsigned long long)network->lost_count, (unsigned long long)network->moved_count);
}

static int counters_show(const struct words *words)
{
    const struct store_counters *store = store_counters();

    (void)words;
    print("commands: %llu, of which %llu failed\n", (unsigned long long)commands_done_count(),
          (unsigned long long)commands_failed_count());
    print("console: %llu bytes read\n", (unsigned long long)terminal_bytes_count());
    print("disk: %llu reads of %llu sectors, %llu writes of %llu sectors, %llu flushes\n",
          (unsigned long long)store->read_count, (unsigned long long)store->sectors_read,
          (unsigned long long)store->write_count, (unsigned long long)store->sectors_written,
          (unsigned long long)store->flush_count);
    paths_show(store_disk());
    network_show(station_network());
    return 1;
}

static int uptime(const struct words *words)
{
    uint64_t cycles = (uint64_t)CALL(hypercall_time_get());

    (void)words;
    print("%llu cycles, at %llu a second\n", (unsigned long long)cycles,
          (unsigned long long)start_page->clock_frequency_hz);
    return 1;
}

const struct command counter_commands[] = {
    {"counters", "", "Shows what has been counted.", 0, 0, 0, counters_show},
    {"uptime", "", "Shows the cycles of the guest's clock.", 0, 0, 0, uptime},
    {0, 0, 0, 0, 0, 0, 0},
};
