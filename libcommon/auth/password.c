#include "auth/password.h"

#include <argon2.h>
#include <crypt.h>
#include <malloc.h>
#include <mbedtls/constant_time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/password_denylist.h"
#include "auth/password_guess.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/unicode.h"

#define SALT_BYTES 16
#define TAG_BYTES 32
#define PHC_BYTES 192
#define MEMORY_KIB_MAX (1024 * 1024) /* a stored hash that needs more is refused before any work */
#define PASSES_MAX 64
#define TRIM_MS 1000
#define BCRYPT_COST_MIN 4
#define BCRYPT_COST_MAX 16  /* a stored hash that needs more is refused before any work */
#define BCRYPT_BYTES_MAX 72 /* bcrypt reads no further */
#define GUESSES_MIN_MAX 20  /* ten random letters and digits withstand 10^18 */
#define REFUSAL_MARGIN 2    /* a refusal takes so many times what the hash should, because a busy machine takes longer */

const struct config_option password_options[] = {
	{"ARGON2_MEMORY_KIB", CONFIG_INT, offsetof(struct password_config, memory_kib), "19456", "memory of one password hash",
	 8, MEMORY_KIB_MAX, false},
	{"ARGON2_PASSES", CONFIG_INT, offsetof(struct password_config, passes), "2", "passes over that memory", 1, PASSES_MAX,
	 false},
	{"ARGON2_LANES", CONFIG_INT, offsetof(struct password_config, lanes), "1", "lanes of a password hash", 1, 16, false},
	{"HASH_THREADS", CONFIG_INT, offsetof(struct password_config, threads), "1", "threads that hash passwords", 1, 64,
	 false},
	{"HASH_QUEUE_MS", CONFIG_INT, offsetof(struct password_config, queue_ms), "3000",
	 "time that a hash may wait, by the measured cost of those before it; beyond it 503", 1, 600000, false},
	{"HASH_QUEUE_MAX", CONFIG_INT, offsetof(struct password_config, queue_max), "1000",
	 "hashes that may wait, whatever they cost; beyond it 503", 1, 100000, false},
	/* At 20 ms for a hash, 10^8 guesses at a stolen one take a core 23 days. */
	{"PASSWORD_GUESSES_MIN", CONFIG_INT, offsetof(struct password_config, guesses_min), "8",
	 "guesses that a new password must withstand, as a power of ten (8: 100,000,000); 0: any number will do", 0,
	 GUESSES_MIN_MAX, false},
	{"PASSWORD_DENYLIST", CONFIG_TEXT, offsetof(struct password_config, denylist), NULL,
	 "file of passwords that are refused too: their SHA-1, one a line, sorted, as Have I Been Pwned has them; unset: none",
	 0, 0, true},
	{0},
};

struct password_hasher {
	struct event_base *base;
	struct password_config config;
	struct hash_queue *queue;
	struct loop_timer *trim;
	char *dummy;       /* the hash that an unknown user's password is verified against */
	int64_t bcrypt_us; /* what bcrypt takes at its least cost; each step of the cost doubles it */
};

/* One password in the queue. */
struct password_job {
	const struct password_config *config;
	char *password; /* in NFC */
	char *typed;    /* NULL: it was typed in NFC */
	char *about[PASSWORD_ABOUT_MAX + 1];
	char *phc;                /* to verify against; NULL: make a hash */
	char *new_phc;            /* the hash made, or the one to replace phc */
	const char *problem;      /* why no hash was made */
	bool is_unjudged;         /* the same: the denylist can not be read */
	bool matches, is_refused; /* the latter: whether it matches or not */
	struct password_hasher *hasher;
	struct scope *scope;
	int64_t start_us, refusal_us; /* when the work began, and how long it takes until a refusal is reported */
	password_hashed *hashed;
	password_verified *verified;
	void *arg;
};

/* Malformed text stays as it is, and is no password that could be set. */
static char *normal_of(const char *password)
{
	char *normal = unicode_nfc(password);

	return normal ? normal : mem_strdup(password);
}

static char *make_hash(const struct password_config *config, const char *password)
{
	unsigned char salt[SALT_BYTES];
	char phc[PHC_BYTES];

	random_fill(salt, sizeof salt);
	if (argon2id_hash_encoded((uint32_t)config->passes, (uint32_t)config->memory_kib, (uint32_t)config->lanes, password,
				  strlen(password), salt, sizeof salt, TAG_BYTES, phc, sizeof phc) != ARGON2_OK)
		return NULL;
	return mem_strdup(phc);
}

char *password_hash_now(const struct password_config *config, const char *password)
{
	char *normal = normal_of(password), *phc = make_hash(config, normal);

	mem_free_secret(normal);
	return phc;
}

static bool read_parameters(const char *phc, struct password_config *parameters)
{
	int end = 0;

	*parameters = (struct password_config){0};
	return sscanf(phc, "$argon2id$v=19$m=%ld,t=%ld,p=%ld$%n", &parameters->memory_kib, &parameters->passes,
		      &parameters->lanes, &end) == 3 &&
	       end > 0;
}

