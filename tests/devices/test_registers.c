/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registers of virtio 1.2, section 4.2.2, and the status machine of section 2.1. */
#include "rig.h"

static void identity(void)
{
    struct rig rig;
    rig_block(&rig, false);
    CHECK_EQUAL(rig_read(&rig, R_MAGIC), 0x74726976);
    CHECK_EQUAL(rig_read(&rig, R_VERSION), 2);
    CHECK_EQUAL(rig_read(&rig, R_DEVICE_ID), 2);
    CHECK_EQUAL(rig_read(&rig, R_VENDOR_ID), 0x56555355);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), 0);
    CHECK_EQUAL(rig_read(&rig, R_QUEUE_RESET), 0);
    rig_write(&rig, R_SHM_SEL, 3);
    for (uint32_t offset = R_SHM_LEN; offset < R_QUEUE_RESET; offset += 4) {
        CHECK_EQUAL(rig_read(&rig, offset), 0xffffffff);
    }
    CHECK_EQUAL(rig_report(&rig).refused_count, 0);
    rig_free(&rig);
}

static void every_status_transition(void)
{
    /* A status is right when each bit stands on the one before it. */
    static const uint32_t right[] = {0, 1, 3, 11, 15, 128, 129, 131, 139, 143};
    for (uint32_t from = 0; from < sizeof right / sizeof right[0]; from++) {
        for (uint32_t to = 0; to < 256; to++) {
            struct rig rig;
            rig_block(&rig, false);
            rig_negotiate(&rig, F_VERSION_1);
            rig_write(&rig, R_STATUS, 0);
            rig_write(&rig, R_STATUS, ACKNOWLEDGE | DRIVER);
            rig_write(&rig, R_DRIVER_FEATURES_SEL, 1);
            rig_write(&rig, R_DRIVER_FEATURES, 1);
            bool keeps_features = (right[from] & DRIVER) != 0;
            if (!keeps_features) {
                rig_write(&rig, R_STATUS, 0);
            }
            rig_write(&rig, R_STATUS, right[from] == 0 ? 0 : right[from]);
            uint32_t before = rig_read(&rig, R_STATUS);
            CHECK_EQUAL(before, right[from]);
            rig_write(&rig, R_STATUS, to);
            bool ordered = false;
            for (uint32_t index = 0; index < sizeof right / sizeof right[0]; index++) {
                ordered = ordered || (to & ~NEEDS_RESET) == right[index];
            }
            bool taken = ordered && (before & ~to) == 0;
            uint32_t after = taken ? to & ~NEEDS_RESET : before;
            if (to == 0) {
                after = 0;
            } else if (taken && !keeps_features) {
                after &= ~(FEATURES_OK | DRIVER_OK); /* VERSION_1 could not be set before DRIVER */
            }
            CHECK_EQUAL(rig_read(&rig, R_STATUS), after);
            rig_free(&rig);
        }
    }
}

static void features_are_offered_by_halves(void)
{
    struct rig rig;
    rig_block(&rig, false);
    CHECK_EQUAL(rig_read(&rig, R_DEVICE_FEATURES),
                1u << 1 | 1u << 2 | 1u << 6 | 1u << 9 | 1u << 13 | 1u << 14 | 1u << 28);
    rig_write(&rig, R_DEVICE_FEATURES_SEL, 1);
    CHECK_EQUAL(rig_read(&rig, R_DEVICE_FEATURES), 3);
    rig_write(&rig, R_DEVICE_FEATURES_SEL, 2);
    CHECK_EQUAL(rig_read(&rig, R_DEVICE_FEATURES), 0);
    rig_free(&rig);
    rig_block(&rig, true);
    CHECK_EQUAL(rig_read(&rig, R_DEVICE_FEATURES),
                1u << 1 | 1u << 2 | 1u << 5 | 1u << 6 | 1u << 9 | 1u << 28);
    rig_free(&rig);
}

