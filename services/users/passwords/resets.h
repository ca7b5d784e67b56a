/* Links that set a new password. The first process of each daemon looks once a second for which addresses one was asked, all
 * at once, and writes a message for each that an account has: so no client can measure whether one has it. */
#ifndef ABACUS_USERS_RESETS_H
#define ABACUS_USERS_RESETS_H

struct event_base;
struct users;
struct resets;

/* Largest number of addresses that wait to be looked for. While there are as many, a further one is dropped, because the reply
 * is the same. */
#define RESETS_FORGOTTEN_MAX 10000

/* Links of one user that are good at the same time, and how long each is. The templates of mailer, the client and the API's
 * document mention the time. */
#define RESETS_PER_USER 3
#define RESETS_LINK_SECONDS 1800

/* NULL for another process than the first one. */
struct resets *resets_new(struct event_base *base, struct users *users, int process);
void resets_free(struct resets *resets); /* NULL is fine */

/* What the template of a link is filled with, {"token":…}, from the parameters in the outbox, which have no secret; the caller
 * frees it with mem_free_secret(). NULL: the parameters are of another message. */
char *resets_values(const struct users *users, const char *parameters);

#endif
