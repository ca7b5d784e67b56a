/* Sessions: users log in with one, refresh it from several processes at once, with the newest token or with one that was
 * replaced, lose replies, and end it. What must hold:
 *  - the token {session, n} is only ever replaced by {session, n + 1}, however many ask at once, and not when n + 1 has been
 *    replaced itself, or was handed out longer ago than REFRESH_RETRY_SECONDS;
 *  - a client that always sends the newest token it got, again after a lost reply within that time, is never refused;
 *  - after a refusal no refresh of the session succeeds, and once its end was acknowledged no process accepts its tokens. */
#include <string.h>

#include "../../services/users/service.h"
#include "../../services/users/sessions/session_start.h"
#include "auth/refresh_token.h"
#include "auth/revocations.h"
#include "base/clock.h"
#include "http_fake.h"
#include "simulator.h"

#define SESSIONS_MAX 6
#define ACCESS_MAX 3
#define REMEMBERED 4 /* refresh tokens of a session that a client can still send */

struct handed_out {
	char text[REFRESH_TOKEN_LEN + 1];
	int64_t got_us, sent_us; /* for the first time; sent_us -1: not yet */
};

struct session {
	bool is_known; /* its login was answered */
	int64_t user_id, known_step;
	int64_t ends; /* of all tokens of the user, before its login */
	char id[37];
	int64_t newest; /* the largest counter that was handed out */
	struct handed_out tokens[REMEMBERED];
	struct jwt_claims access[ACCESS_MAX];
	int access_count;
	int asks;                /* under way */
	bool may_be_refused;     /* its end was asked for, or one of its tokens may count as copied */
	bool may_be_being_ended; /* by a refresh that was not answered by success: a later one does not wait for the others */
	bool is_over;            /* a refresh was refused, or its end was acknowledged */
	bool is_dead;            /* the end of its access tokens was acknowledged */
};

struct ask {                     /* a request about a session */
	struct session *session; /* NULL: not in use */
	enum { ASK_LOGIN, ASK_REFRESH, ASK_END } what;
	int64_t counter, begun_us, newest; /* of a refresh; the newest when it began */
	bool was_over;
};

static struct session sessions[SESSIONS_MAX];
static struct ask asks[REQUESTS_MAX];

/* ---- the promises about access tokens ---- */

static bool is_expired(const struct jwt_claims *claims)
{
	return claims->expires_s <= clock_unix_ms() / 1000;
}

static bool is_stored_as_revoked(const struct jwt_claims *claims)
{
	return postgres_server_is_revoked(claims->session.id, 0) || postgres_server_is_revoked(claims->jti, claims->user_id);
}

/* Of the access tokens of one session. */
static const struct jwt_claims *accepted(const struct process *process, const struct session *session)
{
	int kept = session->access_count < ACCESS_MAX ? session->access_count : ACCESS_MAX;

	for (int i = 0; i < kept; i++)
		if (!is_expired(&session->access[i]) &&
		    revocations_check(process->follower, &session->access[i]) == REVOCATION_NONE)
			return &session->access[i];
	return NULL;
}

void customers_check_sessions(const struct process *process)
{
	for (int i = 0; i < SESSIONS_MAX; i++)
		if (sessions[i].is_dead && accepted(process, &sessions[i]))
			promise_broken("an access token of a session that was ended is accepted", sessions[i].id);
}

bool customers_sessions_settled(const struct process *process)
{
	for (int i = 0; i < SESSIONS_MAX; i++) {
		const struct jwt_claims *claims = accepted(process, &sessions[i]);

		if (claims && is_stored_as_revoked(claims))
			return false;
	}
	return true;
}

static void use(const struct process *process, const struct session *session)
{
	const struct jwt_claims *claims = &session->access[chance_below(ACCESS_MAX)];

	if (claims->user_id && !is_expired(claims) && revocations_check(process->follower, claims) == REVOCATION_REVOKED &&
	    !is_stored_as_revoked(claims))
		promise_broken("an access token that was not ended is refused", session->id);
}

static void acknowledge_end(struct session *session)
{
	session->is_over = session->is_dead = session->may_be_refused = true;
	customers_acknowledge_end();
}

void customers_sessions_ended(int64_t user_id, int64_t step)
{
	for (int i = 0; i < SESSIONS_MAX; i++)
		if (sessions[i].is_known && sessions[i].user_id == user_id && sessions[i].known_step <= step)
			sessions[i].is_over = sessions[i].is_dead = true;
}

/* ---- what a reply hands out ---- */

