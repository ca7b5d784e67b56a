/* The mail protocol between users, which keeps every message until it is settled, and mailer, which sends it
 * (docs/decisions/0021-mail.md). Two streams in Redis:
 *
 *   {mail}:messages  users appends each attempt; mailer takes attempts off, whole or not at all
 *   {mail}:reports   mailer appends what became of each attempt; users reads, applies to Postgres, and then removes
 *
 * An attempt that is lost, with its mailer or with Redis, is published again once its deadline has passed, and no mailer begins
 * an attempt so late that it could end after its deadline. Deadlines are of Redis's clock, the one that both see: users adds
 * the time that Postgres gives an attempt to what that clock showed before, and mailer learns with the messages what it shows.
 * So neither daemon's own clock matters. A users from before dates them by Postgres's clock, and a mailer from before judges
 * them by its own, which is the same while the machines' clocks are.
 *
 * A report that is lost has the message sent twice, with the same Message-ID. Applying a report twice changes nothing. */
#ifndef ABACUS_MAIL_H
#define ABACUS_MAIL_H

#include "redis/redis.h"

#define MAIL_MESSAGES "{mail}:messages"
#define MAIL_REPORTS "{mail}:reports"
#define MAIL_ID_BYTES 37 /* a UUID */
#define MAIL_BATCH_MAX 100
/* Largest number of entries of a stream. Older ones are dropped: users publishes again what they were about. */
#define MAIL_STREAM_MAX "10000"

enum mail_channel {
	MAIL_EMAIL,
	MAIL_SMS,
	MAIL_CHANNELS /* one of a newer users */
};
const char *mail_channel_name(enum mail_channel channel); /* not of MAIL_CHANNELS */
/* "": MAIL_EMAIL, because a users from before the channels names none. MAIL_CHANNELS: no name of this version. */
enum mail_channel mail_channel_find(const char *name);

/* How much of the rate of its recipient's domain a message may use (services/mailer/rates.h). */
enum mail_priority {
	MAIL_PRIORITY_ORDINARY, /* notices, and what any client has sent to any address */
	MAIL_PRIORITY_RESET,    /* a link for a new password */
	MAIL_PRIORITY_CODE,     /* a code that answers a challenge: good for minutes, and sent where one has arrived before */
	MAIL_PRIORITIES
};
const char *mail_priority_name(enum mail_priority priority);
/* MAIL_PRIORITY_ORDINARY, unless it is the name of another one: a users from before the priorities names none. */
enum mail_priority mail_priority_find(const char *name);

struct mail_message {
	char id[MAIL_ID_BYTES];
	int64_t attempt;      /* 1, 2, … */
	int64_t deadline_ms;  /* of Redis's clock; the attempt has ended by then, or is not begun */
	const char *template; /* its name; borrowed, as the recipient and the values */
	enum mail_channel channel;
	enum mail_priority priority;
	const char *recipient; /* an e-mail address, or a telephone number in E.164; not checked */
	const char *values;    /* of the template: a JSON object of texts; not checked */
};

enum mail_result {
	MAIL_SENT,
	MAIL_FAILED,   /* for ever: the message or its recipient was refused */
	MAIL_DEFERRED, /* it may succeed later */
	MAIL_RESULTS
};
const char *mail_result_name(enum mail_result result);

struct mail_report {
	char id[MAIL_ID_BYTES];
	int64_t attempt;
	enum mail_result result;
};

/* Lower-case hexadecimal in five groups. */
bool mail_is_id(const char *text);

extern const struct redis_script mail_take_script, mail_read_reports_script; /* the functions of their names need them */

typedef void mail_done(enum status status, void *arg);
/* What the message borrows is copied before the call returns. */
void mail_publish(struct redis *redis, struct scope *scope, const struct mail_message *message, mail_done *done, void *arg);
void mail_report(struct redis *redis, struct scope *scope, const struct mail_report *report, mail_done *done, void *arg);

/* On a connection of its own: OK as soon as there is a message, NOT_FOUND after block_ms without one. Takes nothing. */
void mail_wait(struct redis *redis, struct scope *scope, long block_ms, mail_done *done, void *arg);
/* Takes up to max (MAIL_BATCH_MAX) messages, the oldest first. Borrowed for the callback. An entry that is no message is
 * dropped with a warning. now_ms: Redis's clock when they were taken. */
typedef void mail_taken(enum status status, const struct mail_message *messages, int n, int64_t now_ms, void *arg);
void mail_take(struct redis *redis, struct scope *scope, int max, mail_taken *done, void *arg);

/* The oldest reports, at most MAIL_BATCH_MAX, and the ids of the entries that they are from, among which may be ones that are
 * no reports: mail_forget() them all once the reports are applied. Borrowed for the callback. */
struct mail_entries {
	int64_t now_ms; /* Redis's clock when they were read */
	struct mail_report reports[MAIL_BATCH_MAX];
	int n;
	char ids[MAIL_BATCH_MAX][REDIS_ENTRY_ID_BYTES];
	int ids_n;
};
typedef void mail_read(enum status status, const struct mail_entries *entries, void *arg);
void mail_read_reports(struct redis *redis, struct scope *scope, mail_read *done, void *arg);
void mail_forget(struct redis *redis, struct scope *scope, const struct mail_entries *entries, mail_done *done, void *arg);

#endif
