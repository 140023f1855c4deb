/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block device of virtio 1.2, section 5.2: each request, each refusal, exact lengths. */
#include "rig.h"

#include <string.h>

static void fill(struct rig *rig, uint8_t value, uint32_t size_bytes)
{
    memset(rig->memory + RIG_BUFFER, value, size_bytes);
}

static void started(struct rig *rig, bool read_only)
{
    rig_block(rig, read_only);
    rig_start(rig, F_FLUSH);
}

/* The value of every byte of a sector, or 0x1000 when they differ. */
static uint32_t sector(struct rig *rig, uint64_t number)
{
    CHECK_EQUAL(rig_block_run(rig, BLK_IN, number, 512, true), BLK_S_OK);
    const uint8_t *bytes = rig->memory + RIG_BUFFER;
    return memcmp(bytes, bytes + 1, 511) == 0 ? bytes[0] : 0x1000;
}

static void range(struct rig *rig, uint32_t index, uint64_t first, uint32_t count, uint32_t flags)
{
    rig_put(rig, RIG_BUFFER + index * 16ull, first, 8);
    rig_put(rig, RIG_BUFFER + index * 16ull + 8, count, 4);
    rig_put(rig, RIG_BUFFER + index * 16ull + 12, flags, 4);
}

static void what_is_written_is_read(void)
{
    struct rig rig;
    started(&rig, false);
    fill(&rig, 0x11, 1024);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 62, 1024, false), BLK_S_OK);
    CHECK_EQUAL(rig_used_bytes(&rig, 0, 0), 1);
    fill(&rig, 0x22, 512);
    CHECK_EQUAL(sector(&rig, 61), 0);
    CHECK_EQUAL(rig_used_bytes(&rig, 0, 1), 513);
    CHECK_EQUAL(sector(&rig, 62), 0x11);
    CHECK_EQUAL(sector(&rig, 63), 0x11);
    struct device_report report = rig_report(&rig);
    CHECK_EQUAL(report.request_count, 4);
    CHECK_EQUAL(report.failed_count, 0);
    CHECK_EQUAL(report.read_bytes, 1536);
    CHECK_EQUAL(report.written_bytes, 1024);
    rig_free(&rig);
}

static void nothing_happens_before_the_latency_is_over(void)
{
    struct rig rig;
    started(&rig, false);
    rig.now = 50;
    rig_request(&rig, BLK_FLUSH, 0, 0, false);
    rig_send(&rig, 0, 0);
    CHECK_EQUAL(device_due(rig.device), 50 + RIG_LATENCY);
    rig.now = 49 + RIG_LATENCY;
    device_act(rig.device);
    CHECK_EQUAL(rig_status(&rig), NOT_ANSWERED);
    CHECK_EQUAL(rig.interrupt_count, 0);
    rig.now++;
    device_act(rig.device);
    CHECK_EQUAL(rig_status(&rig), BLK_S_OK);
    CHECK_EQUAL(rig.interrupt_count, 1);
    CHECK_EQUAL(device_due(rig.device), DEVICE_NEVER);
    rig_free(&rig);
}

/* Three requests, each due by itself: they come back in their order, and one act may do several. */
static void requests_complete_in_order(void)
{
    struct rig rig;
    uint64_t ring = rig_ring(0);
    started(&rig, false);
    rig_request(&rig, BLK_FLUSH, 0, 0, false);
    for (uint32_t head = 3; head < 6; head++) {
        rig_descriptor(&rig, ring, head, RIG_HEADER, 16, NEXT, 2);
    }
    rig_send(&rig, 0, 5);
    rig.now += 10;
    rig_send(&rig, 0, 3);
    rig.now += 10;
    rig_send(&rig, 0, 4);
    rig.now = RIG_LATENCY + 10;
    device_act(rig.device);
    CHECK_EQUAL(rig_used_index(&rig, 0), 2);
    CHECK_EQUAL(rig.interrupt_count, 1);
    CHECK_EQUAL(device_due(rig.device), RIG_LATENCY + 20);
    rig_run(&rig);
    CHECK_EQUAL(rig_used_head(&rig, 0, 0), 5);
    CHECK_EQUAL(rig_used_head(&rig, 0, 1), 3);
    CHECK_EQUAL(rig_used_head(&rig, 0, 2), 4);
    rig_free(&rig);
}

