/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiplies integer matrices the plain way and checks the product against a vector;
 * returns 0 if it is wrong.
 */
#include "kernels.h"

#define SIZE 48

static uint32_t left[SIZE][SIZE];
static uint32_t right[SIZE][SIZE];
static uint32_t product[SIZE][SIZE];

static void fill(uint32_t matrix[SIZE][SIZE], uint64_t *state)
{
    for (int row = 0; row < SIZE; row++) {
        for (int column = 0; column < SIZE; column++) {
            matrix[row][column] = random_next(state);
        }
    }
}

static void multiply(void)
{
    for (int row = 0; row < SIZE; row++) {
        for (int column = 0; column < SIZE; column++) {
            uint32_t sum = 0;

            for (int i = 0; i < SIZE; i++) {
                sum += left[row][i] * right[i][column];
            }
            product[row][column] = sum;
        }
    }
}

static void apply(uint32_t matrix[SIZE][SIZE], const uint32_t *vector, uint32_t *result)
{
    for (int row = 0; row < SIZE; row++) {
        uint32_t sum = 0;

        for (int column = 0; column < SIZE; column++) {
            sum += matrix[row][column] * vector[column];
        }
        result[row] = sum;
    }
}

uint64_t matrix_run(uint64_t seed)
{
    uint32_t vector[SIZE];
    uint32_t between[SIZE];
    uint32_t one[SIZE];
    uint32_t other[SIZE];
    uint64_t state = seed;
    uint64_t sum = 1;

    fill(left, &state);
    fill(right, &state);
    multiply();
    for (int i = 0; i < SIZE; i++) {
        vector[i] = random_next(&state);
    }
    apply(right, vector, between);
    apply(left, between, one);
    apply(product, vector, other);
    for (int i = 0; i < SIZE; i++) {
        if (one[i] != other[i]) {
            return 0;
        }
        sum = sum * 31 + one[i];
    }
    return sum;
}
