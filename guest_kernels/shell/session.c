/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the commands of the session itself: help, text, scripts from the disk, the end.
 */
#include "bytes.h"
#include "command.h"
#include "console.h"
#include "start.h"
#include "store.h"

#define SCRIPT_LIMIT_BYTES 4096u
#define SCRIPT_DEPTH 4u

static char scripts[SCRIPT_DEPTH][SCRIPT_LIMIT_BYTES + 1];
static uint32_t depth;

static int help(const struct words *words)
{
    (void)words;
    commands_help();
    return 1;
}

static int echo(const struct words *words)
{
    if (words->count > 1) {
        print("%s\n", words->at[1]);
    } else {
        print("\n");
    }
    return 1;
}

static void lines_run(char *text)
{
    while (*text != '\0') {
        char *line = text;

        while (*text != '\0' && *text != '\n') {
            text++;
        }
        if (*text != '\0') {
            *text++ = '\0';
        }
        commands_run(line);
    }
}

/* Lines of a file; a script may run others, so deep. */
static int run(const struct words *words)
{
    struct fat_volume *volume = store_volume("run");
    struct fat_reader reader;
    uint32_t size_bytes = 0;
    uint32_t status;

    if (volume == 0) {
        return 0;
    }
    if (depth == SCRIPT_DEPTH) {
        return command_failed("run", words->at[1], "scripts run each other too deep");
    }
    status = fat_open(&reader, volume, words->at[1]);
    if (status == FAT_ok && reader.size_bytes > SCRIPT_LIMIT_BYTES) {
        return command_failed("run", words->at[1], "it is longer than 4096 bytes");
    }
    if (status == FAT_ok) {
        status = fat_read(&reader, scripts[depth], SCRIPT_LIMIT_BYTES, &size_bytes);
    }
    if (status != FAT_ok) {
        return command_failed("run", words->at[1], fat_status_text(status));
    }
    scripts[depth][size_bytes] = '\0';
    depth++;
    lines_run(scripts[depth - 1]);
    depth--;
    return 1;
}

static int leave(const struct words *words)
{
    uint64_t code = commands_failed_count() != 0;

    if (words->count > 1 && !command_number(words, 1, &code)) {
        return 0;
    }
    if (code > UINT8_MAX) {
        return command_failed("exit", words->at[1], "codes end at 255");
    }
    guest_exit((int)code, "the shell was told to exit");
}

const struct command session_commands[] = {
    {"echo", "[TEXT]", "Shows a text.", 0, 1, 1, echo},
    {"run", "FILE", "Carries out the lines of a file.", 1, 1, 0, run},
    {"help", "", "Shows all commands.", 0, 0, 0, help},
    {"exit", "[CODE]", "Ends the partition; without a code with 1 if a command failed.", 0, 1, 0,
     leave},
    {0, 0, 0, 0, 0, 0, 0},
};
