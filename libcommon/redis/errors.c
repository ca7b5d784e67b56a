/* What an error reply of Redis means: one table, by the words that it begins with. What is not in it (ERR, WRONGTYPE, …) is our
 * own fault. */
#include <string.h>

#include "redis/redis_internal.h"

static const struct redis_error errors[] = {
	/* this connection leads to the wrong server, or to one that is not ready yet */
	{"ASK", STATUS_UNAVAILABLE, true, NULL}, /* another node of a cluster has the key; the name may lead to that node */
	{"LOADING", STATUS_UNAVAILABLE, true, NULL},
	{"MASTERDOWN", STATUS_UNAVAILABLE, true, NULL},
	{"MOVED", STATUS_UNAVAILABLE, true, NULL},
	{"READONLY", STATUS_UNAVAILABLE, true, NULL},
	/* Redis no longer knows who we are; the next connection authenticates */
	{"NOAUTH", STATUS_UNAVAILABLE, true, NULL},
	{"WRONGPASS", STATUS_UNAVAILABLE, true, NULL},
	/* it may go on by itself, or when an operator has acted */
	{"BUSY", STATUS_UNAVAILABLE, false, NULL}, /* another client's script runs */
	{"CLUSTERDOWN", STATUS_UNAVAILABLE, false, NULL},
	{"MAXCLIENTS", STATUS_UNAVAILABLE, false, NULL},
	{"MISCONF", STATUS_UNAVAILABLE, false, "redis can not write to its disk"},
	{"NOPERM", STATUS_UNAVAILABLE, false, NULL},
	{"NOREPLICAS", STATUS_UNAVAILABLE, false, "redis has too few replicas"},
	{"NOSCRIPT", STATUS_UNAVAILABLE, false, NULL}, /* lost again right after it was loaded */
	{"OOM", STATUS_UNAVAILABLE, false, "redis is full"},
	{"TRYAGAIN", STATUS_UNAVAILABLE, false, NULL},
	/* an operator ended our script; the second is how Redis words it before version 7, behind the places */
	{"ERR Script killed by user", STATUS_UNAVAILABLE, false, NULL},
	{"Script killed by user", STATUS_UNAVAILABLE, false, NULL},
	/* the stream is new, or Redis lost it: its reader makes the group */
	{"NOGROUP", STATUS_INTERNAL, false, NULL, .is_expected = true},
};

static const struct redis_error our_fault = {"", STATUS_INTERNAL, false, NULL};

static bool begins_with(const char *text, const char *words)
{
	size_t len = strlen(words);

	return strncmp(text, words, len) == 0 && (text[len] == ' ' || text[len] == '\0');
}

static const struct redis_error *find_words(const char *text)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (begins_with(text, errors[i].words))
			return &errors[i];
	return NULL;
}

/* Before Redis 7 the error of a command in a script stands behind places: "ERR Error running script (call to f_…):
 * @user_script:1: @user_script: 1: -OOM command not allowed …". */
const struct redis_error *redis_error_of(const char *text)
{
	const struct redis_error *found = find_words(text);
	bool is_of_script = strncmp(text, "ERR ", 4) == 0;

	while (is_of_script && !found && (text = strstr(text, ": "))) {
		text += 2;
		found = find_words(text + (*text == '-'));
	}
	return found ? found : &our_fault;
}
