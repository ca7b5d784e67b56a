/* Every SQL statement of the users service, and how a row of it becomes JSON. */
#ifndef ABACUS_USERS_STORE_H
#define ABACUS_USERS_STORE_H

#include "base/buf.h"
#include "postgres/postgres.h"

/* Columns that each statement about a user starts with. */
enum store_column { STORE_ID, STORE_USERNAME, STORE_EMAIL, STORE_ACTIVE, STORE_ADMIN, STORE_PASSWORD_HASH };

extern const struct postgres_statement store_user_insert; /* username, email, password_hash -> id; CONFLICT */
/* E-mail, or e-mail or user name -> user (id null: nobody), STORE_DEAD_UNTIL_MS, STORE_TYPED: what it was compared as */
extern const struct postgres_statement store_user_by_email, store_user_by_login;
extern const struct postgres_statement store_user_by_id; /* id -> user */
extern const struct postgres_statement
	store_user_of_token; /* id, jti, ms of issue -> user, STORE_TOKEN_REVOKED, STORE_TOKEN_INACTIVE */
extern const struct postgres_statement store_users_page;  /* after, limit -> users */
extern const struct postgres_statement store_user_change; /* id, active|null, admin|null, now_ms -> user, STORE_DEAD_UNTIL_MS,
						       STORE_LAST_ADMIN (then id is null) */
extern const struct postgres_statement
	store_user_delete; /* id, token lifetime in s -> id, STORE_DELETE_LAST_ADMIN (then id is null) */
extern const struct postgres_statement store_password_set;     /* id, new hash, old hash, now_ms */
extern const struct postgres_statement store_tokens_end;       /* id, now_ms -> ms up to which they are dead, whether all are */
extern const struct postgres_statement store_password_replace; /* id, new hash, old hash; tokens live on */
extern const struct postgres_statement
	store_token_revoke; /* jti, user id, inactive, expires in Unix s; also forgets expired ones */
extern const struct postgres_statement store_revoked_tokens; /* after jti, limit -> jti, inactive, expires in Unix s */
extern const struct postgres_statement
	store_revoked_users; /* after id, limit, oldest ms that matters -> id, until ms, inactive */
/* id -> until ms, inactive, also of one who is gone; nothing: there was none */
extern const struct postgres_statement store_user_revocation;
extern const struct postgres_statement *const store_statements[];

#define STORE_TOKEN_REVOKED 6
#define STORE_TOKEN_INACTIVE 7
#define STORE_LAST_ADMIN 7
#define STORE_DELETE_LAST_ADMIN 1

/* tokens_dead_until_ms grows with each change, whatever the clocks say: revocations.h. */
#define STORE_DEAD_UNTIL_MS 6
#define STORE_TYPED 7

/* Adds {id, username, email, active} and, when asked, admin. */
void store_user_json(struct buf *json, const struct postgres_rows *rows, int row, bool with_admin);

#endif
