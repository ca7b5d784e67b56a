/* How many guesses a password withstands, as zxcvbn estimates it: by dictionaries of words, names and common passwords, keys
 * side by side, repetitions, sequences and dates.
 * https://www.usenix.org/conference/usenixsecurity16/technical-sessions/presentation/wheeler */
#ifndef ABACUS_PASSWORD_GUESS_H
#define ABACUS_PASSWORD_GUESS_H

/* What makes the password too easy to guess, to be read after "the password "; static. NULL: it withstands 10^guesses_min
 * guesses, or guesses_min is 0. about: texts that an attacker of this account tries first, such as its user's name and e-mail;
 * ends with NULL. Takes up to several milliseconds, and may run on any thread: the library has no variables. */
const char *password_guess_problem(const char *password, const char *const *about, long guesses_min);

#endif
