/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Split rings of virtio 1.2, section 2.7: right ones, and wrong ones of each kind. */
#include "rig.h"

#include <string.h>

static void started(struct rig *rig)
{
    rig_block(rig, false);
    rig_start(rig, F_FLUSH | F_INDIRECT);
    rig_request(rig, BLK_OUT, 0, 512, false);
}

/* Sends head 0: the device breaks, says why, tells the driver, answers nothing, until a reset. */
static void breaks(struct rig *rig, const char *reason)
{
    uint64_t interrupts = rig->interrupt_count;
    uint16_t used = rig_used_index(rig, 0);
    rig_send(rig, 0, 0);
    rig_run(rig);
    CHECK_EQUAL(rig_read(rig, R_STATUS), STARTED | NEEDS_RESET);
    CHECK_EQUAL(rig_read(rig, R_INTERRUPT_STATUS), 2);
    CHECK_EQUAL(rig->interrupt_count, interrupts + 1);
    CHECK(rig_reason(rig, reason));
    CHECK_EQUAL(rig_used_index(rig, 0), used);
    CHECK_EQUAL(rig_status(rig), NOT_ANSWERED);
    rig_write(rig, R_QUEUE_NOTIFY, 0);
    CHECK_EQUAL(device_due(rig->device), DEVICE_NEVER);
    rig->refused_end = 0;
    rig_start(rig, F_FLUSH);
    CHECK_EQUAL(rig_block_run(rig, BLK_FLUSH, 0, 0, false), BLK_S_OK);
    rig_free(rig);
}

static void a_loop(void)
{
    struct rig rig;
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 1, RIG_BUFFER, 512, NEXT, 1);
    breaks(&rig, "chain of more than 8 descriptors");
}

/* Direct and indirect ones together: a chain is not longer than its queue. */
static void a_chain_longer_than_its_queue(void)
{
    struct rig rig;
    uint32_t table = RIG_DATA + 0x800;
    for (uint32_t extra = 0; extra < 2; extra++) {
        started(&rig);
        rig_descriptor(&rig, rig_ring(0), 0, RIG_HEADER, 16, NEXT, 1);
        rig_descriptor(&rig, rig_ring(0), 1, table, (7 + extra) * 16, INDIRECT, 0);
        for (uint32_t index = 0; index < 7 + extra; index++) {
            rig_descriptor(&rig, table, index, RIG_BUFFER + index * 64, 64, NEXT, index + 1);
        }
        rig_descriptor(&rig, table, 6 + extra, RIG_STATUS, 1, WRITE, 0);
        if (extra != 0) {
            breaks(&rig, "chain of more than 8 descriptors");
        } else {
            rig_send(&rig, 0, 0);
            rig_run(&rig);
            CHECK_EQUAL(rig_status(&rig), BLK_S_IOERR); /* 384 bytes, but a chain */
            rig_free(&rig);
        }
    }
}

static void indices_out_of_range(void)
{
    struct rig rig;
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 1, RIG_BUFFER, 512, NEXT, 8);
    breaks(&rig, "descriptor 8 in a table of 8");
    started(&rig);
    rig_offer(&rig, 0, 8);
    breaks(&rig, "available ring: head 8 in a queue of 8");
}

static void no_length(void)
{
    struct rig rig;
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 1, RIG_BUFFER, 0, NEXT, 2);
    breaks(&rig, "descriptor of 0 bytes at 0x11000");
}

static void beyond_all_addresses(void)
{
    struct rig rig;
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 1, UINT64_MAX - 510, 512, NEXT, 2);
    breaks(&rig, "descriptor of 512 bytes at 0xfffffffffffffe01");
}

static void wrong_directions(void)
{
    struct rig rig;
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 1, RIG_BUFFER, 512, NEXT | WRITE, 2);
    rig_descriptor(&rig, rig_ring(0), 2, RIG_STATUS, 1, 0, 0);
    breaks(&rig, "readable descriptor behind a writable one");
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 2, RIG_STATUS, 1, 0, 0);
    breaks(&rig, "request of 529 readable and 0 writable bytes");
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 0, RIG_HEADER, 16, NEXT | WRITE, 2);
    breaks(&rig, "request of 0 readable and 17 writable bytes");
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 0, RIG_HEADER, 15, NEXT, 2);
    breaks(&rig, "request of 15 readable and 1 writable bytes");
}

