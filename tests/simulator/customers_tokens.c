/* Tokens: users log in, log out, and change their passwords at a users process; a values process is shown a token at any
 * moment. A dead token stays dead: once its end was acknowledged, no process accepts it any more. */
#include <stdlib.h>
#include <string.h>

#include "../../services/users/revocations/revoke.h"
#include "../../services/users/service.h"
#include "../../services/users/store.h"
#include "auth/revocations.h"
#include "base/clock.h"
#include "base/mem.h"
#include "simulator.h"

#define TOKENS_MAX 24
#define REQUESTS_MAX 8
#define MEMORIES_MAX 4

struct token {
	struct jwt_claims claims;
	bool is_ending; /* a client asked users to revoke it */
	bool is_dead;   /* and was answered that it is */
};

/* The request of a handler, as far as the code under test sees it. */
struct http_request {
	struct process *process; /* NULL: not in use */
	struct scope scope;
	struct token *token; /* to log out; NULL: all tokens of the user */
	int64_t user_id, until_ms;
	struct revoking *revoking;
	int count;
	void *memories[MEMORIES_MAX];
	void (*drops[MEMORIES_MAX])(void *memory);
};

static struct token tokens[TOKENS_MAX];
static struct http_request requests[REQUESTS_MAX];
static int64_t asked_until_ms[SIMULATED_USERS + 1]; /* tokens up to then may be dead */
static int64_t ended;

/* ---- the promise ---- */

static bool is_expired(const struct token *token)
{
	return token->claims.expires_s <= clock_unix_ms() / 1000;
}

void customers_check_tokens(const struct process *process)
{
	for (int i = 0; i < TOKENS_MAX; i++)
		if (tokens[i].is_dead && !is_expired(&tokens[i]) &&
		    revocations_check(process->follower, &tokens[i].claims) == REVOCATION_NONE)
			promise_broken("a dead token is accepted", "");
}

/* Of every process that could be asked at this moment. */
static void check_everywhere(void)
{
	for (int i = VALUES_FIRST; i < VALUES_FIRST + 2; i++)
		if (process_is_alive(&processes[i]) && processes[i].stopped_until_us <= now_us)
			customers_check_tokens(&processes[i]);
}

/* ---- requests ---- */

void *http_request_service(const struct http_request *req)
{
	return req->process->users;
}

struct scope *http_request_scope(struct http_request *req)
{
	return &req->scope;
}

void *http_request_alloc(struct http_request *req, size_t bytes, void (*drop)(void *memory))
{
	void *memory = mem_alloc(bytes);

	if (req->count == MEMORIES_MAX)
		mem_die("a request allocates too often\n");
	req->drops[req->count] = drop;
	req->memories[req->count++] = memory;
	return memory;
}

/* A process that is killed runs no destructor. */
static void request_end(struct http_request *req, bool is_killed)
{
	for (int i = 0; i < req->count; i++) {
		if (!is_killed && req->drops[i])
			req->drops[i](req->memories[i]);
		free(req->memories[i]);
	}
	req->process = NULL;
}

static struct http_request *request_new(struct process *process)
{
	for (int i = 0; i < REQUESTS_MAX; i++)
		if (!requests[i].process) {
			requests[i] = (struct http_request){.process = process};
			scope_init(&requests[i].scope);
			return &requests[i];
		}
	return NULL;
}

static void disconnect(struct http_request *req)
{
	if (!req->process)
		return;
	trace("a client leaves users", req->user_id, 0);
	current_process = req->process;
	scope_cancel(&req->scope);
	request_end(req, false);
	current_process = NULL;
}

/* ---- logging in and out ---- */

static void log_in(void)
{
	struct token *token = &tokens[chance_below(TOKENS_MAX)];
	uint64_t now_ms = (uint64_t)clock_unix_ms();

	if (token->claims.user_id && !is_expired(token) && chance_of(9, 10))
		return;
	for (int i = 0; i < REQUESTS_MAX; i++)
		if (requests[i].process && requests[i].token == token)
			return;
	*token = (struct token){.claims.user_id = 1 + chance_below(SIMULATED_USERS)};
	trace("logs in", token - tokens, token->claims.user_id);
	for (int i = 0; i < JWT_JTI_BYTES; i++)
		token->claims.jti[i] = i < 6 ? (uint8_t)(now_ms >> (40 - 8 * i)) : (uint8_t)chance_below(256);
	token->claims.jti[6] = 0x70 | (token->claims.jti[6] & 0x0f); /* UUIDv7 (RFC 9562 §5.7) */
	token->claims.jti[8] = 0x80 | (token->claims.jti[8] & 0x3f);
	token->claims.issued_s = (int64_t)now_ms / 1000;
	token->claims.expires_s = token->claims.issued_s + simulated_lifetime_s;
}

static void logged_out(enum status status, void *arg)
{
	struct http_request *req = arg;

	trace("answers a logout", status, req->token - tokens);
	if (!req->process)
		promise_broken("a logout was answered twice, or after its client left", "");
	req->token->is_dead |= status == STATUS_OK;
	check_everywhere();
	ended += status == STATUS_OK;
	request_end(req, false);
}

