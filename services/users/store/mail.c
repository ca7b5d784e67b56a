#include "store/mail.h"

#include "store/store_internal.h"

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

/* A code that enrols a factor is ordinary, because a client has it sent to any address. */
#define PRIORITY \
	"CASE WHEN template = 'password_reset' THEN 'reset' WHEN template = 'code' AND coalesce(parameters->>'action', '')" \
	" NOT IN ('receive_codes', 'receive_codes_by_sms') THEN 'code' ELSE 'ordinary' END"

const struct postgres_statement store_outbox_claim = {
	"outbox_claim",
	"UPDATE outbox SET attempt = attempt + 1, due_at = now() + " SECONDS("$2") " FROM (SELECT id FROM outbox"
	" WHERE channel IN ('email', 'sms') AND due_at <= now() AND expires_at > now()"
	" ORDER BY due_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED) due"
	" WHERE outbox.id = due.id RETURNING outbox.id, attempt, channel, template, recipient, parameters, " PRIORITY ","
	" floor(extract(epoch FROM least(due_at, expires_at) - now()) * 1000)::bigint",
};

/* The pause doubles with each deferral, up to $3 and to a third of the time that the message has left, so that it is tried until
 * its end; and is up to a quarter longer or shorter, so that what was deferred at once does not come back at once. */
const struct postgres_statement store_outbox_settle = {
	"outbox_settle",
	"WITH reports AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS reports (id uuid, attempt bigint,"
	" deferred boolean)),"
	" gone AS (DELETE FROM outbox USING reports WHERE outbox.id = reports.id AND NOT deferred)"
	" UPDATE outbox SET attempt = outbox.attempt + 1, deferrals = deferrals + 1,"
	" due_at = now() + (0.75 + random() / 2) * least(" SECONDS("$3") ", " SECONDS("$2") " * 2 ^ least(deferrals, 20),"
	" greatest(" SECONDS("$2") ", (expires_at - now()) / 3))"
	" FROM reports WHERE outbox.id = reports.id AND outbox.attempt = reports.attempt AND deferred"
	" AND outbox.id NOT IN (SELECT id FROM reports WHERE NOT deferred)",
};

/* It waits for no lock, because another statement could wait for the rows that it holds. Longer than an hour after a link has
 * ended, the hour is over too in which its user's messages are counted. */
const struct postgres_statement store_outbox_prune = {
	"outbox_prune",
	"WITH gone AS (DELETE FROM outbox USING (SELECT id FROM outbox WHERE expires_at <= " LONG_AGO("$1")
	" FOR UPDATE SKIP LOCKED) old"
	" WHERE outbox.id = old.id RETURNING outbox.id),"
	" links AS (DELETE FROM password_resets USING (SELECT id FROM password_resets WHERE expires_at <= " LONG_AGO("$1")
	" FOR UPDATE SKIP LOCKED) old WHERE password_resets.id = old.id),"
	" addresses AS (DELETE FROM email_links USING (SELECT user_id FROM email_links WHERE expires_at <= " LONG_AGO("$1")
	" FOR UPDATE SKIP LOCKED) old WHERE email_links.user_id = old.user_id)"
	" SELECT (SELECT count(*) FROM gone), count(*), greatest(0, floor(extract(epoch FROM now() - min(created_at))))::bigint"
	" FROM outbox WHERE expires_at > now()",
};