static void beyond_the_end(void)
{
    struct rig rig;
    started(&rig, false);
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 63, 1024, true), BLK_S_IOERR);
    CHECK_EQUAL(rig_used_bytes(&rig, 0, 0), 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 64, 512, false), BLK_S_IOERR);
    CHECK_EQUAL(rig_used_bytes(&rig, 0, 1), 1);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, UINT64_MAX, 512, false), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, UINT64_MAX / 512 + 1, 512, true), BLK_S_IOERR);
    CHECK(strcmp(disk_reason(rig.disk), "2 sectors from 63 on a disk of 64") == 0);
    CHECK_EQUAL(rig_report(&rig).failed_count, 4);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), STARTED);
    rig_free(&rig);
}

static void sizes_are_whole_sectors(void)
{
    struct rig rig;
    started(&rig, false);
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 0, 0, true), BLK_S_IOERR);
    CHECK(rig_reason(&rig, "request of 0 bytes"));
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 0, 511, true), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 513, false), BLK_S_IOERR);
    CHECK_EQUAL(sector(&rig, 0), 0);
    rig_free(&rig);
}

/* One request may move 16 MiB: the same memory in many descriptors does not make it more. */
static void transfers_are_limited(void)
{
    struct rig rig;
    uint64_t ring = rig_ring(0);
    started(&rig, false);
    rig_request(&rig, BLK_IN, 0, 1 << 20, true);
    for (uint32_t index = 3; index < 8; index++) {
        rig_descriptor(&rig, ring, index, 0, 0x400000, NEXT | WRITE, index == 7 ? 2 : index + 1);
    }
    rig_descriptor(&rig, ring, 0, RIG_HEADER, 16, NEXT, 3);
    rig_send(&rig, 0, 0);
    rig_run(&rig);
    CHECK_EQUAL(rig_status(&rig), BLK_S_IOERR);
    CHECK(rig_reason(&rig, "request of 20971520 bytes, above the limit of 16777216"));
    rig_free(&rig);
}

/* Refused in the middle, nothing before it is applied. */
static void data_that_may_not_be_reached(void)
{
    struct rig rig;
    started(&rig, false);
    fill(&rig, 0x33, 8192);
    rig.refused_first = RIG_BUFFER + 4096;
    rig.refused_end = RIG_BUFFER + 4097;
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 8192, false), BLK_S_IOERR);
    CHECK(rig_reason(&rig, "data of a request: address refused"));
    CHECK_EQUAL(sector(&rig, 0), 0);
    rig.read_only_first = RIG_BUFFER;
    rig.read_only_end = RIG_BUFFER + 4096;
    fill(&rig, 0x33, 512);
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 0, 512, true), BLK_S_IOERR);
    CHECK_EQUAL(rig_get(&rig, RIG_BUFFER, 1), 0x33);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 1, 512, false), BLK_S_OK);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), STARTED);
    rig_free(&rig);
}

static void a_read_only_disk(void)
{
    struct rig rig;
    started(&rig, true);
    CHECK_EQUAL(sector(&rig, 0), 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 512, false), BLK_S_IOERR);
    range(&rig, 0, 0, 1, 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_DISCARD, 0, 16, false), BLK_S_IOERR);
    range(&rig, 0, 0, 1, 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_WRITE_ZEROES, 0, 16, false), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_OK);
    CHECK(strcmp(disk_reason(rig.disk), "a change of a read-only disk") == 0);
    CHECK_EQUAL(rig_report(&rig).failed_count, 3);
    rig_free(&rig);
}

static void discarded_sectors_read_as_zeroes(void)
{
    struct rig rig;
    started(&rig, false);
    fill(&rig, 0x44, 32 * 512);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 32 * 512, false), BLK_S_OK);
    range(&rig, 0, 1, 2, 0);
    range(&rig, 1, 8, 16, 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_DISCARD, 0, 32, false), BLK_S_OK);
    CHECK_EQUAL(rig_used_bytes(&rig, 0, 1), 1);
    for (uint32_t index = 0; index < 32; index++) {
        bool gone = index == 1 || index == 2 || (index >= 8 && index < 24);
        CHECK_EQUAL(sector(&rig, index), gone ? 0 : 0x44);
    }
    rig_free(&rig);
}

static void zeroes_are_written(void)
{
    struct rig rig;
    started(&rig, false);
    fill(&rig, 0x55, 4 * 512);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 4 * 512, false), BLK_S_OK);
    range(&rig, 0, 0, 1, 0);
    range(&rig, 1, 2, 1, 1);
    CHECK_EQUAL(rig_block_run(&rig, BLK_WRITE_ZEROES, 0, 32, false), BLK_S_OK);
    CHECK_EQUAL(sector(&rig, 0), 0);
    CHECK_EQUAL(sector(&rig, 1), 0x55);
    CHECK_EQUAL(sector(&rig, 2), 0);
    CHECK_EQUAL(sector(&rig, 3), 0x55);
    rig_free(&rig);
}

