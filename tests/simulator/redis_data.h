/* The data of the fake Redis, and its commands: as many as the code under test uses, and of these as many options. What it does
 * not know it answers with an error that no server gives, so that a run fails rather than passes by accident. */
#ifndef ABACUS_SIMULATOR_REDIS_DATA_H
#define ABACUS_SIMULATOR_REDIS_DATA_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

struct text {
	char *bytes; /* with a NUL behind them */
	size_t len;
};
struct text text_copy(const char *bytes, size_t len);
bool text_is(const struct text *text, const char *bytes, size_t len);

struct stream_id {
	uint64_t ms, seq;
};
int stream_id_compare(struct stream_id a, struct stream_id b);

struct stream_entry {
	struct stream_id id;
	int count;
	struct text *fields;
};
struct pending {
	struct stream_id id;
	int consumer; /* its place among the group's */
	int64_t delivered_ms;
	int64_t deliveries;
};
struct consumer {
	struct text name; /* bytes NULL: deleted */
	int64_t seen_ms;
};
struct group {
	struct text name;
	struct stream_id last;
	int pending_count, consumer_count;
	struct pending *pending;
	struct consumer *consumers;
};
struct pair {
	struct text field, value;
};
enum value_type { VALUE_TEXT, VALUE_HASH, VALUE_STREAM, VALUE_LIST, VALUE_SET };
struct value {
	struct text name;
	enum value_type type;
	struct text text;
	int64_t expires_ms; /* 0: never */
	int count;          /* of pairs or entries */
	struct pair *pairs; /* of a list or a set: its elements are the fields */
	struct stream_entry *entries;
	struct stream_id last;
	int group_count;
	struct group *groups;
};
struct database {
	int count;
	struct value *values;
};
void database_free(struct database *database); /* empties it */
struct database database_copy(const struct database *database);
struct value *database_find(struct database *database, const char *name, size_t len); /* NULL: not there */
struct value *database_add(struct database *database, const char *name, size_t len, enum value_type type);
void database_remove(struct database *database, struct value *value);
struct pair *hash_find(const struct value *hash, const char *field, size_t len);
/* The entry with this id, or the place where it would be; is_there says which. */
int stream_find(const struct value *stream, struct stream_id id, bool *ret_is_there);
void group_free(struct group *group); /* what it holds */
struct group *stream_group(const struct value *stream, const char *name, size_t len);
int group_find_pending(const struct group *group, struct stream_id id, bool *ret_is_there);

/* One command, or one line of a script. */
struct command {
	struct database *database;
	int argc;
	const char **argv;
	const size_t *lens;
	int64_t now_ms, now_us;
	const char *life;           /* run_id */
	bool is_full;               /* no memory for commands that need some */
	const char *refuses_writes; /* with this error; NULL: it does not */
	bool *has_written;          /* of the script; NULL: no script */
	void (*appended)(const char *key, const struct value *stream);
	void (*published)(const char *channel, const char *text, size_t len);
	void (*stored)(const char *key, const char *field, const char *value, size_t len, const char *before,
		       size_t before_len);
};
/* Never NULL; the caller frees it by freeReplyObject(). */
redisReply *command_run(const struct command *command);
/* A read of new entries by a group (XREADGROUP … >); NULL: there is none. */
redisReply *group_read(struct database *database, const char *key, const char *group, const char *consumer, long count,
		       int64_t now_ms);
/* The first element of a list, taken off it, with the name of the list; NULL: there is none. */
redisReply *list_pop(struct database *database, const char *key);
redisReply *stream_read(struct database *database, const char *key, struct stream_id after, long count);
bool stream_id_parse(const char *text, size_t len, uint64_t seq_default, struct stream_id *ret_id);

redisReply *reply_int(long long integer);
redisReply *reply_text(const char *bytes, size_t len);
redisReply *reply_nil(void);
redisReply *reply_word(const char *word); /* a status */
redisReply *reply_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
redisReply *reply_array(size_t elements);
redisReply *reply_id(struct stream_id id);
redisReply *reply_entry(const struct stream_entry *entry);

/* ---- redis_scripts.c ---- */
/* Runs a script; `command` says everything but its arguments, which are argv[0..argc). */
redisReply *script_run(const struct command *command, const char *lua, size_t len, int keys, int argc, const char **argv,
		       const size_t *lens);
void script_sha1(const char *lua, size_t len, char sha1[41]); /* 40 digits that tell scripts apart, but no SHA1 */

#endif
