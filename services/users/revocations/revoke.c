/* Flow: revoke_token -> stored -> publish -> published -> the handler's `done`;
 *       revoke_begin_session -> (the handler ends it) -> revoke_session -> publish -> published -> the handler's `done`;
 *       revoke_begin -> (the handler changes the row) -> revoke_user -> publish -> published -> the handler's `done`. */
#include "revocations/revoke.h"

#include <string.h>

#include "base/clock.h"
#include "revocations/retry_queue.h"
#include "revocations/revoked_tokens.h"
#include "service.h"
#include "store/revocations.h"

struct revoking {
	struct http_request *req;
	struct users *users;
	struct revocation revocation;
	bool is_session, is_published;
	revoked *done;
	void *arg;
};

static struct revoking *revoking_new(struct http_request *req, struct revocation revocation);
static void stored(enum status status, const struct postgres_rows *rows, void *arg);
static void publish(struct revoking *revoking);
static void published(enum status status, void *arg);

void revoke_token(struct http_request *req, const struct jwt_claims *claims, bool is_inactive, const char *origin,
		  revoked *done, void *arg)
{
	struct revoking *revoking =
		revoking_new(req, (struct revocation){.is_inactive = is_inactive, .expires_s = claims->expires_s});
	struct postgres_params params = {0};
	char jti[37];

	revoking->done = done;
	revoking->arg = arg;
	memcpy(revoking->revocation.jti, claims->jti, JWT_JTI_BYTES);
	jwt_jti_format(claims->jti, jti);
	postgres_param_text(&params, jti);
	postgres_param_int(&params, claims->user_id);
	postgres_param_bool(&params, is_inactive);
	postgres_param_int(&params, claims->expires_s);
	postgres_param_text(&params, origin);
	postgres_param_int(&params, clock_unix_ms() / 1000);
	postgres_exec(revoking->users->postgres, http_request_scope(req), &store_token_revoke, &params, stored, revoking);
}

struct revoking *revoke_begin(struct http_request *req, int64_t user_id)
{
	return revoking_new(req, (struct revocation){.is_user = true, .user_id = user_id});
}

struct revoking *revoke_begin_session(struct http_request *req, const uint8_t id[JWT_JTI_BYTES])
{
	struct revoking *revoking = revoking_new(req, (struct revocation){0});

	revoking->is_session = true;
	memcpy(revoking->revocation.jti, id, JWT_JTI_BYTES);
	revoking->revocation.expires_s = revoked_tokens_end_s(revoking->users);
	return revoking;
}

void revoke_session(struct revoking *revoking, revoked *done, void *arg)
{
	revoking->done = done;
	revoking->arg = arg;
	publish(revoking);
}

void revoke_nothing(struct revoking *revoking)
{
	revoking->is_published = true;
}

/* Runs however the request ends, also when the client disconnected. */
static void revoking_drop(void *memory)
{
	struct revoking *revoking = memory;

	if (revoking->is_published)
		return;
	if (revoking->is_session)
		retry_queue_add_session(revoking->users->retry_queue, revoking->revocation.jti);
	else if (revoking->revocation.is_user)
		retry_queue_add_user(revoking->users->retry_queue, revoking->revocation.user_id);
	else
		retry_queue_add(revoking->users->retry_queue, &revoking->revocation);
}

static struct revoking *revoking_new(struct http_request *req, struct revocation revocation)
{
	struct revoking *revoking = http_request_alloc(req, sizeof *revoking, revoking_drop);

	revoking->req = req;
	revoking->users = users_of(req);
	revoking->revocation = revocation;
	return revoking;
}

static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct revoking *revoking = arg;

	if (status != STATUS_OK)
		revoking->done(status, revoking->arg);
	else
		publish(revoking);
}

void revoke_user(struct revoking *revoking, bool is_inactive, int64_t until_ms, revoked *done, void *arg)
{
	revoking->done = done;
	revoking->arg = arg;
	revoking->revocation.is_inactive = is_inactive;
	revoking->revocation.until_ms = until_ms;
	revoking->revocation.expires_s = revoked_tokens_end_s(revoking->users);
	publish(revoking);
}

static void publish(struct revoking *revoking)
{
	const struct users *users = revoking->users;

	revocations_publish_confirmed(users->publisher, http_request_scope(revoking->req), &revoking->revocation,
				      users->config->http.deadline_ms * 7 / 8, published, revoking);
}

static void published(enum status status, void *arg)
{
	struct revoking *revoking = arg;

	revoking->is_published = status == STATUS_OK;
	revoking->done(status, revoking->arg);
}
