/* What the tests of the revocations share: a client that publishes, a copy that follows, and tokens. Include after cmocka.h. */
#ifndef ABACUS_REVOCATIONS_FIXTURE_H
#define ABACUS_REVOCATIONS_FIXTURE_H

#include "auth/revocations.h"
#include "tests/redis/redis_fixture.h"

#define LIFETIME_S 3600
#define MAX_AGE_S 300

static const struct redis_script *const scripts[] = {&revocations_republish_begin_script, &revocations_publish_script,
						     &revocations_republish_end_script, &revocations_sweep_script, NULL};
static const struct revocations_config publishers_config = {.lease_s = MAX_AGE_S, .lifetime_s = LIFETIME_S};
static struct revocations *revocations;
static int64_t now_ms;
static bool was_complete;

static inline int revocations_set_up(void **state)
{
	struct redis_config config = fixture_config();

	fixture_set_up(state);
	fixture_ready(&config, scripts);
	revocations = NULL;
	now_ms = clock_unix_ms();
	return 0;
}

static inline int revocations_tear_down(void **state)
{
	revocations_free(revocations);
	return fixture_tear_down(state);
}

#define REVOCATIONS_TEST(test) cmocka_unit_test_setup_teardown(test, revocations_set_up, revocations_tear_down)

/* ---- doing ---- */

static inline void start(long lease_s)
{
	struct redis_config redis_config = fixture_config();
	struct revocations_config config = {.lease_s = lease_s, .lifetime_s = LIFETIME_S};

	revocations = revocations_new(base, &redis_config, &config);
}

static inline void publish(const struct revocation *entries, int n)
{
	struct answer answer = {0};

	revocations_publish(redis, &scope, entries, n, LIFETIME_S, fixture_answered, &answer);
	assert_false(answer.is_there);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_OK);
}

static inline void begun(enum status status, const redisReply *reply, void *arg)
{
	char *epoch = arg;

	assert_int_equal(status, STATUS_OK);
	assert_int_equal(reply->elements, 2);
	assert_in_range(reply->element[1]->len, 1, REVOCATIONS_EPOCH_BYTES - 1);
	was_complete = reply->element[0]->integer == 1;
	strcpy(epoch, reply->element[1]->str);
}

/* Whether the stream was complete already. */
static inline bool begin_republishing(char epoch[REVOCATIONS_EPOCH_BYTES])
{
	*epoch = '\0';
	revocations_republish_begin(redis, &scope, LIFETIME_S, begun, epoch);
	WAIT_FOR(*epoch);
	return was_complete;
}

/* Whether that made it complete. */
static inline bool end_republishing(const char *epoch)
{
	struct answer answer = {0};

	revocations_republish_end(redis, &scope, epoch, &publishers_config, fixture_answered, &answer);
	assert_false(answer.is_there);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_OK);
	return answer.integer == 1;
}

/* Of the table that counts: a sweep begins one if there is none. */
static inline void prove(long lifetime_s, long lease_ms)
{
	char *table, proof[150];

	BESIDE("EVAL", revocations_sweep_script.lua, "2", REVOCATIONS_FOLLOWERS, REVOCATIONS_STREAM, "");
	table = BESIDE_TEXT("HGET", REVOCATIONS_FOLLOWERS, "#table");
	snprintf(proof, sizeof proof, "%s %ld %ld", table, lifetime_s, lease_ms);
	BESIDE("SET", REVOCATIONS_COMPLETE, proof);
	free(table);
}

/* As the end of a republication does. */
static inline void set_complete(void)
{
	prove(LIFETIME_S, MAX_AGE_S * 1000L);
	BESIDE("XADD", REVOCATIONS_STREAM, "*", "hello", "1");
}

static inline void start_and_know(long lease_s)
{
	set_complete();
	start(lease_s);
	WAIT_FOR(revocations_is_ready(revocations));
}

/* A token of this user, issued at that moment; number makes it another of the same moment. */
static inline struct jwt_claims token_of(int64_t user_id, int64_t issued_ms, uint8_t number)
{
	struct jwt_claims claims = {.user_id = user_id};

	for (int i = 0; i < 6; i++)
		claims.jti[i] = (uint8_t)(issued_ms >> (40 - 8 * i));
	claims.jti[6] = 0x70;
	claims.jti[8] = 0x80;
	claims.jti[15] = number;
	return claims;
}

static inline enum revocation_verdict check(struct jwt_claims claims)
{
	return revocations_check(revocations, &claims);
}

static inline struct revocation of_token(struct jwt_claims claims)
{
	struct revocation revocation = {.expires_s = now_ms / 1000 + LIFETIME_S};

	memcpy(revocation.jti, claims.jti, JWT_JTI_BYTES);
	return revocation;
}

static inline struct revocation of_user(int64_t user_id, int64_t until_ms, bool is_inactive)
{
	return (struct revocation){.is_user = true,
				   .user_id = user_id,
				   .until_ms = until_ms,
				   .is_inactive = is_inactive,
				   .expires_s = now_ms / 1000 + LIFETIME_S};
}

static inline void publish_one(struct revocation revocation)
{
	publish(&revocation, 1);
}

/* The id of the copy's connection while it waits for more of the stream, else 0. */
static inline long long follower(void)
{
	char *list = BESIDE_TEXT("CLIENT", "LIST"), *rest = list, *line;
	long long id = 0;

	while ((line = strsep(&rest, "\n")))
		if (is_ours(line) && strstr(line, " cmd=xread ") && strstr(line, " flags=b "))
			id = atoll(line + 3);
	free(list);
	return id;
}

static inline void kill_follower(void)
{
	char id[24];

	WAIT_FOR(follower());
	snprintf(id, sizeof id, "%lld", follower());
	BESIDE("CLIENT", "KILL", "ID", id);
}

#endif