/* form: job->password or job->typed, as in the next two. */
static bool verify_argon2(struct password_job *job, const char *form)
{
	struct password_config is;
	const struct password_config *wanted = job->config;

	if (!read_parameters(job->phc, &is) || is.memory_kib > MEMORY_KIB_MAX || is.passes > PASSES_MAX || is.lanes > 16)
		return false;
	if (argon2id_verify(job->phc, form, strlen(form)) != ARGON2_OK)
		return false;
	if (!job->is_refused && (is.memory_kib != wanted->memory_kib || is.passes != wanted->passes ||
				 is.lanes != wanted->lanes || form == job->typed))
		job->new_phc = make_hash(wanted, job->password);
	return true;
}

/* crypt(5): hashes of the legacy system. Their cost is bounded too. */
static bool verify_bcrypt(struct password_job *job, const char *form)
{
	struct crypt_data *data;
	const char *again;
	bool matches;

	if (atoi(job->phc + 4) > BCRYPT_COST_MAX)
		return false;
	data = mem_alloc(sizeof *data);
	again = crypt_r(form, job->phc, data);
	matches = again && strlen(again) == strlen(job->phc) && mbedtls_ct_memcmp(again, job->phc, strlen(again)) == 0;
	explicit_bzero(data, sizeof *data);
	free(data);
	/* Of a longer password only the beginning was proven, and of one of just this length not that it ends there. A new hash
	 * would make this one the only right one. */
	if (matches && !job->is_refused && strlen(form) < BCRYPT_BYTES_MAX)
		job->new_phc = make_hash(job->config, job->password);
	return matches;
}

static bool verify(struct password_job *job, const char *form)
{
	if (strncmp(job->phc, "$2a$", 4) == 0 || strncmp(job->phc, "$2b$", 4) == 0 || strncmp(job->phc, "$2y$", 4) == 0)
		return verify_bcrypt(job, form);
	return verify_argon2(job, form);
}

/* One that is refused either way is verified in both forms, so that its time does not say whether the first one matched. */
static bool verify_forms(struct password_job *job)
{
	bool matches = verify(job, job->password);

	return job->typed && (!matches || job->is_refused) ? verify(job, job->typed) || matches : matches;
}

void password_config_check(const struct password_config *config, struct config *errors)
{
	const char *problem = config->denylist ? password_denylist_problem(config->denylist) : NULL;

	if (problem)
		config_problem(errors, "PASSWORD_DENYLIST: %s", problem);
}

enum status password_judge(const struct password_config *config, const char *password, const char *const *about,
			   const char **ret_problem)
{
	bool is_listed = false;
	enum status status = config->denylist ? password_denylist_look(config->denylist, password, &is_listed) : STATUS_OK;

	if (status == STATUS_OK)
		*ret_problem = is_listed ? "is known to attackers, because it has leaked"
					 : password_guess_problem(password, about, config->guesses_min);
	return status;
}

/* On a thread, where nothing may log. Without a hash the caller gets INTERNAL. */
static void choose(struct password_job *job)
{
	enum status status = password_judge(job->config, job->password, (const char *const *)job->about, &job->problem);

	job->is_unjudged = status != STATUS_OK;
	if (status == STATUS_OK && !job->problem)
		job->new_phc = make_hash(job->config, job->password);
}

static void work(void *arg)
{
	struct password_job *job = arg;

	job->start_us = clock_monotonic_us();
	if (job->phc)
		job->matches = verify_forms(job);
	else
		choose(job);
}

/* ---- refusals that wait, so that legacy hashes and ours take the same time ---- */

struct refusal {
	struct op op;
	struct loop_timer *timer;
	password_verified *verified;
	void *arg;
};

static void refusal_free(struct refusal *refusal)
{
	loop_timer_free(refusal->timer);
	free(refusal);
}

static void refusal_cancelled(struct op *op)
{
	refusal_free((struct refusal *)((char *)op - offsetof(struct refusal, op)));
}

static void refusal_due(void *arg)
{
	struct refusal *refusal = arg;

	if (op_end(&refusal->op))
		refusal->verified(STATUS_OK, false, NULL, refusal->arg);
	refusal_free(refusal);
}

static void refuse_later(const struct password_job *job, int64_t wait_us)
{
	struct refusal *refusal = mem_alloc(sizeof *refusal);

	*refusal = (struct refusal){.verified = job->verified, .arg = job->arg};
	refusal->timer = loop_timer_new(job->hasher->base, refusal_due, refusal);
	op_start_queued(job->scope, &refusal->op, refusal_cancelled);
	loop_timer_start(refusal->timer, (long)((wait_us + 999) / 1000));
}

static void report_hash(enum status status, const struct password_job *job)
{
	if (job->is_unjudged)
		log_line(LOG_ERROR, "PASSWORD_DENYLIST can not be read, or is not one; new passwords are refused");
	if (status == STATUS_OK && job->problem)
		status = STATUS_INVALID;
	else if (status == STATUS_OK && !job->new_phc)
		status = STATUS_INTERNAL;
	job->hashed(status, job->new_phc, job->problem, job->arg);
}