/* {"access_token":…,"refresh_token":…,"session":{"id":…}} */
static int64_t take_tokens(struct session *session, const struct process *process, const char *body)
{
	const struct jwt_key *key = &process->users->key;
	cJSON *json = cJSON_Parse(body);
	const char *access_text = cJSON_GetStringValue(cJSON_GetObjectItem(json, "access_token"));
	const char *refresh_text = cJSON_GetStringValue(cJSON_GetObjectItem(json, "refresh_token"));
	struct jwt_claims *claims = &session->access[session->access_count++ % ACCESS_MAX];
	struct refresh_token token;
	struct handed_out *handed_out;

	if (!access_text || jwt_verify(key, access_text, strlen(access_text), clock_unix_ms() / 1000, claims) != JWT_VALID)
		promise_broken("an access token is not valid", body);
	if (!refresh_text || refresh_token_parse(key->secret, NULL, refresh_text, &token) != STATUS_OK ||
	    memcmp(token.session, claims->session.id, JWT_JTI_BYTES) != 0)
		promise_broken("a refresh token is not valid", body);
	jwt_jti_format(token.session, session->id);
	handed_out = &session->tokens[token.counter % REMEMBERED];
	if (!session->is_known || token.counter > session->newest) {
		session->newest = token.counter;
		*handed_out = (struct handed_out){.got_us = now_us, .sent_us = -1};
		memcpy(handed_out->text, refresh_text, sizeof handed_out->text);
	}
	cJSON_Delete(json);
	return token.counter;
}

static struct ask *ask_new(struct session *session)
{
	struct ask *ask = asks;

	while (ask < asks + REQUESTS_MAX && ask->session)
		ask++;
	if (ask == asks + REQUESTS_MAX)
		return NULL;
	*ask = (struct ask){.session = session, .begun_us = now_us, .newest = session->newest, .was_over = session->is_over};
	session->asks++;
	return ask;
}

static void ask_end(struct ask *ask)
{
	ask->session->asks--;
	ask->session = NULL;
}

/* ---- logging in ---- */

static void logged_in(struct process *process, const struct http_answer *answer, void *arg)
{
	struct ask *ask = arg;
	struct session *session = ask->session;

	ask_end(ask);
	if (!answer || answer->code != 201)
		return;
	if (take_tokens(session, process, answer->body) != 0)
		promise_broken("a session does not begin with the counter 0", session->id);
	session->is_known = true;
	session->known_step = run_step;
}

/* A user who has as many sessions as allowed loses one to each login, of any process and at any time. */
static void log_in(struct process *process, struct session *session)
{
	int64_t user_id = 1 + chance_below(SIMULATED_USERS);
	struct session_start start = {.user_id = user_id,
				      .issued_ms = clock_unix_ms(),
				      .dead_until_ms = postgres_server_dead_until_ms(user_id),
				      .factor = ""};
	struct http_request *req;
	struct ask *ask;

	*session = (struct session){
		.user_id = user_id, .ends = postgres_server_ends(user_id), .may_be_refused = simulated_sessions < SESSIONS_MAX};
	if (!(ask = ask_new(session)))
		return;
	if (!(req = request_new(process, NULL, "", logged_in, ask)))
		return ask_end(ask);
	trace("begins a session", process->number, session - sessions);
	session_start(req, &start);
	if (chance_of(1, 8))
		requests_disconnect();
}

/* ---- refreshing ---- */

static int64_t retry_us(void)
{
	return simulated_retry_s * 1000000;
}

static bool others_are_under_way(const struct ask *ask, int64_t below)
{
	for (int i = 0; i < REQUESTS_MAX; i++)
		if (&asks[i] != ask && asks[i].session == ask->session && asks[i].what == ASK_REFRESH &&
		    asks[i].counter < below)
			return true;
	return false;
}

/* Whether Postgres may have replaced the ask's token so long ago that this is the use of a copy. */
static bool may_be_late(const struct ask *ask)
{
	return now_us - ask->session->tokens[ask->counter % REMEMBERED].sent_us >= retry_us();
}

static void check_success(const struct ask *ask, int64_t counter)
{
	const struct handed_out *next = &ask->session->tokens[(ask->counter + 1) % REMEMBERED];

	if (ask->was_over)
		promise_broken("a session that has ended was refreshed", ask->session->id);
	if (counter != ask->counter + 1)
		promise_broken("a refresh token was not replaced by the next one", ask->session->id);
	if (ask->newest > ask->counter + 1)
		promise_broken("a refresh token whose successor was replaced is accepted", ask->session->id);
	if (ask->newest == ask->counter + 1 && ask->begun_us > next->got_us + retry_us())
		promise_broken("a refresh token is accepted long after it was replaced", ask->session->id);
}

