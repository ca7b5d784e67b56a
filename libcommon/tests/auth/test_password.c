/* Hashing and verifying on the pool's thread: what matches, what is replaced, what is refused, and what a full queue does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <argon2.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/password.h"
#include "base/loop.h"
#include "base/mem.h"
#include "tests/capture.h"
#include "tests/skip.h"
#include "tests/wait_for.h"

static const struct password_config small = {
	.memory_kib = 64, .passes = 1, .lanes = 1, .threads = 1, .queue_max = 8, .queue_ms = 60000};
static const struct hash_turn turn = {.network = "192.0.2.1", .account = "7"};
static const char *const about[] = {"ada", "ada@example.com", NULL};
static struct event_base *base;
static struct password_hasher *hasher;
static struct scope scope;

struct answer {
	int count;
	enum status status;
	bool matches;
	char *phc; /* new_phc of a verification */
	const char *problem;
};

static void keep(struct answer *answer, enum status status, bool matches, const char *phc)
{
	answer->count++;
	answer->status = status;
	answer->matches = matches;
	answer->phc = phc ? mem_strdup(phc) : NULL;
}

static void hashed(enum status status, const char *phc, const char *problem, void *arg)
{
	keep(arg, status, false, phc);
	((struct answer *)arg)->problem = problem;
}

static void verified(enum status status, bool matches, const char *new_phc, void *arg)
{
	keep(arg, status, matches, new_phc);
}

static void start_with(const struct password_config *config)
{
	password_hasher_free(hasher);
	hasher = password_hasher_new(base, config);
}

static struct answer hash(const char *password)
{
	struct answer answer = {0};

	password_hash(hasher, &scope, &turn, password, about, hashed, &answer);
	assert_int_equal(answer.count, 0); /* never before the call has returned */
	WAIT_FOR(answer.count);
	return answer;
}

static struct answer verify_stored(const char *phc, long legacy_cost, bool is_refused, const char *password)
{
	struct answer answer = {0};

	password_verify(hasher, &scope, &turn, &(struct password_stored){phc, legacy_cost, is_refused}, password, verified,
			&answer);
	assert_int_equal(answer.count, 0);
	WAIT_FOR(answer.count);
	return answer;
}

static struct answer verify(const char *phc, const char *password)
{
	return verify_stored(phc, 0, false, password);
}

static void expect(const char *phc, const char *password, bool matches, bool wants_new)
{
	struct answer answer = verify(phc, password);
	bool has_new = answer.phc != NULL;

	free(answer.phc);
	assert_int_equal(answer.status, STATUS_OK);
	assert_int_equal(answer.matches, matches);
	assert_int_equal(has_new, wants_new);
}

static int set_up(void **state)
{
	base = loop_new();
	scope_init(&scope);
	hasher = password_hasher_new(base, &small);
	return 0;
}

static int tear_down(void **state)
{
	password_hasher_free(hasher);
	hasher = NULL;
	assert_true(scope_is_idle(&scope));
	event_base_free(base);
	return 0;
}

/* ---- Argon2id ---- */

static void test_a_hash_is_a_phc_string_of_the_configured_parameters(void **state)
{
	static const char start[] = "$argon2id$v=19$m=64,t=1,p=1$";
	struct answer answer = hash("correct horse");
	const char *salt, *tag;

	assert_int_equal(answer.status, STATUS_OK);
	assert_non_null(answer.phc);
	assert_memory_equal(answer.phc, start, sizeof start - 1);
	salt = answer.phc + sizeof start - 1;
	tag = strchr(salt, '$');
	assert_non_null(tag);
	assert_int_equal(tag - salt, 22); /* 16 bytes in base64 without padding */
	assert_int_equal(strlen(tag + 1), 43);
	free(answer.phc);
}

static void test_two_hashes_of_one_password_differ(void **state)
{
	struct answer first = hash("correct horse"), second = hash("correct horse");

	assert_string_not_equal(first.phc, second.phc);
	free(first.phc);
	free(second.phc);
}

static void test_the_right_password_matches_and_keeps_its_hash(void **state)
{
	struct answer answer = hash("correct horse");

	expect(answer.phc, "correct horse", true, false);
	free(answer.phc);
}

