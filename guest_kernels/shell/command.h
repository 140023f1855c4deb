/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the shell: a table a group, rows of a name, what follows it, a sentence and a
 * function. Lines are split at `;` into commands and at blanks into words.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdint.h>

#define COMMAND_WORD_LIMIT 6u
#define COMMAND_LINE_LIMIT_BYTES 512u

struct words {
    uint32_t count;
    char *at[COMMAND_WORD_LIMIT]; /* the command's name first; behind the last one 0 */
};

struct command {
    const char *name; /* 0: the table ends */
    const char *arguments;
    const char *sentence;
    uint32_t least; /* words behind the name */
    uint32_t most;
    uint8_t takes_text; /* the last word is the rest of the line, blanks and all */
    /* Returns 0 after it has said what is wrong. */
    int (*function)(const struct words *words);
};

extern const struct command file_commands[];
extern const struct command pattern_commands[];
extern const struct command volume_commands[];
extern const struct command network_commands[];
extern const struct command memory_commands[];
extern const struct command process_commands[];
extern const struct command counter_commands[];
extern const struct command session_commands[];

/* Carries out all commands of a line, which it takes apart. */
void commands_run(char *line);
void commands_help(void);

/* Says `NAME: WHAT: why.`; returns 0, as a command that has failed does. */
int command_failed(const char *name, const char *what, const char *why);
/* A decimal number; 0: it is none, or too large, which was said. */
int command_number(const struct words *words, uint32_t index, uint64_t *number);

uint64_t commands_done_count(void);
uint64_t commands_failed_count(void);

#endif
