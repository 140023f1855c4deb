/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating-point and SSE state of an engine, as the FXSAVE image that the simulated monitor's
 * switch path writes: byte for byte the same, so that both builds hash alike.
 */
#include <string.h>

#include "machine.h"

#define AT_CONTROL 0
#define AT_STATUS 2
#define AT_TAGS 4
#define AT_INSTRUCTION 8
#define AT_MXCSR 24
#define AT_MXCSR_MASK 28
#define AT_STACK 32
#define AT_XMM 160
#define REGISTER_STRIDE_BYTES 16u
#define STACK_REGISTER_SIZE_BYTES 10u

#define CONTROL_RESET 0x037f
#define MXCSR_RESET 0x1f80u
#define MXCSR_MASK 0xffffu

void floating_point_reset_image(uint8_t image[512])
{
    const uint16_t control = CONTROL_RESET;
    const uint32_t mxcsr = MXCSR_RESET;
    const uint32_t mask = MXCSR_MASK;
    memset(image, 0, 512);
    memcpy(image + AT_CONTROL, &control, sizeof control);
    memcpy(image + AT_MXCSR, &mxcsr, sizeof mxcsr);
    memcpy(image + AT_MXCSR_MASK, &mask, sizeof mask);
}

/* The image has a bit a register in physical order: 1 is in use. The engine has two: 3 is empty. */
static uint8_t abridge_tags(uint16_t tags)
{
    uint8_t bits = 0;
    for (unsigned index = 0; index < 8; index++) {
        if ((tags >> (2 * index) & 3) != 3) {
            bits |= (uint8_t)(1u << index);
        }
    }
    return bits;
}

static uint16_t widen_tags(uint8_t bits)
{
    uint16_t tags = 0;
    for (unsigned index = 0; index < 8; index++) {
        if ((bits >> index & 1) == 0) {
            tags |= (uint16_t)(3u << (2 * index));
        }
    }
    return tags;
}

void floating_point_save(uc_engine *uc, uint8_t image[512])
{
    const uint32_t mask = MXCSR_MASK;
    uint16_t tags;
    memset(image, 0, FLOATING_POINT_STATE_SIZE_BYTES);
    (void)uc_reg_read(uc, UC_X86_REG_FPCW, image + AT_CONTROL);
    (void)uc_reg_read(uc, UC_X86_REG_FPSW, image + AT_STATUS);
    (void)uc_reg_read(uc, UC_X86_REG_FPTAG, &tags);
    image[AT_TAGS] = abridge_tags(tags);
    (void)uc_reg_read(uc, UC_X86_REG_FIP, image + AT_INSTRUCTION);
    (void)uc_reg_read(uc, UC_X86_REG_MXCSR, image + AT_MXCSR);
    memcpy(image + AT_MXCSR_MASK, &mask, sizeof mask);
    for (unsigned index = 0; index < 8; index++) {
        (void)uc_reg_read(uc, UC_X86_REG_ST0 + (int)index,
                          image + AT_STACK + index * REGISTER_STRIDE_BYTES);
    }
    for (unsigned index = 0; index < 16; index++) {
        (void)uc_reg_read(uc, UC_X86_REG_XMM0 + (int)index,
                          image + AT_XMM + index * REGISTER_STRIDE_BYTES);
    }
}

void floating_point_load(uc_engine *uc, const uint8_t image[512])
{
    uint16_t tags = widen_tags(image[AT_TAGS]);
    (void)uc_reg_write(uc, UC_X86_REG_FPCW, image + AT_CONTROL);
    (void)uc_reg_write(uc, UC_X86_REG_FPSW, image + AT_STATUS);
    (void)uc_reg_write(uc, UC_X86_REG_FPTAG, &tags);
    (void)uc_reg_write(uc, UC_X86_REG_FIP, image + AT_INSTRUCTION);
    (void)uc_reg_write(uc, UC_X86_REG_MXCSR, image + AT_MXCSR);
    for (unsigned index = 0; index < 8; index++) {
        (void)uc_reg_write(uc, UC_X86_REG_ST0 + (int)index,
                           image + AT_STACK + index * REGISTER_STRIDE_BYTES);
    }
    for (unsigned index = 0; index < 16; index++) {
        (void)uc_reg_write(uc, UC_X86_REG_XMM0 + (int)index,
                           image + AT_XMM + index * REGISTER_STRIDE_BYTES);
    }
}