static void check_refusal(const struct ask *ask)
{
	const struct session *session = ask->session;

	if (!session->may_be_refused && !may_be_late(ask) && postgres_server_ends(session->user_id) == session->ends)
		promise_broken("the newest refresh token was refused, and nothing had ended its session", session->id);
}

static void refused(const struct ask *ask, const char *code_word)
{
	struct session *session = ask->session;
	bool ended_it = strcmp(code_word, "session_reused") == 0 && !session->may_be_being_ended &&
			!others_are_under_way(ask, INT64_MAX);

	check_refusal(ask);
	session->is_over = session->may_be_refused = true;
	if (ended_it)
		acknowledge_end(session);
}

static void refreshed(struct process *process, const struct http_answer *answer, void *arg)
{
	struct ask *ask = arg;
	struct session *session = ask->session;

	if (answer && answer->code == 200) {
		check_success(ask, take_tokens(session, process, answer->body));
	} else {
		session->may_be_refused |= may_be_late(ask);
		if (answer && answer->code == 401)
			refused(ask, answer->code_word);
		session->may_be_being_ended = true;
	}
	if (postgres_server_session_counter(session->id) > session->newest + 1)
		promise_broken("a token was replaced more than once", session->id);
	ask_end(ask);
}

/* Mostly with the newest token. A request with an earlier one that is still under way may find that its token counts as copied
 * by now. */
static void refresh(struct process *process, struct session *session)
{
	int64_t back = chance_of(1, 12) ? chance_between(1, REMEMBERED - 1) : 0;
	struct handed_out *token;
	struct http_request *req;
	struct ask *ask;
	cJSON *json;

	if (back > session->newest || !(ask = ask_new(session)))
		return;
	ask->what = ASK_REFRESH;
	ask->counter = session->newest - back;
	token = &session->tokens[ask->counter % REMEMBERED];
	json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "refresh_token", token->text);
	if (!(req = request_new(process, json, "", refreshed, ask)))
		return ask_end(ask);
	trace("refreshes a session", session - sessions, ask->counter);
	token->sent_us = token->sent_us < 0 ? now_us : token->sent_us;
	session->may_be_refused |= back > 0 || others_are_under_way(ask, ask->counter);
	session_refresh(req);
}

/* ---- ending one ---- */

static void was_ended(struct process *process, const struct http_answer *answer, void *arg)
{
	struct ask *ask = arg;
	struct session *session = ask->session;

	ask_end(ask);
	if (answer && answer->code == 200)
		acknowledge_end(session);
}

static void end(struct process *process, struct session *session)
{
	struct ask *ask = ask_new(session);
	struct http_request *req;

	if (!ask)
		return;
	ask->what = ASK_END;
	if (!(req = request_new(process, NULL, session->id, was_ended, ask)))
		return ask_end(ask);
	trace("ends a session", process->number, session - sessions);
	session->may_be_refused = true;
	http_request_set_user(req, session->user_id);
	session_end(req);
	if (chance_of(1, 4))
		requests_disconnect();
}

/* ---- for the others ---- */

/* Several at once, as by the tabs of a browser. */
static void refresh_often(struct process *process, struct session *session)
{
	for (long times = chance_of(1, 8) ? chance_between(2, 5) : 1; times > 0; times--)
		refresh(process, session);
}

/* Mostly of a user whose sessions are being ended, if there is one. */
static struct session *any_session(void)
{
	struct session *session = &sessions[chance_below(SESSIONS_MAX)];

	for (int i = 0; i < 4 && !customers_end_is_under_way(session->user_id); i++)
		session = &sessions[chance_below(SESSIONS_MAX)];
	return session;
}

void customers_act_on_sessions(struct process *process)
{
	struct session *session = any_session();
	struct process *values = &processes[VALUES_FIRST + chance_below(2)];

	if (session->asks == 0 && (!session->is_known || chance_of(1, session->is_over ? 4 : 40)))
		log_in(process, session);
	else if (session->is_known && chance_of(1, 30))
		end(process, session);
	else if (session->is_known)
		refresh_often(process, session);
	if (process_is_alive(values) && values->stopped_until_us <= now_us)
		use(values, session);
}

void customers_reset_sessions(void)
{
	memset(sessions, 0, sizeof sessions);
	memset(asks, 0, sizeof asks);
}
