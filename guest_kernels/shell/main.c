/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest to talk to: files on a disk, its memory, its counters, by commands from its command line
 * and then from its console. Options: script="COMMAND;COMMAND...", disk=memory with disk_kib=N,
 * echo, prompt.
 */
#include "bytes.h"
#include "command.h"
#include "console.h"
#include "event.h"
#include "image.h"
#include "option.h"
#include "start.h"
#include "station.h"
#include "store.h"
#include "terminal.h"
#include "turn.h"

#define SCRIPT_BEGIN "script=\""

IMAGE(16 * 1024 * 1024);

static char options[COMMAND_LINE_LIMIT];
static char script[COMMAND_LINE_LIMIT];
static char line[COMMAND_LINE_LIMIT_BYTES];

/* Takes the script out of the options: its words are none. */
static void script_take(void)
{
    static const char begin[] = SCRIPT_BEGIN;
    size_t size = sizeof(begin) - 1;
    size_t length = text_length(options);

    for (size_t i = 0; i + size <= length; i++) {
        if (memcmp(options + i, begin, size) == 0 && (i == 0 || options[i - 1] == ' ')) {
            size_t end = i + size;

            while (end < length && options[end] != '"') {
                end++;
            }
            memcpy(script, options + i + size, end - i - size);
            memset(options + i, ' ', end < length ? end + 1 - i : end - i);
            return;
        }
    }
}

int guest_main(const struct start_page *start)
{
    memcpy(options, start->command_line, sizeof(options));
    options[sizeof(options) - 1] = '\0';
    script_take();
    events_start();
    turns_start();
    terminal_start(options);
    station_start();
    store_start(options);
    commands_run(script);
    for (;;) {
        if (option_present(options, "prompt")) {
            print("> ");
        }
        terminal_read(line, sizeof(line));
        commands_run(line);
    }
}
