/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives worlds: `disk_faults BEGIN COUNT MISTAKE` writes the history of each seed, as
 * c_simulation.py reads it; `disk_faults BEGIN COUNT lie-to-client|lie-to-servers` writes one line
 * a seed, and ends badly only when somebody touches what is not his.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk_world.h"

#define STEP_LIMIT 60000u
#define HOSTILE_STEP_LIMIT 3000u
#define ACCESSES_LIMIT 200u

static void fault(void)
{
    uint32_t path = world.active != NOBODY && world_random() % 4 != 0
                        ? world.active
                        : (uint32_t)(world_random() % 2);
    uint32_t accesses = 1 + (uint32_t)(world_random() % ACCESSES_LIMIT);

    switch (world_random() % 5) {
    case 0:
        world_condemn(path);
        break;
    case 1:
        world_order();
        break;
    case 2: /* both */
        world_crash(0, accesses);
        world_crash(1, 1 + (uint32_t)(world_random() % ACCESSES_LIMIT));
        break;
    default:
        world_crash(path, accesses);
    }
}

static void step(uint32_t speed)
{
    uint32_t choice = (uint32_t)(world_random() % 16);

    if (choice < 3) {
        world_submit();
    } else if (choice < 6) {
        world_client();
    } else if (choice < 10) {
        world_server(choice % 2);
    } else if (choice < 15) {
        world_device();
    } else if (world_random() % 8 < speed) {
        world_command();
    }
}

static void conditions_choose(uint32_t *faults, uint32_t *speed)
{
    *faults = (uint32_t)(world_random() % 8);
    *speed = 1 + (uint32_t)(world_random() % 8); /* of command */
    world.event_loss_percent = world_random() % 2 ? 30 : 0;
    world.medium.error_percent = world_random() % 4 ? 0 : 2;
}

/* When all has ended, nothing is lent or under way. */
static void nothing_is_kept(void)
{
    const struct side *side = &world.sides[world.active % 2];
    const struct disk *disk = &world.disk;
    uint32_t lent = 0;

    for (uint32_t i = 0; i < PAYLOAD_BLOCK_LIMIT; i++) {
        lent += disk->path.area.lent[i];
    }
    if (disk->first != 0 || disk->free_count != DISK_DEPTH || lent != 0 ||
        (disk->path.state == DISK_PATH_open && world.active == disk->operating && side->alive &&
         side->server.free_count != IO_SLOT_COUNT)) {
        fprintf(stderr, "something is kept: %" PRIu32 " of the disk, %" PRIu32 " of the server\n",
                disk->free_count, side->server.free_count);
        abort();
    }
}

static void simulate(uint64_t seed)
{
    uint32_t faults;
    uint32_t speed;
    uint32_t steps = 0;

    world_begin(seed);
    conditions_choose(&faults, &speed);
    printf("S %" PRIu64 "\n", seed);
    for (; steps < STEP_LIMIT && world.ended < REQUEST_COUNT; steps++) {
        if (faults > 0 && world_random() % 48 == 0) {
            faults--;
            fault();
        }
        step(speed);
    }
    if (world.ended == REQUEST_COUNT) {
        nothing_is_kept();
    }
    medium_power_off(&world.medium);
    printf("F %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu32 "\n", world.crashes, world.takeovers,
           world.disk.repeated_count, steps);
}

static void lie(uint64_t seed, uint32_t lied_to)
{
    uint32_t faults;
    uint32_t speed;

    world_begin(seed);
    conditions_choose(&faults, &speed);
    world.lied_to = lied_to;
    world.lie_percent = 1 + (uint32_t)(world_random() % 20);
    printf("S %" PRIu64 "\n", seed);
    for (uint32_t i = 0; i < HOSTILE_STEP_LIMIT; i++) {
        if (world_random() % 96 == 0) {
            world_order();
        }
        if (world_random() % 96 == 0) {
            world_condemn((uint32_t)(world_random() % 2));
        }
        step(speed);
    }
    printf("H %" PRIu32 " %" PRIu32 " %" PRIu64 "\n", world.submitted, world.ended,
           world.disk.lost_count);
}

int main(int count, char **arguments)
{
    uint64_t begin;
    uint64_t end;

    if (count != 4) {
        return 2;
    }
    begin = strtoull(arguments[1], 0, 0);
    end = begin + strtoull(arguments[2], 0, 0);
    for (uint64_t seed = begin; seed < end; seed++) {
        if (strcmp(arguments[3], "lie-to-client") == 0) {
            lie(seed, CLIENT);
        } else if (strcmp(arguments[3], "lie-to-servers") == 0) {
            lie(seed, NOBODY);
        } else {
            world.medium.mistake = (enum medium_mistake)strtoul(arguments[3], 0, 0);
            simulate(seed);
        }
    }
    return 0;
}
