/* Password hashing: Argon2id (RFC 9106) as PHC strings, on a thread pool. Hashes of the legacy system (bcrypt, $2a$ $2b$ $2y$,
 * through crypt(3)) verify, and the caller gets a new hash to store in their place.
 *
 * What is hashed is the password's normal form NFC, because keyboards send the same letters as different characters. A password
 * that is another text in NFC is verified as it was typed too, because of hashes that were made before that was the rule. */
#ifndef ABACUS_PASSWORD_H
#define ABACUS_PASSWORD_H

#include <stdbool.h>

#include "auth/hash_queue.h"
#include "base/config.h"

struct password_config {
	long memory_kib, passes, lanes, threads, queue_max, queue_ms;
	long guesses_min; /* a power of ten; 0: any password will do */
	char *denylist;   /* password_denylist.h; NULL: none */
};
extern const struct config_option password_options[];

void password_config_check(const struct password_config *config, struct config *errors);
/* Whether a password may be a new one; the problem, static, is read after "the password "; NULL: none. INTERNAL: the denylist
 * can not be read. Takes several milliseconds. May run on any thread, so it logs nothing. about: as of
 * password_guess_problem(). */
enum status password_judge(const struct password_config *config, const char *password, const char *const *about,
			   const char **ret_problem) MUST_CHECK;

struct password_hasher;
struct password_hasher *password_hasher_new(struct event_base *base, const struct password_config *config);
void password_hasher_free(struct password_hasher *hasher);

#define PASSWORD_ABOUT_MAX 2

/* Hashes a new password, unless password_judge() finds a problem: then STATUS_INVALID, and problem says why. The password is
 * copied and the copy wiped. about: up to PASSWORD_ABOUT_MAX texts about its user, then NULL; copied. phc is borrowed for the
 * callback. STATUS_BUSY when the queue is too long; INTERNAL, logged, when the denylist can not be read. */
typedef void password_hashed(enum status status, const char *phc, const char *problem, void *arg);
void password_hash(struct password_hasher *hasher, struct scope *scope, const struct hash_turn *turn, const char *password,
		   const char *const *about, password_hashed *done, void *arg);

/* What a password is verified against. */
struct password_stored {
	const char *phc;  /* NULL: there is no such user */
	long legacy_cost; /* the highest cost of any bcrypt hash that is stored; 0: there is none */
	bool is_refused;  /* whatever the password is */
};
/* Without phc it does the same amount of work with a dummy hash and answers false, so that an unknown user takes as long.
 * With legacy_cost a refusal takes twice as long as that hash, whether phc is a legacy hash, one of ours or NULL, so that its
 * time does not say which. The rest of the time it waits and keeps no thread.
 * A password that was not typed in NFC is verified in NFC and then as it was typed, because older hashes are of the latter.
 * STATUS_OK: matches is valid; new_phc is set when it should replace phc (bcrypt, other parameters than today's, or made of a
 * text that is not in NFC). A bcrypt hash is not replaced when the password has 72 bytes or more, because bcrypt compares only
 * the first 72. */
typedef void password_verified(enum status status, bool matches, const char *new_phc, void *arg);
void password_verify(struct password_hasher *hasher, struct scope *scope, const struct hash_turn *turn,
		     const struct password_stored *stored, const char *password, password_verified *done, void *arg);
/* After STATUS_BUSY: whole seconds, at least 1, until what is in the queue now has been calculated. */
long password_retry_s(const struct password_hasher *hasher);

/* Blocking, for manage, and whatever the password is. The caller frees. NULL when Argon2 refuses the parameters. */
char *password_hash_now(const struct password_config *config, const char *password);

#endif
