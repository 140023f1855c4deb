/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the way from a line to the function of a command, and the count of what failed.
 */
#include "command.h"

#include "bytes.h"
#include "console.h"

static const struct command *const tables[] = {
    file_commands,   pattern_commands, volume_commands,  network_commands,
    memory_commands, process_commands, counter_commands, session_commands,
};
#define TABLE_COUNT (sizeof(tables) / sizeof(tables[0]))

static uint64_t done_count;
static uint64_t failed_count;

uint64_t commands_done_count(void)
{
    return done_count;
}

uint64_t commands_failed_count(void)
{
    return failed_count;
}

int command_failed(const char *name, const char *what, const char *why)
{
    print("%s: %s: %s.\n", name, what, why);
    return 0;
}

int command_number(const struct words *words, uint32_t index, uint64_t *number)
{
    const char *text = words->at[index];

    *number = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(*number, 10u, number) ||
            __builtin_add_overflow(*number, (uint64_t)(text[i] - '0'), number)) {
            return command_failed(words->at[0], text, "it is no number");
        }
    }
    return 1;
}

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        for (const struct command *row = tables[i]; row->name != 0; row++) {
            if (text_equal(row->name, name)) {
                return row;
            }
        }
    }
    return 0;
}

/* The next word, with a zero behind it; 0: there is none. */
static char *word_take(char **rest)
{
    char *word = *rest;

    while (*word == ' ') {
        word++;
    }
    *rest = word;
    while (**rest != '\0' && **rest != ' ') {
        (*rest)++;
    }
    if (**rest != '\0') {
        *(*rest)++ = '\0';
    }
    return *word != '\0' ? word : 0;
}

/* Returns 0 where there are more words than any command takes. */
static int words_take(struct words *words, const struct command *command, char *rest)
{
    char *word;

    if (command->takes_text) {
        while (words->count < command->most && (word = word_take(&rest)) != 0) {
            words->at[words->count++] = word;
        }
        while (*rest == ' ') {
            rest++;
        }
        if (words->count == command->most && *rest != '\0') {
            words->at[words->count++] = rest;
        }
        return 1;
    }
    while ((word = word_take(&rest)) != 0) {
        if (words->count == COMMAND_WORD_LIMIT - 1) {
            return 0;
        }
        words->at[words->count++] = word;
    }
    return 1;
}

static int command_run(char *text)
{
    struct words words;
    const struct command *command;

    memset(&words, 0, sizeof(words));
    words.at[0] = word_take(&text);
    if (words.at[0] == 0) {
        return 1;
    }
    words.count = 1;
    done_count++;
    command = command_find(words.at[0]);
    if (command == 0) {
        return command_failed("shell", words.at[0], "no such command; `help` has all of them");
    }
    if (!words_take(&words, command, text) || words.count - 1 < command->least ||
        words.count - 1 > command->most) {
        print("%s: it is called as `%s%s%s`.\n", command->name, command->name,
              command->arguments[0] != '\0' ? " " : "", command->arguments);
        return 0;
    }
    return command->function(&words);
}

void commands_run(char *line)
{
    while (*line != '\0') {
        char *command = line;

        while (*line != '\0' && *line != ';') {
            line++;
        }
        if (*line != '\0') {
            *line++ = '\0';
        }
        failed_count += !command_run(command);
    }
}

void commands_help(void)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        for (const struct command *row = tables[i]; row->name != 0; row++) {
            print("%s%s%s: %s\n", row->name, row->arguments[0] != '\0' ? " " : "", row->arguments,
                  row->sentence);
        }
    }
}