static void features_not_offered_are_refused(void)
{
    struct rig rig;
    rig_block(&rig, false);
    rig_negotiate(&rig, F_VERSION_1 | 1u << 12);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), ACKNOWLEDGE | DRIVER);
    CHECK(rig_reason(&rig, "features 0x1000 were not offered"));
    rig_negotiate(&rig, F_FLUSH);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), ACKNOWLEDGE | DRIVER);
    CHECK(rig_reason(&rig, "a driver without VIRTIO_F_VERSION_1"));
    rig_negotiate(&rig, 0);
    rig_write(&rig, R_DRIVER_FEATURES_SEL, 1);
    rig_write(&rig, R_DRIVER_FEATURES, 1);
    rig_write(&rig, R_DRIVER_FEATURES_SEL, 2);
    rig_write(&rig, R_DRIVER_FEATURES, 1);
    rig_write(&rig, R_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), ACKNOWLEDGE | DRIVER);
    rig_free(&rig);
}

static void features_stand_once_accepted(void)
{
    struct rig rig;
    rig_block(&rig, false);
    rig_negotiate(&rig, F_VERSION_1 | F_FLUSH);
    CHECK_EQUAL(rig_read(&rig, R_STATUS), ACKNOWLEDGE | DRIVER | FEATURES_OK);
    uint64_t hash = device_hash(rig.device);
    rig_write(&rig, R_DRIVER_FEATURES, 0);
    CHECK_EQUAL(device_hash(rig.device), hash);
    CHECK(rig_reason(&rig, "driver features with status 0xb"));
    rig_free(&rig);
}

static void a_queue_size_is_a_power_of_two(void)
{
    struct rig rig;
    rig_block(&rig, false);
    CHECK_EQUAL(rig_read(&rig, R_QUEUE_NUM_MAX), 128);
    rig_write(&rig, R_QUEUE_SEL, 1);
    CHECK_EQUAL(rig_read(&rig, R_QUEUE_NUM_MAX), 0);
    for (uint32_t size = 0; size <= 260; size++) {
        rig_negotiate(&rig, F_VERSION_1);
        rig_queue(&rig, 0, size);
        bool right = size != 0 && size <= 128 && (size & (size - 1)) == 0;
        CHECK_EQUAL(rig_read(&rig, R_QUEUE_READY), right);
    }
    rig_negotiate(&rig, F_VERSION_1);
    rig_queue(&rig, 0, 12);
    CHECK(rig_reason(&rig, "queue 0: size 12"));
    rig_free(&rig);
}

static void rings_are_aligned_and_do_not_wrap(void)
{
    static const struct {
        uint32_t offset, value;
    } wrong[] = {
        {R_QUEUE_DESC, 0x1008},      {R_QUEUE_DRIVER, 0x2001},      {R_QUEUE_DEVICE, 0x3002},
        {R_QUEUE_DESC, 0xfffffff0u}, {R_QUEUE_DRIVER, 0xfffffffeu}, {R_QUEUE_DEVICE, 0xfffffffcu},
    };
    for (uint32_t index = 0; index < 6; index++) {
        struct rig rig;
        rig_block(&rig, false);
        rig_negotiate(&rig, F_VERSION_1);
        rig_queue(&rig, 0, 8);
        CHECK_EQUAL(rig_read(&rig, R_QUEUE_READY), 1);
        rig_write(&rig, R_QUEUE_READY, 0);
        CHECK_EQUAL(rig_read(&rig, R_QUEUE_READY), 0);
        rig_write(&rig, wrong[index].offset, wrong[index].value);
        rig_write(&rig, wrong[index].offset + 4, index < 3 ? 0 : 0xffffffff);
        rig_write(&rig, R_QUEUE_READY, 1);
        CHECK_EQUAL(rig_read(&rig, R_QUEUE_READY), 0);
        rig_free(&rig);
    }
}

static void a_ready_queue_does_not_change(void)
{
    static const uint32_t offsets[] = {R_QUEUE_NUM,        R_QUEUE_DESC,       R_QUEUE_DESC + 4,
                                       R_QUEUE_DRIVER,     R_QUEUE_DRIVER + 4, R_QUEUE_DEVICE,
                                       R_QUEUE_DEVICE + 4, R_QUEUE_READY};
    struct rig rig;
    rig_block(&rig, false);
    rig_negotiate(&rig, F_VERSION_1);
    rig_queue(&rig, 0, 8);
    uint64_t hash = device_hash(rig.device);
    for (uint32_t index = 0; index < 8; index++) {
        rig_write(&rig, offsets[index], 16);
        CHECK_EQUAL(device_hash(rig.device), hash);
        CHECK_EQUAL(rig_report(&rig).refused_count, index + 1);
    }
    CHECK(rig_reason(&rig, "store to register 0x38 of queue 0, which is ready"));
    rig_free(&rig);
}

