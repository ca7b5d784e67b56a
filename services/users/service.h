/* What every file of the users service needs: its options, its parts, and its handlers. */
#ifndef ABACUS_USERS_SERVICE_H
#define ABACUS_USERS_SERVICE_H

#include "auth/auth.h"
#include "auth/password.h"
#include "auth/revocations_publisher.h"
#include "daemon/daemon.h"
#include "http/reply.h"
#include "http/server.h"
#include "postgres/postgres.h"
#include "redis/redis.h"

struct session_config {
	long max_s, unremembered_s, idle_s; /* from the login of a remembered session, of any other, from the last use */
	long retry_s;                       /* after a lost reply */
	long per_user_max, prune_s;
};

enum email_verification {
	VERIFICATION_OFF,      /* an address counts as it is given */
	VERIFICATION_OPTIONAL, /* a link is sent to each new one, and a change of it waits for its link */
	VERIFICATION_REQUIRED  /* and without it no login succeeds */
};

struct users_config {
	struct http_config http;
	struct postgres_config postgres;
	struct redis_config redis;
	struct auth_config auth;
	struct password_config password;
	struct session_config session;
	bool public_users;
	long repair_s, attempts_max, attempts_window_s;
	long mail_lease_s, mail_retry_s;
	long events_retention_days;
	char *public_url;      /* passkeys/passkey_party.h; NULL: not known */
	char *mtan_test_codes; /* factors/mtan.h; NULL: none */
	char *sms_url;         /* of which users needs no more than whether it is set */
	char *sms_countries;   /* factors/phone.h; NULL: all */
	bool is_sms_offered;   /* set by users_check() */
	char *email_verification_text;
	enum email_verification email_verification; /* set by users_check() */
};

struct users {
	const struct users_config *config;
	struct scope scope; /* of the service: of what goes on when a request has ended */
	struct postgres *postgres;
	struct redis *redis;
	struct password_hasher *hasher;
	struct http_server *http;
	struct revocations_config revocations;
	struct revocations_publisher *publisher;
	struct republisher *republisher;
	struct retry_queue *retry_queue;
	struct session_prune *session_prune;
	struct rotations *rotations;
	struct outbox *outbox;
	struct passkeys *passkeys;
	struct event_attempts *event_attempts;
	struct event_prune *event_prune; /* as the next one */
	struct resets *resets;           /* NULL in any process but the first one */
	struct jwt_key key;
};

extern struct users_config users_config;
extern const struct daemon_config users_configs[];
void users_check(struct config *config);
extern const struct http_route users_routes[];

static inline struct users *users_of(const struct http_request *req)
{
	return http_request_service(req);
}

/* Handlers, each in the file of its name. */
void ping(struct http_request *req);
/* accounts/ */
void user_register(struct http_request *req);
void user_add(struct http_request *req);
void user_list(struct http_request *req);
void user_show(struct http_request *req);
void user_change(struct http_request *req);
void user_delete(struct http_request *req);
void account_change(struct http_request *req);
void account_delete(struct http_request *req);
void email_send(struct http_request *req);
void email_verify(struct http_request *req);
/* sessions/ */
void user_login(struct http_request *req);
void user_login_legacy(struct http_request *req); /* POST /auth, in user_login.c */
void user_logout(struct http_request *req);       /* also DELETE /auth/session */
void session_create(struct http_request *req);
void session_refresh(struct http_request *req);
void session_list(struct http_request *req);
void session_end(struct http_request *req);
void session_end_others(struct http_request *req);
void user_sessions_end(struct http_request *req);
void user_status(struct http_request *req);
void password_change(struct http_request *req);
/* passwords/ */
void password_forgot(struct http_request *req);
void password_reset(struct http_request *req);
void user_reset(struct http_request *req);
/* challenges/ */
void challenge_respond(struct http_request *req);
void challenge_code(struct http_request *req);
void confirmation_begin(struct http_request *req);
/* factors/ */
void factor_list(struct http_request *req);
void factor_enrol(struct http_request *req);
void factor_activate(struct http_request *req);
void factor_remove(struct http_request *req);
void factor_ask(struct http_request *req);
void recovery_codes_replace(struct http_request *req); /* recovery_codes.c */
/* passkeys/ */
void passkey_begin(struct http_request *req); /* passkey_login.c */
void passkey_login(struct http_request *req);
/* events/ */
void event_list(struct http_request *req);
void event_list_of_user(struct http_request *req); /* event_list.c */

#endif