/* Ranges are looked at all before the first is carried out. */
static void wrong_ranges(void)
{
    static const struct {
        uint32_t type, count, flags;
        uint64_t first;
        uint8_t status;
    } wrong[] = {
        {BLK_DISCARD, 1, 1, 0, BLK_S_UNSUPP},         {BLK_DISCARD, 1, 2, 0, BLK_S_UNSUPP},
        {BLK_WRITE_ZEROES, 1, 2, 0, BLK_S_UNSUPP},    {BLK_DISCARD, 2, 0, 63, BLK_S_IOERR},
        {BLK_DISCARD, 65537, 0, 0, BLK_S_IOERR},      {BLK_WRITE_ZEROES, 1, 0, 64, BLK_S_IOERR},
        {BLK_DISCARD, 1, 0, UINT64_MAX, BLK_S_IOERR},
    };
    struct rig rig;
    started(&rig, false);
    fill(&rig, 0x66, 512);
    CHECK_EQUAL(rig_block_run(&rig, BLK_OUT, 0, 512, false), BLK_S_OK);
    for (uint32_t index = 0; index < 7; index++) {
        range(&rig, 0, 0, 1, 0);
        range(&rig, 1, wrong[index].first, wrong[index].count, wrong[index].flags);
        CHECK_EQUAL(rig_block_run(&rig, wrong[index].type, 0, 32, false), wrong[index].status);
        CHECK_EQUAL(sector(&rig, 0), 0x66);
    }
    CHECK_EQUAL(rig_block_run(&rig, BLK_DISCARD, 0, 0, false), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_DISCARD, 0, 15, false), BLK_S_IOERR);
    CHECK_EQUAL(rig_block_run(&rig, BLK_DISCARD, 0, 17 * 16, false), BLK_S_IOERR);
    rig_free(&rig);
}

static void the_identity(void)
{
    struct rig rig;
    started(&rig, false);
    fill(&rig, 0xff, 32);
    CHECK_EQUAL(rig_block_run(&rig, BLK_GET_ID, 0, 20, true), BLK_S_OK);
    CHECK(memcmp(rig.memory + RIG_BUFFER, "disk0.0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff", 21) == 0);
    CHECK_EQUAL(rig_used_bytes(&rig, 0, 0), 21);
    CHECK_EQUAL(rig_block_run(&rig, BLK_GET_ID, 0, 30, true), BLK_S_OK);
    CHECK_EQUAL(rig_used_bytes(&rig, 0, 1), 20);
    CHECK_EQUAL(rig_block_run(&rig, BLK_GET_ID, 0, 19, true), BLK_S_IOERR);
    rig_free(&rig);
}

static void unknown_requests(void)
{
    static const uint32_t types[] = {2, 3, 5, 10, 12, 14, 16, 0xffffffff};
    struct rig rig;
    started(&rig, false);
    for (uint32_t index = 0; index < 8; index++) {
        CHECK_EQUAL(rig_block_run(&rig, types[index], 0, 512, true), BLK_S_UNSUPP);
        CHECK_EQUAL(rig_used_bytes(&rig, 0, index), 0);
    }
    CHECK(rig_reason(&rig, "request of type 2"));
    rig_free(&rig);
}

static const struct test tests[] = {
    {"what_is_written_is_read", what_is_written_is_read},
    {"nothing_happens_before_the_latency_is_over", nothing_happens_before_the_latency_is_over},
    {"requests_complete_in_order", requests_complete_in_order},
    {"beyond_the_end", beyond_the_end},
    {"sizes_are_whole_sectors", sizes_are_whole_sectors},
    {"transfers_are_limited", transfers_are_limited},
    {"data_that_may_not_be_reached", data_that_may_not_be_reached},
    {"a_read_only_disk", a_read_only_disk},
    {"discarded_sectors_read_as_zeroes", discarded_sectors_read_as_zeroes},
    {"zeroes_are_written", zeroes_are_written},
    {"wrong_ranges", wrong_ranges},
    {"the_identity", the_identity},
    {"unknown_requests", unknown_requests},
    {NULL, NULL},
};

const struct suite suite_block = {"block", tests};