static void log_out(struct process *process)
{
	struct token *token = &tokens[chance_below(TOKENS_MAX)];
	struct http_request *req;

	if (!token->claims.user_id || is_expired(token) || !(req = request_new(process)))
		return;
	trace("logs out", process->number, token - tokens);
	req->token = token;
	req->user_id = token->claims.user_id;
	token->is_ending = true;
	revoke_token(req, &token->claims, false, NULL, logged_out, req);
}

/* ---- ending all tokens of a user ---- */

static void all_ended(enum status status, void *arg)
{
	struct http_request *req = arg;

	trace("answers the end of all tokens", status, req->user_id);
	if (!req->process)
		promise_broken("the end of all tokens was answered twice, or after its client left", "");
	for (int i = 0; status == STATUS_OK && i < TOKENS_MAX; i++)
		if (tokens[i].claims.user_id == req->user_id && jwt_jti_unix_ms(tokens[i].claims.jti) <= req->until_ms)
			tokens[i].is_dead = true;
	check_everywhere();
	ended += status == STATUS_OK;
	request_end(req, false);
}

static void row_changed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;

	if (status != STATUS_OK) {
		request_end(req, false);
		return;
	}
	req->until_ms = postgres_int(rows, 0, COLUMN_REVOCATION_UNTIL_MS);
	revoke_user(req->revoking, false, req->until_ms, all_ended, req);
}

static void end_all(struct process *process)
{
	struct http_request *req = request_new(process);
	struct postgres_params params = {0};
	int64_t now_ms = clock_unix_ms();

	if (!req)
		return;
	req->user_id = 1 + chance_below(SIMULATED_USERS);
	trace("ends all tokens", process->number, req->user_id);
	asked_until_ms[req->user_id] = asked_until_ms[req->user_id] >= now_ms ? asked_until_ms[req->user_id] + 1 : now_ms;
	req->revoking = revoke_begin(req, req->user_id);
	postgres_param_int(&params, req->user_id);
	postgres_param_int(&params, now_ms);
	postgres_param_text(&params, NULL);
	postgres_exec(process->users->postgres, &req->scope, &store_tokens_end, &params, row_changed, req);
}

/* ---- using a token ---- */

static bool may_be_dead(const struct token *token)
{
	return token->is_ending || jwt_jti_unix_ms(token->claims.jti) <= asked_until_ms[token->claims.user_id];
}

static void use(const struct process *process, const struct token *token)
{
	enum revocation_verdict verdict = revocations_check(process->follower, &token->claims);

	trace("uses a token", token - tokens, verdict);
	if (verdict == REVOCATION_REVOKED && !may_be_dead(token))
		promise_broken("a token that nobody ended is refused", "");
}

/* ---- for the others ---- */

void customers_act_on_tokens(void)
{
	struct process *process = &processes[VALUES_FIRST + chance_below(2)];
	const struct token *token = &tokens[chance_below(TOKENS_MAX)];
	unsigned what = chance_below(20);

	if (what == 0)
		disconnect(&requests[chance_below(REQUESTS_MAX)]);
	if (what >= 10)
		process = &processes[USERS_FIRST + chance_below(2)];
	if (what == 0 || !process_is_alive(process) || process->stopped_until_us > now_us)
		return;
	current_process = process;
	if (what < 10 && token->claims.user_id && !is_expired(token))
		use(process, token);
	else if (what >= 14)
		log_in();
	else if (what >= 11)
		log_out(process);
	else if (what == 10)
		end_all(process);
	current_process = NULL;
}

void customers_forget_tokens(const struct process *process)
{
	for (int i = 0; i < REQUESTS_MAX; i++)
		if (requests[i].process == process) {
			scope_cancel(&requests[i].scope);
			request_end(&requests[i], true);
		}
}

/* Every follower trusts its copy, and what was stored is known to all. */
bool customers_tokens_settled(void)
{
	for (int i = 0; i < REQUESTS_MAX; i++)
		if (requests[i].process)
			return false;
	for (int i = VALUES_FIRST; i < VALUES_FIRST + 2; i++) {
		current_process = &processes[i];
		for (int j = 0; j < TOKENS_MAX; j++) {
			const struct token *token = &tokens[j];
			enum revocation_verdict verdict = revocations_check(processes[i].follower, &token->claims);
			bool is_stored = postgres_server_is_revoked(token->claims.jti, token->claims.user_id);

			if (verdict == REVOCATION_UNKNOWN ||
			    (token->claims.user_id && !is_expired(token) && is_stored && verdict == REVOCATION_NONE))
				return false;
		}
	}
	current_process = NULL;
	return true;
}

int64_t customers_tokens_ended(void)
{
	return ended;
}

void customers_reset_tokens(void)
{
	memset(tokens, 0, sizeof tokens);
	memset(requests, 0, sizeof requests);
	memset(asked_until_ms, 0, sizeof asked_until_ms);
}
