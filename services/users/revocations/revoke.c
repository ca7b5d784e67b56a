/* How a token dies: a row in Postgres, which is the truth; then an entry in Redis's stream, from which the other services learn
 * it; and only then the reply. When that was not the end of it, for Redis was away or the client left, owed.c tells it. */
#include "service.h"

#include "base/clock.h"
#include "store.h"

struct revoking {
	struct http_request *req;
	struct users *users;
	struct revocation revocation;
	bool is_told;
	revoked *done;
	void *arg;
};

static void revoking_drop(void *memory)
{
	struct revoking *revoking = memory;

	if (!revoking->is_told)
		owed_add(revoking->users->owed, &revoking->revocation);
}

static struct revoking *revoking_new(struct http_request *req)
{
	struct revoking *revoking = http_request_alloc(req, sizeof *revoking, revoking_drop);

	revoking->req = req;
	revoking->users = users_of(req);
	return revoking;
}

static void told(enum status status, const redisReply *reply, void *arg)
{
	struct revoking *revoking = arg;

	revoking->is_told = status == STATUS_OK;
	revoking->done(status, revoking->arg);
}

static void tell(struct revoking *revoking)
{
	struct users *users = revoking->users;

	revocations_publish(users->redis, http_request_scope(revoking->req), &revoking->revocation, 1,
			    users->config->auth.token_lifetime_s, told, revoking);
}

static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct revoking *revoking = arg;

	if (status != STATUS_OK)
		revoking->done(status, revoking->arg);
	else
		tell(revoking);
}

void revoke_token(struct http_request *req, const struct jwt_claims *claims, bool is_inactive, revoked *done, void *arg)
{
	struct revoking *revoking = revoking_new(req);
	struct postgres_params params = {0};
	char jti[37];

	revoking->done = done;
	revoking->arg = arg;
	revoking->revocation = (struct revocation){.is_inactive = is_inactive, .expires_s = claims->expires_s};
	for (int i = 0; i < JWT_JTI_BYTES; i++)
		revoking->revocation.jti[i] = claims->jti[i];
	jwt_jti_format(claims->jti, jti);
	postgres_param_text(&params, jti);
	postgres_param_int(&params, claims->user_id);
	postgres_param_bool(&params, is_inactive);
	postgres_param_int(&params, claims->expires_s);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_token_revoke, &params, stored, revoking);
}

struct revoking *revoke_begin(struct http_request *req, int64_t user_id)
{
	struct revoking *revoking = revoking_new(req);

	revoking->revocation = (struct revocation){.is_user = true, .user_id = user_id};
	return revoking;
}

void revoke_user(struct revoking *revoking, bool is_inactive, int64_t until_ms, revoked *done, void *arg)
{
	revoking->done = done;
	revoking->arg = arg;
	revoking->revocation.is_inactive = is_inactive;
	revoking->revocation.until_ms = until_ms;
	revoking->revocation.expires_s = clock_unix_ms() / 1000 + revoking->users->config->auth.token_lifetime_s;
	tell(revoking);
}
