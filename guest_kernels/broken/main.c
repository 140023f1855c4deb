/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instructions that x86 cannot virtualize: what each of the nineteen really does in this
 * guest, and the form that is right. Ends with code 0 if every row was as it is known.
 */
#include "console.h"
#include "context.h"
#include "event.h"
#include "image.h"
#include "row.h"
#include "start.h"

#define INSTRUCTION_COLUMN 9
#define HAPPENED_COLUMN 27
#define WHY_COLUMN 26
#define LINE_LIMIT 100

IMAGE(4 * 1024 * 1024);

static const struct row *const groups[] = {table_rows, flag_rows, segment_rows, transfer_rows};

struct counts {
    unsigned instructions;
    unsigned misbehave;
    unsigned right;
};

/* The text and blanks up to its column's width. */
static size_t put_column(char *line, size_t at, const char *text, size_t width)
{
    size_t length = format_text(line + at, LINE_LIMIT - at, "%s", text);

    while (length < width) {
        line[at + length++] = ' ';
    }
    return at + length;
}

static void print_line(const char *instruction, const char *happened, const char *why,
                       const char *form)
{
    char line[LINE_LIMIT];
    size_t at = put_column(line, 0, instruction, INSTRUCTION_COLUMN);

    at = put_column(line, at, happened, HAPPENED_COLUMN);
    at = put_column(line, at, why, WHY_COLUMN);
    at = put_column(line, at, form, 0);
    line[at] = '\0';
    print("%s\n", line);
}

static void row_run(const struct row *row, struct counts *counts)
{
    char happened[ROW_TEXT_LIMIT];
    int misbehaves = row->unmodified(happened);
    int right = row->modified();

    counts->instructions++;
    counts->misbehave += misbehaves != 0;
    counts->right += right != 0;
    print_line(row->instruction, happened, misbehaves ? row->why : "UNEXPECTED",
               right ? row->form : "WRONG");
}

int guest_main(const struct start_page *start)
{
    struct counts counts = {0, 0, 0};

    (void)start;
    context_start();
    events_start();
    print_line("", "unmodified, it", "why it matters", "the modified form");
    for (size_t group = 0; group < sizeof(groups) / sizeof(groups[0]); group++) {
        for (const struct row *row = groups[group]; row->instruction != 0; row++) {
            row_run(row, &counts);
        }
    }
    print("%u instructions: %u misbehave as known, %u modified forms are right\n",
          counts.instructions, counts.misbehave, counts.right);
    return counts.misbehave == counts.instructions && counts.right == counts.instructions ? 0 : 1;
}