static void a_queue_needs_accepted_features(void)
{
    struct rig rig;
    rig_block(&rig, false);
    rig_queue(&rig, 0, 8);
    CHECK_EQUAL(rig_read(&rig, R_QUEUE_READY), 0);
    rig_write(&rig, R_QUEUE_SEL, 1);
    rig_write(&rig, R_QUEUE_NUM, 8);
    rig_write(&rig, R_QUEUE_SEL, 0xffffffff);
    rig_write(&rig, R_QUEUE_READY, 1);
    CHECK_EQUAL(rig_read(&rig, R_QUEUE_READY), 0);
    CHECK_EQUAL(rig_report(&rig).refused_count, 3);
    rig_free(&rig);
}

static void accesses_have_their_size_and_direction(void)
{
    struct rig rig;
    rig_block(&rig, false);
    rig_negotiate(&rig, F_VERSION_1);
    uint64_t hash = device_hash(rig.device);
    uint64_t refused = 0;
    CHECK_EQUAL(device_read(rig.device, R_MAGIC, 2), 0);
    CHECK_EQUAL(device_read(rig.device, R_MAGIC + 2, 4), 0);
    CHECK(rig_reason(&rig, "load of 2 bytes at register 0"));
    device_write(rig.device, R_STATUS, 1, 0);
    device_write(rig.device, R_STATUS, 8, 0);
    refused = 4;
    static const uint32_t write_only[] = {
        R_DEVICE_FEATURES_SEL, R_DRIVER_FEATURES, R_QUEUE_SEL, R_QUEUE_NOTIFY,
        R_INTERRUPT_ACK,       R_QUEUE_DESC,      0x00cc,      0x0028};
    for (uint32_t index = 0; index < 8; index++) {
        CHECK_EQUAL(rig_read(&rig, write_only[index]), 0);
        CHECK_EQUAL(rig_report(&rig).refused_count, ++refused);
    }
    static const uint32_t read_only[] = {
        R_MAGIC,       R_VERSION,           R_DEVICE_FEATURES, R_QUEUE_NUM_MAX, R_INTERRUPT_STATUS,
        R_QUEUE_RESET, R_CONFIG_GENERATION, R_CONFIG,          0x00fd4};
    for (uint32_t index = 0; index < 9; index++) {
        rig_write(&rig, read_only[index], 1);
        CHECK_EQUAL(rig_report(&rig).refused_count, ++refused);
    }
    CHECK_EQUAL(device_hash(rig.device), hash);
    rig_free(&rig);
}

static void the_configuration_of_a_disk(void)
{
    struct rig rig;
    rig_block(&rig, false);
    CHECK_EQUAL(rig_read(&rig, R_CONFIG), 64);
    CHECK_EQUAL(rig_read(&rig, R_CONFIG + 4), 0);
    CHECK_EQUAL(rig_read(&rig, R_CONFIG + 8), 1u << 20);
    CHECK_EQUAL(rig_read(&rig, R_CONFIG + 12), 16);
    CHECK_EQUAL(rig_read(&rig, R_CONFIG + 20), 512);
    CHECK_EQUAL(device_read(rig.device, R_CONFIG + 32, 1), 1);
    CHECK_EQUAL(device_read(rig.device, R_CONFIG + 34, 2), 1);
    CHECK_EQUAL(rig_read(&rig, R_CONFIG + 36), 1u << 16);
    CHECK_EQUAL(rig_read(&rig, R_CONFIG + 40), 16);
    CHECK_EQUAL(rig_read(&rig, R_CONFIG + 44), 1);
    CHECK_EQUAL(rig_read(&rig, R_CONFIG + 48), 1u << 16);
    CHECK_EQUAL(rig_read(&rig, R_CONFIG + 52), 16);
    CHECK_EQUAL(device_read(rig.device, R_CONFIG + 56, 1), 1);
    CHECK_EQUAL(rig_report(&rig).refused_count, 0);
    CHECK_EQUAL(rig_read(&rig, R_CONFIG + 60), 0);
    CHECK_EQUAL(device_read(rig.device, R_CONFIG + 1, 2), 0);
    CHECK_EQUAL(device_read(rig.device, R_CONFIG, 0), 0);
    CHECK_EQUAL(device_read(rig.device, R_CONFIG + 0xefc, 4), 0);
    CHECK_EQUAL(rig_report(&rig).refused_count, 4);
    rig_free(&rig);
}