static void done(enum status status, void *arg)
{
	struct password_job *job = arg;
	bool matches = job->matches && !job->is_refused;
	int64_t wait_us = job->start_us + job->refusal_us - clock_monotonic_us();

	if (!job->verified)
		report_hash(status, job);
	else if (status == STATUS_OK && !matches && wait_us > 0)
		refuse_later(job, wait_us);
	else
		job->verified(status, matches, job->new_phc, job->arg);
}

static void drop(void *arg)
{
	struct password_job *job = arg;

	mem_free_secret(job->password);
	mem_free_secret(job->typed);
	for (int i = 0; i < PASSWORD_ABOUT_MAX; i++)
		free(job->about[i]);
	free(job->phc);
	free(job->new_phc);
	free(job);
}

/* Malloc keeps the memory of a hash for the next one, because to map it anew would cost half as much as the hash. A second
 * after the last password came, the kernel gets it back. malloc_trim() leaves the top of a thread's own arena, so all threads
 * share one. */
static void trim(void *arg)
{
	malloc_trim(0);
}

/* The least of a few, because another process may have run meanwhile. */
static int64_t measure_bcrypt_us(const struct password_config *config)
{
	int64_t least_us = INT64_MAX;

	for (int i = 0; i < 4; i++) {
		struct password_job job = {.config = config, .password = "", .phc = "$2b$04$abcdefghijklmnopqrstuu"};
		int64_t start_us = clock_monotonic_us(), took_us;

		verify_bcrypt(&job, job.password);
		took_us = clock_monotonic_us() - start_us;
		if (took_us < least_us)
			least_us = took_us;
	}
	return least_us;
}

struct password_hasher *password_hasher_new(struct event_base *base, const struct password_config *config)
{
	struct password_hasher *hasher = mem_alloc(sizeof *hasher);
	int64_t start_us = clock_monotonic_us();

	hasher->base = base;
	hasher->config = *config;
	hasher->dummy = password_hash_now(config, "dummy password");
	if (!hasher->dummy) {
		log_line(LOG_ERROR, "the ARGON2_* parameters do not fit together");
		abort();
	}
	mallopt(M_ARENA_MAX, 1);
	hasher->trim = loop_timer_new(base, trim, NULL);
	hasher->queue = hash_queue_new(base, &(struct hash_queue_config){
						     .threads = (unsigned)config->threads,
						     .waiting_max = (unsigned)config->queue_max,
						     .wait_max_us = config->queue_ms * INT64_C(1000),
						     .first_cost_us = clock_monotonic_us() - start_us,
					     });
	hasher->bcrypt_us = measure_bcrypt_us(config);
	return hasher;
}

void password_hasher_free(struct password_hasher *hasher)
{
	if (!hasher)
		return;
	hash_queue_free(hasher->queue);
	loop_timer_free(hasher->trim);
	free(hasher->dummy);
	free(hasher);
}

static struct password_job *job_new(struct password_hasher *hasher, struct scope *scope, const char *password, void *arg)
{
	struct password_job *job = mem_alloc(sizeof *job);

	loop_timer_start(hasher->trim, TRIM_MS);
	job->hasher = hasher;
	job->scope = scope;
	job->config = &hasher->config;
	job->password = normal_of(password);
	if (strcmp(job->password, password) != 0)
		job->typed = mem_strdup(password);
	job->arg = arg;
	return job;
}

void password_hash(struct password_hasher *hasher, struct scope *scope, const struct hash_turn *turn, const char *password,
		   const char *const *about, password_hashed *hashed, void *arg)
{
	struct password_job *job = job_new(hasher, scope, password, arg);

	for (int i = 0; i < PASSWORD_ABOUT_MAX && about[i]; i++)
		job->about[i] = mem_strdup(about[i]);
	job->hashed = hashed;
	hash_queue_submit(hasher->queue, scope, turn, work, done, drop, job);
}

static int64_t refusal_us(const struct password_hasher *hasher, long legacy_cost)
{
	if (legacy_cost < BCRYPT_COST_MIN || legacy_cost > BCRYPT_COST_MAX)
		return 0;
	return REFUSAL_MARGIN * (hasher->bcrypt_us << (legacy_cost - BCRYPT_COST_MIN));
}

void password_verify(struct password_hasher *hasher, struct scope *scope, const struct hash_turn *turn,
		     const struct password_stored *stored, const char *password, password_verified *verified, void *arg)
{
	struct password_job *job = job_new(hasher, scope, password, arg);

	job->phc = mem_strdup(stored->phc ? stored->phc : hasher->dummy);
	job->is_refused = stored->is_refused || !stored->phc;
	job->refusal_us = refusal_us(hasher, stored->legacy_cost) * (job->typed ? 2 : 1); /* both forms are verified */
	job->verified = verified;
	hash_queue_submit(hasher->queue, scope, turn, work, done, drop, job);
}

long password_retry_s(const struct password_hasher *hasher)
{
	return 1 + (long)(hash_queue_wait_us(hasher->queue) / 1000000);
}
