/* Choosing a command of `manage` by its words, before anything else is looked at: an operator who mistypes a command learns
 * that, and not which variable is not set. Tables end with NULL, and the commands of each with one that has no name. */
#ifndef ABACUS_DAEMON_MANAGE_INTERNAL_H
#define ABACUS_DAEMON_MANAGE_INTERNAL_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/manage.h"

#define MANAGE_EXIT_USAGE 64 /* EX_USAGE of sysexits.h */

typedef const struct manage_command *const manage_tables[];

/* The command whose name the arguments begin with, and in ret_words how many of them that takes; NULL if there is none. */
const struct manage_command *manage_command_find(manage_tables tables, int argc, char **argv, int *ret_words);
/* Whether the arguments after the name are those of the usage: each of its alternatives ("KIND INDEX | --all") has words that
 * are required, words in brackets that are not, and words that begin with - and are meant literally. */
bool manage_command_takes(const struct manage_command *command, int argc, char **argv);
/* The name that was probably meant: with a few other letters, or its end left out, or its first word. NULL: nothing is near. */
const char *manage_command_nearest(manage_tables tables, int argc, char **argv);
void manage_command_print(FILE *out, const struct manage_command *command);
void manage_command_print_all(FILE *out, manage_tables tables);

#endif