static void wrong_indirect_tables(void)
{
    struct rig rig;
    uint32_t table = RIG_DATA + 0x800;
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 0, table, 16, INDIRECT, 0);
    rig_descriptor(&rig, table, 0, table, 16, INDIRECT, 0);
    breaks(&rig, "indirect descriptor inside an indirect table");
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 0, table, 48, INDIRECT | NEXT, 1);
    breaks(&rig, "indirect descriptor with a next one");
    static const uint32_t sizes[] = {0, 15, 40, 9 * 16};
    for (uint32_t index = 0; index < 4; index++) {
        started(&rig);
        rig_descriptor(&rig, rig_ring(0), 0, table, sizes[index], INDIRECT, 0);
        breaks(&rig, "indirect descriptor of a wrong size");
    }
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 0, UINT64_MAX - 14, 16, INDIRECT, 0);
    breaks(&rig, "indirect descriptor beyond all addresses");
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 0, table, 32, INDIRECT, 0);
    rig_descriptor(&rig, table, 0, RIG_HEADER, 16, NEXT, 2);
    breaks(&rig, "descriptor 2 in a table of 2");
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 0, table, 16, INDIRECT, 0);
    rig_descriptor(&rig, table, 0, RIG_HEADER, 16, NEXT, 0);
    breaks(&rig, "chain of more than 8 descriptors");
    started(&rig);
    rig_start(&rig, F_FLUSH);
    rig_request(&rig, BLK_OUT, 0, 512, false);
    rig_descriptor(&rig, rig_ring(0), 0, table, 16, INDIRECT, 0);
    breaks(&rig, "indirect descriptor was not negotiated");
}

/* Behind direct descriptors too (2.7.5.3.2), and of an address that is not aligned. */
static void a_right_indirect_table(void)
{
    struct rig rig;
    uint32_t table = RIG_DATA + 0x805;
    started(&rig);
    rig_descriptor(&rig, rig_ring(0), 0, RIG_HEADER, 16, NEXT, 3);
    rig_descriptor(&rig, rig_ring(0), 3, table, 32, INDIRECT | WRITE, 0);
    rig_descriptor(&rig, table, 0, RIG_BUFFER, 512, NEXT, 1);
    rig_descriptor(&rig, table, 1, RIG_STATUS, 1, WRITE, 0);
    memset(rig.memory + RIG_BUFFER, 0x5a, 512);
    rig_send(&rig, 0, 0);
    rig_run(&rig);
    CHECK_EQUAL(rig_status(&rig), BLK_S_OK);
    CHECK_EQUAL(rig_used_head(&rig, 0, 0), 0);
    CHECK_EQUAL(rig_used_bytes(&rig, 0, 0), 1);
    memset(rig.memory + RIG_BUFFER, 0, 512);
    CHECK_EQUAL(rig_block_run(&rig, BLK_IN, 0, 512, true), BLK_S_OK);
    CHECK_EQUAL(rig_get(&rig, RIG_BUFFER + 504, 8), 0x5a5a5a5a5a5a5a5a);
    CHECK_EQUAL(rig_used_bytes(&rig, 0, 1), 513);
    rig_free(&rig);
}

static void refused_rings(void)
{
    struct rig rig;
    started(&rig);
    rig.refused_first = rig_ring(0);
    rig.refused_end = rig_ring(0) + 16;
    breaks(&rig, "descriptor at 0x1000: address refused");
    started(&rig);
    rig.refused_first = rig_ring(0) + 0x1000;
    rig.refused_end = rig_ring(0) + 0x1004;
    breaks(&rig, "available ring at 0x2000: address refused");
    started(&rig);
    rig.refused_first = rig_ring(0) + 0x1004;
    rig.refused_end = rig_ring(0) + 0x1006;
    breaks(&rig, "available ring at 0x2004: address refused");
    started(&rig);
    rig.refused_first = RIG_HEADER;
    rig.refused_end = RIG_HEADER + 16;
    breaks(&rig, "header or status of a request: address refused");
    started(&rig);
    rig.refused_first = RIG_STATUS;
    rig.refused_end = RIG_STATUS + 1;
    breaks(&rig, "header or status of a request: address refused");
}

/* The request was carried out, but it cannot be given back: the driver learns it by the reset. */
static void a_used_ring_that_cannot_be_written(void)
{
    struct rig rig;
    started(&rig);
    rig.read_only_first = rig_ring(0) + 0x2000;
    rig.read_only_end = rig_ring(0) + 0x3000;
    rig_send(&rig, 0, 0);
    rig_run(&rig);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), STARTED | NEEDS_RESET);
    CHECK(rig_reason(&rig, "used ring at 0x3000: address refused"));
    CHECK_EQUAL(rig_used_index(&rig, 0), 0);
    rig_free(&rig);
}

