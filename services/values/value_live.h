/* GET /values/live: a WebSocket that carries every finished calculation, no matter which user submitted it, and the notices
 * about its own user's account. A result is public once it is calculated (GET /values/current needs no token), so any valid
 * token is enough.
 *
 * The token is the first message, bare or as {"token":"…"}, or the second of two subprotocols, `Sec-WebSocket-Protocol: abacus,
 * TOKEN`, of which the first is chosen. It is never in the URL, because URLs are logged. Messages, in the order of Redis:
 *   {"event":"ready"}  from now on no message is missed; sent again after Redis was away, when the client has to ask for the
 *                      results of that time
 *   {"event":"state","lost":["postgres","redis"]}  what this process cannot reach: without Redis no result comes, and without
 *                      Postgres no submission is taken; sent when that changes, and after the token while something is lost
 *   {"event":"value","kind","index","digits","preview","duration_us"}, and "trace_id" of the
 *                      submission that queued it, if it is known
 *   {"event":"notice","notice":"password_changed","at":"2026-01-02T03:04:05.678Z"}  what happened to the account of the
 *                      token's user (auth/notice.h): once, while it happens, and not to a connection made later
 * Close codes: 1008 with the message of services/swagger/openapi.yaml when the token is missing for LIVE_TOKEN_SECONDS, wrong
 * or revoked, also later on (from then on nothing is sent but, for some 250 ms, notices, so that a session which
 * the change itself has ended gets the notice of it); 1013 when it cannot be checked for LIVE_CHECK_SECONDS, during which
 * nothing is sent, or cannot be checked any more; 1003 for any message after the token; 1001 on drain. */
#ifndef ABACUS_VALUES_VALUE_LIVE_H
#define ABACUS_VALUES_VALUE_LIVE_H

struct event_base;
struct values;
struct value_live;

struct value_live *value_live_new(struct event_base *base, struct values *values);
/* After http_server_free(), which ends the WebSockets. NULL is fine. */
void value_live_free(struct value_live *live);
void value_live_register_metrics(void);

#endif