static void test_another_password_does_not_match(void **state)
{
	static const char *const wrong[] = {"correct horsf", "correct hors", "correct horse ", "Correct horse", ""};
	struct answer answer = hash("correct horse");

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		expect(answer.phc, wrong[i], false, false);
	free(answer.phc);
}

static void test_a_password_of_any_characters_and_128_of_them_counts_to_the_last(void **state)
{
	char password[4 * 128 + 1] = "";
	struct answer answer;

	for (int i = 0; i < 128; i++)
		strcat(password, "\xf0\x9f\x90\x8e");
	answer = hash(password);
	expect(answer.phc, password, true, false);
	password[sizeof password - 2] ^= 1;
	expect(answer.phc, password, false, false);
	free(answer.phc);
}

static void test_a_hash_made_elsewhere_verifies(void **state)
{
	/* test.c of the reference implementation (phc-winner-argon2) */
	static const char phc[] = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

	expect(phc, "password", true, true);
	expect(phc, "passwore", false, false);
}

static void expect_replaced(struct password_config weaker)
{
	char *old = password_hash_now(&weaker, "correct horse");
	struct answer answer;

	assert_non_null(old);
	answer = verify(old, "correct horse");
	free(old);
	assert_true(answer.matches);
	assert_non_null(answer.phc);
	assert_non_null(strstr(answer.phc, "$m=64,t=1,p=1$"));
	expect(answer.phc, "correct horse", true, false);
	free(answer.phc);
}

static void test_a_hash_of_less_memory_is_replaced(void **state)
{
	expect_replaced((struct password_config){.memory_kib = 32, .passes = 1, .lanes = 1});
}

static void test_a_hash_of_other_passes_is_replaced(void **state)
{
	expect_replaced((struct password_config){.memory_kib = 64, .passes = 2, .lanes = 1});
}

static void test_a_hash_of_other_lanes_is_replaced(void **state)
{
	expect_replaced((struct password_config){.memory_kib = 64, .passes = 1, .lanes = 2});
}

static void test_a_weaker_hash_is_not_replaced_for_a_wrong_password(void **state)
{
	char *old = password_hash_now(&(struct password_config){.memory_kib = 32, .passes = 1, .lanes = 1}, "correct horse");

	expect(old, "wrong horse", false, false);
	free(old);
}

static void test_parameters_that_do_not_fit_make_no_hash(void **state)
{
	assert_null(password_hash_now(&(struct password_config){.memory_kib = 8, .passes = 1, .lanes = 16}, "correct horse"));
	assert_null(password_hash_now(&(struct password_config){.memory_kib = 64, .passes = 0, .lanes = 1}, "correct horse"));
}

/* ---- bcrypt ---- */

static void test_legacy_hashes_verify_and_are_replaced(void **state)
{
	/* Openwall's crypt_blowfish 1.3, wrapper.c: test vectors for "U*U" */
	static const char *const old[] = {
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
	};

	for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
		struct answer answer = verify(old[i], "U*U");

		assert_int_equal(answer.status, STATUS_OK);
		assert_true(answer.matches);
		assert_non_null(answer.phc);
		expect(answer.phc, "U*U", true, false);
		free(answer.phc);
	}
}

