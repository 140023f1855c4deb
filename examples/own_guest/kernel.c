/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel of one's own: it answers what is typed on its console with the sum of the
 * digits, and ends at a line with a q in it.
 */
#include "check.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "image.h"
#include "start.h"
#include "sum.h"

#define LINE_SIZE_BYTES 80
#define MARK_BEGIN 1
#define MARK_END 2

IMAGE(4 * 1024 * 1024);

static int has_end(const char *text, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        if (text[i] == 'q') {
            return 1;
        }
    }
    return 0;
}

static void answer(const char *text, size_t size_bytes)
{
    uint32_t sum;

    (void)hypercall_mark(MARK_BEGIN, size_bytes);
    sum = sum_of_digits(text, size_bytes);
    (void)hypercall_mark(MARK_END, sum);
    print("sum %u\n", sum);
}

int guest_main(const struct start_page *start)
{
    char text[LINE_SIZE_BYTES];

    events_start();
    print("%s is ready\n", start->name);
    for (;;) {
        size_t size_bytes = (size_t)CALL(hypercall_console_read(text, sizeof(text)));

        if (size_bytes == 0) {
            events_wait();
            continue;
        }
        if (has_end(text, size_bytes)) {
            return 0;
        }
        answer(text, size_bytes);
    }
}
