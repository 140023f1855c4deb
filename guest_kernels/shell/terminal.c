/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the bytes that have come and the line that is being edited. Whatever comes, only printable
 * characters get into a line.
 */
#include "terminal.h"

#include "bytes.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "option.h"
#include "processes.h"
#include "station.h"

#define INPUT_BYTES 256
#define KEY_BACKSPACE 0x08
#define KEY_ESCAPE 0x1b
#define KEY_KILL 0x15
#define KEY_WORD 0x17
#define KEY_DELETE 0x7f

enum escape { ESCAPE_none = 0, ESCAPE_begun = 1, ESCAPE_sequence = 2 };

static uint8_t input[INPUT_BYTES];
static uint32_t input_count;
static uint32_t input_taken;
static uint64_t bytes_count;
static int echoes;
static uint32_t escape; /* enum escape */

static void input_came(uint32_t port)
{
    (void)port; /* it has woken the shell, which looks everywhere */
}

void terminal_start(const char *command_line)
{
    echoes = option_present(command_line, "echo");
    event_function_set(PORT_CONSOLE, input_came);
}

uint64_t terminal_bytes_count(void)
{
    return bytes_count;
}

static uint8_t byte_next(void)
{
    while (input_taken == input_count) {
        int64_t count = hypercall_console_read(input, sizeof(input));

        input_taken = 0;
        input_count = count > 0 ? (uint32_t)count : 0;
        bytes_count += input_count;
        if (input_count == 0 && station_poll() == 0 && !processes_step()) {
            station_wait();
        }
    }
    return input[input_taken++];
}

static void show(const char *text, size_t size_bytes)
{
    if (echoes) {
        console_write(text, size_bytes);
    }
}

static size_t take_back(const char *line, size_t length, size_t count)
{
    (void)line;
    for (size_t i = 0; i < count; i++) {
        show("\b \b", 3);
    }
    return length - count;
}

/* How many characters the last word has, with the blanks behind it. */
static size_t word_size(const char *line, size_t length)
{
    size_t begin = length;

    while (begin > 0 && line[begin - 1] == ' ') {
        begin--;
    }
    while (begin > 0 && line[begin - 1] != ' ') {
        begin--;
    }
    return length - begin;
}

/* Whether the byte belongs to an escape sequence, as arrows and other keys send them. */
static int escape_takes(uint8_t byte)
{
    if (escape == ESCAPE_begun) {
        escape = byte == '[' || byte == 'O' ? ESCAPE_sequence : ESCAPE_none;
        return escape == ESCAPE_sequence;
    }
    if (escape == ESCAPE_sequence) {
        if (byte >= 0x40 && byte <= 0x7e) {
            escape = ESCAPE_none;
        }
        return 1;
    }
    escape = byte == KEY_ESCAPE ? ESCAPE_begun : ESCAPE_none;
    return escape == ESCAPE_begun;
}

/* Puts a byte into the line, or does what it asks for; the length afterwards. */
static size_t byte_take(uint8_t byte, char *line, size_t length, size_t limit)
{
    if (escape_takes(byte)) {
        return length;
    }
    switch (byte) {
    case KEY_BACKSPACE:
    case KEY_DELETE:
        return take_back(line, length, length > 0 && length <= limit ? 1 : 0);
    case KEY_KILL:
        return take_back(line, length, length);
    case KEY_WORD:
        return length <= limit ? take_back(line, length, word_size(line, length)) : length;
    case '\t':
        byte = ' ';
        break;
    default:
        break;
    }
    if (byte < ' ' || byte > '~') {
        return length;
    }
    if (length < limit) {
        line[length] = (char)byte;
        show(&line[length], 1);
    }
    return length <= limit ? length + 1 : length; /* above the limit: it is too long */
}

void terminal_read(char *line, size_t size_bytes)
{
    size_t limit = size_bytes - 1;
    size_t length = 0;

    for (;;) {
        uint8_t byte = byte_next();

        if (byte != '\n' && byte != '\r') {
            length = byte_take(byte, line, length, limit);
            continue;
        }
        show("\n", 1);
        if (length <= limit) {
            line[length] = '\0';
            return;
        }
        print("shell: the line: it is longer than %u characters.\n", (unsigned)limit);
        length = 0;
    }
}
