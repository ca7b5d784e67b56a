/* How a token dies: a row in Postgres, which is the truth; then an entry in Redis's stream, from which the other services learn
 * it; and only then the reply. */
#include "service.h"

#include "clock.h"
#include "store.h"

struct revoking {
	struct http_request *req;
	struct revocation revocation;
	revoked *done;
	void *arg;
};

static struct revoking *revoking_new(struct http_request *req, revoked *done, void *arg)
{
	struct revoking *revoking = http_request_alloc(req, sizeof *revoking, NULL);

	revoking->req = req;
	revoking->done = done;
	revoking->arg = arg;
	return revoking;
}

static void told(enum status status, const redisReply *reply, void *arg)
{
	struct revoking *revoking = arg;

	revoking->done(status, revoking->arg);
}

static void tell(struct revoking *revoking)
{
	struct users *users = users_of(revoking->req);

	revocations_publish(users->redis, http_request_scope(revoking->req), &revoking->revocation, 1,
			    users->config->auth.token_lifetime_s, told, revoking);
}

static void stored(enum status status, const struct db_rows *rows, void *arg)
{
	struct revoking *revoking = arg;

	if (status != STATUS_OK)
		revoking->done(status, revoking->arg);
	else
		tell(revoking);
}

void revoke_token(struct http_request *req, const struct jwt_claims *claims, bool is_inactive, revoked *done, void *arg)
{
	struct revoking *revoking = revoking_new(req, done, arg);
	struct db_params params = {0};
	char jti[37];

	revoking->revocation = (struct revocation){.is_inactive = is_inactive, .expires_s = claims->expires_s};
	for (int i = 0; i < JWT_JTI_BYTES; i++)
		revoking->revocation.jti[i] = claims->jti[i];
	jwt_jti_format(claims->jti, jti);
	db_param_text(&params, jti);
	db_param_int(&params, claims->user_id);
	db_param_bool(&params, is_inactive);
	db_param_int(&params, claims->expires_s);
	db_exec(users_of(req)->db, http_request_scope(req), &store_token_revoke, &params, stored, revoking);
}

void revoke_user(struct http_request *req, int64_t user_id, bool is_inactive, int64_t until_ms, revoked *done, void *arg)
{
	struct revoking *revoking = revoking_new(req, done, arg);

	revoking->revocation = (struct revocation){
		.is_user = true,
		.user_id = user_id,
		.is_inactive = is_inactive,
		.until_ms = until_ms,
		.expires_s = clock_unix_ms() / 1000 + users_of(req)->config->auth.token_lifetime_s,
	};
	tell(revoking);
}
