/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See device_tests.h. Registers are 4 bytes: what the engine makes of other accesses is the same
 * in every build, and a device takes what it knows of it.
 */
#include "bytes.h"
#include "check.h"
#include "console.h"
#include "device_tests.h"
#include "drive.h"
#include "own_device.h"

/* Numbers of their own: the driver's are not asked here. */
#define VIRTIO_MAGIC 0x74726976u
#define VIRTIO_VERSION 2u

enum device_register {
    REGISTER_magic = 0x000,
    REGISTER_queue_select = 0x030,
    REGISTER_queue_ready = 0x044,
    REGISTER_status = 0x070,
    REGISTER_configuration = 0x100
};

static volatile uint8_t *at(uint32_t offset)
{
    return own_device()->registers + offset;
}

static uint16_t load_16(uint32_t offset)
{
    uint16_t value;

    __asm__ volatile("movw (%1), %0" : "=r"(value) : "r"(at(offset)) : "memory");
    return value;
}

static uint32_t load_32(uint32_t offset)
{
    uint32_t value;

    __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(at(offset)) : "memory");
    return value;
}

/* A locked load of 8 bytes in both widths: what is compared differs, so that nothing changes. */
static uint64_t compare_64(uint32_t offset)
{
    uint32_t low = 0, high = 0;

    __asm__ volatile("lock cmpxchg8b (%2)"
                     : "+a"(low), "+d"(high)
                     : "r"(at(offset)), "b"(0), "c"(0)
                     : "memory", "cc");
    return low | (uint64_t)high << 32;
}

static void copy_by_string(void *target, uint32_t offset, uintptr_t words)
{
    const volatile uint8_t *source = at(offset);

    __asm__ volatile("rep movsl" : "+D"(target), "+S"(source), "+c"(words) : : "memory");
}

static void check_narrow_and_crooked(void)
{
    uint64_t sectors = drive_sector_count();

    /* Half a register is none. */
    CHECK(load_16(REGISTER_magic) == 0);
    CHECK(*at(REGISTER_magic) == 0);
    /* The engine takes a crooked load from both registers that it touches. */
    CHECK(load_32(REGISTER_magic + 1) == (VIRTIO_MAGIC >> 8 | VIRTIO_VERSION << 24));
    /* In the configuration narrow ones are allowed. */
    CHECK(*at(REGISTER_configuration) == (uint8_t)sectors);
    CHECK(load_16(REGISTER_configuration) == (uint16_t)sectors);
    /* Nothing of a crooked store arrives. */
    *(volatile uint32_t *)(volatile void *)at(REGISTER_queue_select + 1) = ~0u;
    CHECK(load_32(REGISTER_queue_ready) == 1);
}

static void check_wide(void)
{
    uint32_t words[3];

    CHECK(compare_64(REGISTER_magic) == (VIRTIO_MAGIC | (uint64_t)VIRTIO_VERSION << 32));
    CHECK(load_32(REGISTER_magic) == VIRTIO_MAGIC);
    copy_by_string(words, REGISTER_magic, 3);
    CHECK(words[0] == VIRTIO_MAGIC && words[1] == VIRTIO_VERSION && words[2] == VIRTIO_KIND_block);
}

/* What is both loaded and stored is the status alone. */
static void check_locked(void)
{
    uint32_t status = load_32(REGISTER_status);

    __asm__ volatile("lock orl $1, (%0)" : : "r"(at(REGISTER_status)) : "memory", "cc");
    CHECK(load_32(REGISTER_status) == status);
    __asm__ volatile("xchgl %0, (%1)" : "+r"(status) : "r"(at(REGISTER_status)) : "memory");
    CHECK(load_32(REGISTER_status) == status);
}

void register_test(void)
{
    check_narrow_and_crooked();
    check_wide();
    check_locked();
    print("disk: registers accessed in every form\n");
}
