/* A file of passwords that are refused although they withstand guesses, such as those that have leaked: their SHA-1 as 40
 * hexadecimal digits, one a line, sorted, as "Have I Been Pwned" distributes them; what follows on a line (":3730471") is
 * ignored. It may have any size, because each look reads a few lines of it. SHA-1 only names a password here and protects none.
 */
#ifndef ABACUS_PASSWORD_DENYLIST_H
#define ABACUS_PASSWORD_DENYLIST_H

#include <stdbool.h>

#include "base/status.h"

/* What is wrong with the file, a static text to be read after its option's name; NULL: nothing, by its first and last lines. */
const char *password_denylist_problem(const char *path);
/* Reads the file, so that one that was replaced counts at once. May run on any thread, so it logs nothing. INTERNAL: the file
 * could not be read, or has a line that is none. */
enum status password_denylist_look(const char *path, const char *password, bool *ret_is_listed) MUST_CHECK;

#endif