static void notifies_need_a_running_queue(void)
{
    struct rig rig;
    rig_block(&rig, false);
    rig_negotiate(&rig, F_VERSION_1);
    rig_write(&rig, R_QUEUE_NOTIFY, 0);
    CHECK(rig_reason(&rig, "notify of queue 0, which does not run"));
    rig_queue(&rig, 0, 8);
    rig_request(&rig, BLK_FLUSH, 0, 0, false);
    rig_send(&rig, 0, 0); /* before DRIVER_OK: nothing is consumed */
    CHECK_EQUAL(rig_report(&rig).in_flight_count, 0);
    rig_write(&rig, R_QUEUE_NOTIFY, 1);
    CHECK_EQUAL(rig_report(&rig).refused_count, 3);
    rig_write(&rig, R_STATUS, STARTED);
    CHECK_EQUAL(rig_report(&rig).in_flight_count, 1);
    rig_run(&rig);
    CHECK_EQUAL(rig_status(&rig), BLK_S_OK);
    rig_free(&rig);
}

static void interrupts_are_acknowledged(void)
{
    struct rig rig;
    rig_block(&rig, false);
    rig_start(&rig, F_FLUSH);
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_OK);
    CHECK_EQUAL(rig.interrupt_count, 1);
    CHECK_EQUAL(rig_read(&rig, R_INTERRUPT_STATUS), 1);
    rig_write(&rig, R_INTERRUPT_ACK, 2);
    CHECK_EQUAL(rig_read(&rig, R_INTERRUPT_STATUS), 1);
    rig_write(&rig, R_INTERRUPT_ACK, 1);
    CHECK_EQUAL(rig_read(&rig, R_INTERRUPT_STATUS), 0);
    rig_put(&rig, rig_ring(0) + 0x1000, 1, 2); /* VIRTQ_AVAIL_F_NO_INTERRUPT */
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_OK);
    CHECK_EQUAL(rig.interrupt_count, 1);
    CHECK_EQUAL(rig_read(&rig, R_INTERRUPT_STATUS), 0);
    rig_free(&rig);
}

static void a_reset_forgets(void)
{
    struct rig rig;
    rig_block(&rig, false);
    uint64_t fresh = device_hash(rig.device);
    rig_start(&rig, F_FLUSH);
    CHECK_EQUAL(rig_block_run(&rig, BLK_FLUSH, 0, 0, false), BLK_S_OK);
    rig_write(&rig, R_DEVICE_FEATURES_SEL, 1);
    CHECK(device_hash(rig.device) != fresh);
    rig_write(&rig, R_STATUS, 0);
    CHECK_EQUAL(device_hash(rig.device), fresh);
    CHECK_EQUAL(rig_read(&rig, R_INTERRUPT_STATUS), 0);
    rig_free(&rig);
}

static const struct test tests[] = {
    {"identity", identity},
    {"every_status_transition", every_status_transition},
    {"features_are_offered_by_halves", features_are_offered_by_halves},
    {"features_not_offered_are_refused", features_not_offered_are_refused},
    {"features_stand_once_accepted", features_stand_once_accepted},
    {"a_queue_size_is_a_power_of_two", a_queue_size_is_a_power_of_two},
    {"rings_are_aligned_and_do_not_wrap", rings_are_aligned_and_do_not_wrap},
    {"a_ready_queue_does_not_change", a_ready_queue_does_not_change},
    {"a_queue_needs_accepted_features", a_queue_needs_accepted_features},
    {"accesses_have_their_size_and_direction", accesses_have_their_size_and_direction},
    {"the_configuration_of_a_disk", the_configuration_of_a_disk},
    {"notifies_need_a_running_queue", notifies_need_a_running_queue},
    {"interrupts_are_acknowledged", interrupts_are_acknowledged},
    {"a_reset_forgets", a_reset_forgets},
    {NULL, NULL},
};

const struct suite suite_registers = {"registers", tests};
