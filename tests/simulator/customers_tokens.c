/* Tokens: users log in, log out, and change their passwords at a users process; a values process is shown a token at any
 * moment. A dead token stays dead: once its end was acknowledged, no process accepts it any more. And a request to end all
 * tokens of a user ends them once, so that what begins after it goes on. */
#include <stdlib.h>
#include <string.h>

#include "../../services/users/revocations/revoke.h"
#include "../../services/users/service.h"
#include "auth/revocations.h"
#include "base/clock.h"
#include "base/int64.h"
#include "base/mem.h"
#include "http_fake.h"
#include "simulator.h"

#define TOKENS_MAX 24
#define LATEST_END_US 6000000 /* Postgres ends a statement before that */

struct token {
	struct jwt_claims claims;
	int64_t issued_us, issued_step;
	int logouts;    /* under way */
	bool is_ending; /* a client asked users to revoke it */
	bool is_dead;   /* and was answered that it is */
};

static struct token tokens[TOKENS_MAX];
static int64_t may_be_ended_until_us[SIMULATED_USERS + 1]; /* tokens that are issued up to then */
static int ends_of_all[SIMULATED_USERS + 1];               /* under way */
static int64_t ends_asked[SIMULATED_USERS + 1];
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
	customers_check_sessions(process);
}

/* Of every process that could be asked at this moment. */
void customers_acknowledge_end(void)
{
	ended++;
	for (int i = VALUES_FIRST; i < VALUES_FIRST + 2; i++)
		if (process_is_alive(&processes[i]) && processes[i].stopped_until_us <= now_us)
			customers_check_tokens(&processes[i]);
}

/* ---- logging in and out ---- */

static void log_in(void)
{
	struct token *token = &tokens[chance_below(TOKENS_MAX)];
	int64_t user_id = 1 + chance_below(SIMULATED_USERS);

	if (token->logouts > 0 || (token->claims.user_id && !is_expired(token) && chance_of(9, 10)))
		return;
	*token = (struct token){.claims.user_id = user_id, .issued_us = now_us, .issued_step = run_step};
	trace("logs in", token - tokens, token->claims.user_id);
	jwt_jti_make(postgres_server_dead_until_ms(user_id) + 1, token->claims.jti); /* as jwt_issue() does */
	token->claims.issued_s = clock_unix_ms() / 1000;
	token->claims.expires_s = token->claims.issued_s + simulated_lifetime_s;
}

static void logged_out(struct process *process, const struct http_answer *answer, void *arg)
{
	struct token *token = arg;

	token->logouts--;
	if (!answer || answer->code != 200)
		return;
	token->is_dead = true;
	customers_acknowledge_end();
}

static void revoked_one(enum status status, void *arg)
{
	if (status == STATUS_OK)
		http_reply_success(arg, 200, NULL, NULL);
	else
		http_reply_status(arg, status);
}

static void log_out(struct process *process)
{
	struct token *token = &tokens[chance_below(TOKENS_MAX)];
	struct http_request *req;

	if (!token->claims.user_id || is_expired(token) || !(req = request_new(process, NULL, "", logged_out, token)))
		return;
	trace("logs out", process->number, token - tokens);
	token->logouts++;
	token->is_ending = true;
	revoke_token(req, &token->claims, false, NULL, revoked_one, req);
}

/* ---- ending all tokens and sessions of a user ---- */

struct end_of_all {
	int64_t user_id, begun_step;
};

static void all_ended(struct process *process, const struct http_answer *answer, void *arg)
{
	struct end_of_all *end = arg;
	int64_t *until_us = &may_be_ended_until_us[end->user_id];

	ends_of_all[end->user_id]--;
	if (*until_us < now_us + LATEST_END_US)
		*until_us = now_us + LATEST_END_US;
	if (answer && answer->code == 200) {
		for (int i = 0; i < TOKENS_MAX; i++)
			if (tokens[i].claims.user_id == end->user_id && tokens[i].issued_step <= end->begun_step)
				tokens[i].is_dead = true;
		customers_sessions_ended(end->user_id, end->begun_step);
		customers_acknowledge_end();
	}
	free(end);
}

static void end_all(struct process *process)
{
	struct end_of_all *end = mem_alloc(sizeof *end);
	char id[INT64_TEXT_BYTES];
	struct http_request *req;

	*end = (struct end_of_all){1 + chance_below(SIMULATED_USERS), run_step};
	int64_format(end->user_id, id);
	req = request_new(process, NULL, id, all_ended, end);
	if (!req) {
		free(end);
		return;
	}
	trace("ends all tokens", process->number, end->user_id);
	ends_of_all[end->user_id]++;
	ends_asked[end->user_id]++;
	user_sessions_end(req);
}

bool customers_end_is_under_way(int64_t user_id)
{
	return ends_of_all[user_id] > 0;
}

/* ---- using a token ---- */

static bool may_be_dead(const struct token *token)
{
	return token->is_ending || customers_end_is_under_way(token->claims.user_id) ||
	       token->issued_us <= may_be_ended_until_us[token->claims.user_id];
}

static void check_ends(void)
{
	for (int64_t id = 1; id <= SIMULATED_USERS; id++)
		if (postgres_server_ends(id) > ends_asked[id])
			promise_broken("all tokens of a user were ended more often than was asked", "");
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
	unsigned what = chance_below(30);

	check_ends();
	if (what == 0)
		requests_disconnect();
	if (what >= 10)
		process = &processes[USERS_FIRST + chance_below(2)];
	if (what == 0 || !process_is_alive(process) || process->stopped_until_us > now_us)
		return;
	current_process = process;
	if (what < 10 && token->claims.user_id && !is_expired(token))
		use(process, token);
	else if (what >= 20)
		customers_act_on_sessions(process);
	else if (what >= 14)
		log_in();
	else if (what >= 11)
		log_out(process);
	else if (what == 10)
		end_all(process);
	current_process = NULL;
}

/* Every follower trusts its copy, and what was stored is known to all. */
bool customers_tokens_settled(void)
{
	if (requests_are_open())
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
		if (!customers_sessions_settled(&processes[i]))
			return false;
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
	memset(ends_of_all, 0, sizeof ends_of_all);
	requests_reset();
	memset(may_be_ended_until_us, 0, sizeof may_be_ended_until_us);
	memset(ends_asked, 0, sizeof ends_asked);
}