static void an_index_that_jumps(void)
{
    struct rig rig;
    started(&rig);
    rig.offered[0] = 8;
    breaks(&rig, "available ring: index 9, with 0 used and a size of 8");
    started(&rig);
    rig_put(&rig, rig_ring(0) + 0x1002, 0xffff, 2);
    rig_write(&rig, R_QUEUE_NOTIFY, 0);
    CHECK(rig_reason(&rig, "available ring: index 65535, with 0 used and a size of 8"));
    CHECK_EQUAL(rig_report(&rig).in_flight_count, 0);
    rig_free(&rig);
}

/* While 8 are in flight a ninth would have no place: the ring was filled twice. */
static void more_in_flight_than_the_queue_has(void)
{
    struct rig rig;
    started(&rig);
    for (uint32_t index = 0; index < 8; index++) {
        rig_send(&rig, 0, 0);
    }
    CHECK_EQUAL(rig_report(&rig).in_flight_count, 8);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), STARTED);
    rig_send(&rig, 0, 0);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), STARTED | NEEDS_RESET);
    rig_free(&rig);
}

static void indices_wrap_at_65536(void)
{
    struct rig rig;
    started(&rig);
    rig_request(&rig, BLK_FLUSH, 0, 0, false);
    for (uint32_t index = 0; index < 65540; index++) {
        rig_send(&rig, 0, 0);
        rig.now += RIG_LATENCY;
        device_act(rig.device);
    }
    CHECK_EQUAL(rig_used_index(&rig, 0), 4);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), STARTED);
    CHECK_EQUAL(rig_report(&rig).request_count, 65540);
    CHECK_EQUAL(rig_report(&rig).failed_count, 0);
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_OK);
    rig_free(&rig);
}

/* Header, data and status in pieces of any size: nothing may be assumed of framing (2.7.4). */
static void framing_is_free(void)
{
    struct rig rig;
    uint64_t ring = rig_ring(0);
    started(&rig);
    memset(rig.memory + RIG_BUFFER, 0x77, 512);
    rig_descriptor(&rig, ring, 0, RIG_HEADER, 3, NEXT, 5);
    rig_descriptor(&rig, ring, 5, RIG_HEADER + 3, 12, NEXT, 6);
    rig_put(&rig, RIG_BUFFER - 1, 0, 1); /* the header's last byte, then data */
    rig_descriptor(&rig, ring, 6, RIG_BUFFER - 1, 101, NEXT, 4);
    rig_descriptor(&rig, ring, 4, RIG_BUFFER + 100, 412, NEXT, 2);
    rig_send(&rig, 0, 0);
    rig_run(&rig);
    CHECK_EQUAL(rig_status(&rig), BLK_S_OK);
    rig_request(&rig, BLK_IN, 0, 512, true);
    rig_descriptor(&rig, ring, 1, RIG_BUFFER + 0x2000 - 7, 500, NEXT | WRITE, 2);
    rig_descriptor(&rig, ring, 2, RIG_STATUS - 12, 13, WRITE, 0);
    rig_send(&rig, 0, 0);
    rig_run(&rig);
    CHECK_EQUAL(rig_status(&rig), BLK_S_OK);
    CHECK_EQUAL(rig_get(&rig, RIG_BUFFER + 0x2000 - 7, 8), 0x7777777777777777);
    CHECK_EQUAL(rig_get(&rig, RIG_BUFFER + 0x2000 - 7 + 496, 8), 0x77777777);
    CHECK_EQUAL(rig_get(&rig, RIG_STATUS - 12, 8), 0x7777777777777777);
    CHECK_EQUAL(rig_get(&rig, RIG_STATUS - 4, 8), 0x77777777);
    rig_free(&rig);
}

static const struct test tests[] = {
    {"a_loop", a_loop},
    {"a_chain_longer_than_its_queue", a_chain_longer_than_its_queue},
    {"indices_out_of_range", indices_out_of_range},
    {"no_length", no_length},
    {"beyond_all_addresses", beyond_all_addresses},
    {"wrong_directions", wrong_directions},
    {"wrong_indirect_tables", wrong_indirect_tables},
    {"a_right_indirect_table", a_right_indirect_table},
    {"refused_rings", refused_rings},
    {"a_used_ring_that_cannot_be_written", a_used_ring_that_cannot_be_written},
    {"an_index_that_jumps", an_index_that_jumps},
    {"more_in_flight_than_the_queue_has", more_in_flight_than_the_queue_has},
    {"indices_wrap_at_65536", indices_wrap_at_65536},
    {"framing_is_free", framing_is_free},
    {NULL, NULL},
};

const struct suite suite_rings = {"rings", tests};