static void test_legacy_hashes_refuse_another_password(void **state)
{
	expect("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*V", false, false);
	expect("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "", false, false);
}

/* python3 -c "import crypt; print(crypt.crypt('x' * 80, '$2b$04$abcdefghijklmnopqrstuu'))" */
static const char of_80_x[] = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";

static void expect_of_x(int length, bool matches, bool wants_new, const char *phc)
{
	char password[128] = "";

	memset(password, 'x', (size_t)length);
	expect(phc, password, matches, wants_new);
}

static void test_a_legacy_hash_is_not_replaced_when_the_end_of_the_password_was_not_proven(void **state)
{
	expect_of_x(80, true, false, of_80_x);
	expect_of_x(79, true, false, of_80_x);
	expect_of_x(72, true, false, of_80_x);
	expect_of_x(71, false, false, of_80_x);
}

static void test_a_legacy_hash_is_replaced_when_the_whole_password_was_proven(void **state)
{
	expect_of_x(71, true, true, "$2b$04$abcdefghijklmnopqrstuu.gc7UY/21CSNJGJg21jJzx9QiOpJ9bO");
}

static int64_t refusal_us(const char *phc, long legacy_cost)
{
	int64_t begin_us = clock_monotonic_us();
	struct answer answer = verify_stored(phc, legacy_cost, false, "a wrong password");

	assert_int_equal(answer.status, STATUS_OK);
	assert_false(answer.matches);
	return clock_monotonic_us() - begin_us;
}

#define LEGACY "$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
#define LEGACY_COST 10

static void keep_least(int64_t *least_us, int64_t took_us)
{
	if (took_us < *least_us)
		*least_us = took_us;
}

static int64_t processor_us(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec * INT64_C(1000000) + used.tv_nsec / 1000;
}

/* The least of several, in turn, because other load on the machine only makes some of them longer. With much load all that
 * calculates takes longer than what waits. So the legacy hash is held against the same one that does not wait, which takes as
 * much longer, and the others against the processor time of that one. Without the wait, the legacy hash takes more than a
 * hundred times as long as one of ours here. Returns what is wrong with the times, or NULL. */
static char *compare_refusals(void)
{
	int64_t legacy_us = INT64_MAX, ours_us = INT64_MAX, unknown_us = INT64_MAX, alone_us = INT64_MAX, work_us = INT64_MAX;
	struct answer ours = hash("correct horse");

	for (int i = 0; i < 8; i++) {
		int64_t begin_us = processor_us();

		keep_least(&alone_us, refusal_us(LEGACY, 0));
		keep_least(&work_us, processor_us() - begin_us);
		keep_least(&legacy_us, refusal_us(LEGACY, LEGACY_COST));
		keep_least(&ours_us, refusal_us(ours.phc, LEGACY_COST));
		keep_least(&unknown_us, refusal_us(NULL, LEGACY_COST));
	}
	free(ours.phc);
	if (ours_us >= work_us * 3 / 2 && unknown_us >= work_us * 3 / 2 && unknown_us <= ours_us * 2 &&
	    ours_us <= unknown_us * 2 && legacy_us >= ours_us / 2 && legacy_us <= (ours_us > alone_us ? ours_us : alone_us) * 2)
		return NULL;
	return mem_printf(
		"%ld us for a legacy hash, %ld us for ours, %ld us for an unknown user; the legacy hash alone %ld us, "
		"%ld us of them on a processor",
		(long)legacy_us, (long)ours_us, (long)unknown_us, (long)alone_us, (long)work_us);
}

/* A processor that got slower or faster since the hasher measured it, as one does that is shared with other machines, makes a
 * round fail, and another hasher measures again. */
static void test_a_legacy_hash_takes_as_long_to_refuse_as_ours_and_as_an_unknown_user(void **state)
{
	char *problem = compare_refusals();

	for (int round = 1; problem && round < 5; round++) {
		print_message("again: %s\n", problem);
		free(problem);
		start_with(&small);
		problem = compare_refusals();
	}
	if (problem)
		fail_msg("%s", problem);
}

static void test_a_right_password_that_is_refused_is_as_a_wrong_one(void **state)
{
	static const char *const phc[] = {
		"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"};
	static const char *const right[] = {"U*U", "password"};

	int64_t least_us = INT64_MAX;

	for (int i = 0; i < 5; i++)
		keep_least(&least_us, refusal_us(NULL, LEGACY_COST));
	for (int i = 0; i < 2; i++) {
		int64_t begin_us = clock_monotonic_us(), took_us;
		struct answer answer;

		answer = verify_stored(phc[i], 10, true, right[i]);
		took_us = clock_monotonic_us() - begin_us;
		assert_int_equal(answer.status, STATUS_OK);
		assert_false(answer.matches);
		assert_null(answer.phc);
		assert_true(took_us > least_us / 2);
	}
}

static void test_a_refusal_that_waits_ends_with_its_scope(void **state)
{
	struct answer answer = {0};
	struct answer ours = hash("correct horse"), later;

	password_verify(hasher, &scope, &turn, &(struct password_stored){.phc = ours.phc, .legacy_cost = 16},
			"a wrong password", verified, &answer);
	later = verify(ours.phc, "correct horse"); /* on the one thread, so the first is waiting now */
	assert_true(later.matches);
	assert_int_equal(answer.count, 0);
	scope_cancel(&scope);
	assert_true(scope_is_idle(&scope));
	free(ours.phc);
}

/* ---- the form of Unicode ---- */

#define COMPOSED "Zo\u00EB und Andr\u00E9"
#define DECOMPOSED "Zoe\u0308 und Andre\u0301"

static void test_a_password_matches_however_its_letters_were_composed(void **state)
{
	struct answer composed = hash(COMPOSED), decomposed = hash(DECOMPOSED);

	expect(composed.phc, COMPOSED, true, false);
	expect(composed.phc, DECOMPOSED, true, false);
	expect(decomposed.phc, COMPOSED, true, false);
	expect(decomposed.phc, DECOMPOSED, true, false);
	expect(composed.phc, "Zoe und Andre", false, false);
	free(composed.phc);
	free(decomposed.phc);
}

static void test_a_hash_made_now_for_manage_matches_too(void **state)
{
	char *phc = password_hash_now(&small, DECOMPOSED);

	expect(phc, COMPOSED, true, false);
	free(phc);
}

static void expect_replaced_by_the_normal_form(const char *old)
{
	struct answer answer = verify(old, DECOMPOSED);

	expect(old, COMPOSED, false, false);
	assert_true(answer.matches);
	assert_non_null(answer.phc);
	expect(answer.phc, COMPOSED, true, false);
	expect(answer.phc, DECOMPOSED, true, false);
	free(answer.phc);
}

static void test_a_hash_from_before_the_normal_form_matches_what_was_typed_and_is_replaced(void **state)
{
	char phc[192];

	assert_int_equal(argon2id_hash_encoded((uint32_t)small.passes, (uint32_t)small.memory_kib, (uint32_t)small.lanes,
					       DECOMPOSED, strlen(DECOMPOSED), "sixteen bytes ..", 16, 32, phc, sizeof phc),
			 ARGON2_OK);
	expect_replaced_by_the_normal_form(phc);
	/* python3 -c "import crypt; print(crypt.crypt('Zoe\u0308 und Andre\u0301', '$2b$04$abcdefghijklmnopqrstuu'))" */
	expect_replaced_by_the_normal_form("$2b$04$abcdefghijklmnopqrstuub08vqflZ4OOl/MsJyjPJV0NhtftHajW");
}

/* ---- passwords that are easy to guess ---- */

static void test_a_password_that_is_easy_to_guess_is_not_hashed(void **state)
{
	struct password_config config = small;
	struct answer weak, good;

	config.guesses_min = 8;
	start_with(&config);
	weak = hash("ada password");
	assert_int_equal(weak.status, STATUS_INVALID);
	assert_null(weak.phc);
	assert_non_null(weak.problem);
	good = hash("seven brass beads");
	assert_int_equal(good.status, STATUS_OK);
	assert_non_null(good.phc);
	assert_null(good.problem);
	free(good.phc);
}

static void test_what_is_known_about_the_user_makes_a_password_easy_to_guess(void **state)
{
	struct password_config config = small;

	config.guesses_min = 8;
	start_with(&config);
	assert_int_equal(hash("ada+ada@example.com").status, STATUS_INVALID);
}

static void test_a_stored_hash_verifies_however_easy_its_password_is_to_guess(void **state)
{
	struct password_config config = small;
	char *phc = password_hash_now(&small, "password");

	config.guesses_min = 8;
	start_with(&config);
	expect(phc, "password", true, false);
	free(phc);
}

/* By two threads, so that ThreadSanitizer sees what they share. */
static void test_passwords_are_refused_and_logged_while_the_denylist_can_not_be_read(void **state)
{
	enum { PASSWORDS = 8 };
	static struct capture capture;
	struct password_config config = small;
	struct answer answers[PASSWORDS] = {0};

	config.denylist = "/nowhere";
	config.threads = 2;
	start_with(&config);
	capture_start(&capture, STDOUT_FILENO);
	for (int i = 0; i < PASSWORDS; i++)
		password_hash(hasher, &scope, &turn, "seven brass beads", about, hashed, &answers[i]);
	for (int i = 0; i < PASSWORDS; i++)
		WAIT_FOR(answers[i].count);
	capture_end(&capture);
	for (int i = 0; i < PASSWORDS; i++) {
		assert_int_equal(answers[i].status, STATUS_INTERNAL);
		assert_null(answers[i].phc);
	}
	assert_non_null(strstr(capture.text, "PASSWORD_DENYLIST can not be read"));
}

/* ---- an unknown user ---- */

/* Processor time of all threads, so that a busy machine does not count. */
static void measure(const char *phc, clock_t *least)
{
	clock_t begin = clock(), took;

	expect(phc, "correct horse", false, false);
	took = clock() - begin;
	if (took < *least)
		*least = took;
}

static void test_an_unknown_user_takes_as_much_work_and_does_not_match(void **state)
{
	clock_t unknown = CLOCKS_PER_SEC * 60, known = unknown;
	struct password_config config = small;
	char *phc;

	config.memory_kib = 8192;
	start_with(&config);
	phc = password_hash_now(&config, "another password");
	for (int i = 0; i < 10; i++) {
		measure(phc, &known);
		measure(NULL, &unknown);
	}
	free(phc);
	if (unknown < known / 2 || unknown > known * 2)
		fail_msg("%ld us for an unknown user, %ld us for a known one", (long)unknown, (long)known);
}

/* "dummy password" is public: it is in the source. */
static void test_the_dummy_password_does_not_match(void **state)
{
	expect(NULL, "dummy password", false, false);
}

/* ---- hashes that were made up ---- */

#include "tests/auth/password_refused_rows.h"

/* Refused before the work: an eighth of a second is far below what 4 GiB, cost 17 or 65,536 times the passes would take. */
static void test_refused(void **state)
{
	const struct refused *row = *state;
	clock_t begin = clock();

	expect(row->phc, "U*U", false, false);
	assert_true(clock() - begin < CLOCKS_PER_SEC / 8);
}

/* ---- the queue ---- */

/* No thread takes anything, so that the queue stands still. */
static void start_still(long queue_max)
{
	struct password_config config = small;

	config.threads = 0;
	config.queue_max = queue_max;
	start_with(&config);
}

static void test_beyond_the_queues_length_a_hash_is_busy(void **state)
{
	struct answer first = {0}, second = {0};

	start_still(1);
	password_hash(hasher, &scope, &turn, "correct horse", about, hashed, &first);
	password_hash(hasher, &scope, &turn, "correct horse", about, hashed, &second);
	WAIT_FOR(second.count);
	assert_int_equal(second.status, STATUS_BUSY);
	assert_null(second.phc);
	assert_int_equal(first.count, 0);
}

static void test_beyond_the_queues_length_a_verification_is_busy_and_does_not_match(void **state)
{
	struct answer first = {0}, second = {0};

	start_still(1);
	password_verify(hasher, &scope, &turn, &(struct password_stored){0}, "correct horse", verified, &first);
	password_verify(hasher, &scope, &turn, &(struct password_stored){0}, "correct horse", verified, &second);
	WAIT_FOR(second.count);
	assert_int_equal(second.status, STATUS_BUSY);
	assert_false(second.matches);
	assert_null(second.phc);
}

static void test_freeing_with_work_in_the_queue_runs_no_callback(void **state)
{
	struct answer answer = {0};

	start_still(8);
	for (int i = 0; i < 3; i++)
		password_hash(hasher, &scope, &turn, "correct horse", about, hashed, &answer);
	password_hasher_free(hasher);
	hasher = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(answer.count, 0);
	assert_true(scope_is_idle(&scope));
}

static void test_a_cancelled_scope_runs_no_callback_and_another_scope_runs_all(void **state)
{
	struct answer cancelled = {0}, neighbour = {0};
	struct scope other;

	scope_init(&other);
	password_hash(hasher, &other, &turn, "correct horse", about, hashed, &cancelled);
	password_verify(hasher, &other, &turn, &(struct password_stored){0}, "correct horse", verified, &cancelled);
	password_hash(hasher, &scope, &turn, "correct horse", about, hashed, &neighbour);
	scope_cancel(&other);
	WAIT_FOR(neighbour.count); /* one thread: what was asked before is over too */
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(cancelled.count, 0);
	assert_int_equal(neighbour.status, STATUS_OK);
	free(neighbour.phc);
}

/* ---- memory ---- */

static long resident_kib(void)
{
	char line[128];
	long kib = 0;
	FILE *status = fopen("/proc/self/status", "re");

	assert_non_null(status);
	while (fgets(line, sizeof line, status))
		sscanf(line, "VmRSS: %ld", &kib);
	fclose(status);
	return kib;
}

static void nothing(void *arg)
{
}

static void test_the_memory_of_a_hash_goes_back_when_no_password_comes(void **state)
{
	struct password_config large = small;
	struct loop_timer *tick;

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
	skip_because("elsewhere: plain, because a sanitizer has a malloc of its own");
#endif
	large.memory_kib = 19456;
	start_with(&large);
	for (int i = 0; i < 2; i++)
		free(hash("correct horse").phc);
	assert_true(resident_kib() > large.memory_kib);
	tick = loop_every(base, 50, nothing, NULL);
	WAIT_FOR(resident_kib() < large.memory_kib / 2);
	loop_timer_free(tick);
}

#define PASSWORD_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest others[] = {
		PASSWORD_TEST(test_a_hash_is_a_phc_string_of_the_configured_parameters),
		PASSWORD_TEST(test_two_hashes_of_one_password_differ),
		PASSWORD_TEST(test_the_right_password_matches_and_keeps_its_hash),
		PASSWORD_TEST(test_another_password_does_not_match),
		PASSWORD_TEST(test_a_password_of_any_characters_and_128_of_them_counts_to_the_last),
		PASSWORD_TEST(test_a_hash_made_elsewhere_verifies),
		PASSWORD_TEST(test_a_hash_of_less_memory_is_replaced),
		PASSWORD_TEST(test_a_hash_of_other_passes_is_replaced),
		PASSWORD_TEST(test_a_hash_of_other_lanes_is_replaced),
		PASSWORD_TEST(test_a_weaker_hash_is_not_replaced_for_a_wrong_password),
		PASSWORD_TEST(test_parameters_that_do_not_fit_make_no_hash),
		PASSWORD_TEST(test_legacy_hashes_verify_and_are_replaced),
		PASSWORD_TEST(test_legacy_hashes_refuse_another_password),
		PASSWORD_TEST(test_a_legacy_hash_is_not_replaced_when_the_end_of_the_password_was_not_proven),
		PASSWORD_TEST(test_a_legacy_hash_is_replaced_when_the_whole_password_was_proven),
		PASSWORD_TEST(test_a_legacy_hash_takes_as_long_to_refuse_as_ours_and_as_an_unknown_user),
		PASSWORD_TEST(test_a_right_password_that_is_refused_is_as_a_wrong_one),
		PASSWORD_TEST(test_a_refusal_that_waits_ends_with_its_scope),
		PASSWORD_TEST(test_a_password_matches_however_its_letters_were_composed),
		PASSWORD_TEST(test_a_hash_made_now_for_manage_matches_too),
		PASSWORD_TEST(test_a_hash_from_before_the_normal_form_matches_what_was_typed_and_is_replaced),
		PASSWORD_TEST(test_a_password_that_is_easy_to_guess_is_not_hashed),
		PASSWORD_TEST(test_what_is_known_about_the_user_makes_a_password_easy_to_guess),
		PASSWORD_TEST(test_a_stored_hash_verifies_however_easy_its_password_is_to_guess),
		PASSWORD_TEST(test_passwords_are_refused_and_logged_while_the_denylist_can_not_be_read),
		PASSWORD_TEST(test_an_unknown_user_takes_as_much_work_and_does_not_match),
		PASSWORD_TEST(test_the_dummy_password_does_not_match),
		PASSWORD_TEST(test_beyond_the_queues_length_a_hash_is_busy),
		PASSWORD_TEST(test_beyond_the_queues_length_a_verification_is_busy_and_does_not_match),
		PASSWORD_TEST(test_freeing_with_work_in_the_queue_runs_no_callback),
		PASSWORD_TEST(test_a_cancelled_scope_runs_no_callback_and_another_scope_runs_all),
		PASSWORD_TEST(test_the_memory_of_a_hash_goes_back_when_no_password_comes),
	};
	enum { REFUSED = sizeof refused / sizeof *refused, OTHERS = sizeof others / sizeof *others };
	struct CMUnitTest tests[REFUSED + OTHERS];

	for (size_t i = 0; i < REFUSED; i++)
		tests[i] = (struct CMUnitTest){.name = refused[i].name,
					       .test_func = test_refused,
					       .setup_func = set_up,
					       .teardown_func = tear_down,
					       .initial_state = (void *)(uintptr_t)&refused[i]};
	memcpy(tests + REFUSED, others, sizeof others);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
