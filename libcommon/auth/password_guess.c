#include "auth/password_guess.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zxcvbn.h>

#include "base/mem.h"
#include "base/unicode.h"

#define BYTES_MAX 100 /* zxcvbn looks no further; the rest of a longer password is not counted, which errs on the safe side */
#define WORDS_MAX 64  /* more of an account's texts are not looked for */
#define SERVICE_WORDS 2
#define WORD_BYTES_MIN 3
#define LOG10_OF_2 0.30102999566398120

/* What an attacker of any account here tries first: docs/asvs.md, 6.1.2. */
static const char *const service_words[SERVICE_WORDS + 1] = {"abacus", "fibonacci"};

/* ---- what is known about the user, as words ---- */

struct words {
	char *texts[WORDS_MAX + SERVICE_WORDS + 1]; /* as zxcvbn wants them: the last is NULL */
	int count, count_max;
};

static void add_word(struct words *words, const char *text, size_t len)
{
	if (len >= WORD_BYTES_MIN && words->count < words->count_max)
		words->texts[words->count++] = mem_strndup(text, len);
}

static bool is_of_word(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

/* The whole text, and its parts. */
static void add_text(struct words *words, const char *text)
{
	size_t whole = strlen(text), len;

	add_word(words, text, whole);
	for (const char *at = text; *at; at += len ? len : 1) {
		for (len = 0; is_of_word((unsigned char)at[len]);)
			len++;
		if (len < whole)
			add_word(words, at, len);
	}
}

static void words_add(struct words *words, const char *const *about)
{
	for (; *about; about++) {
		char *normal = unicode_nfc(*about);

		add_text(words, normal ? normal : *about);
		free(normal);
	}
}

static void words_free(struct words *words)
{
	for (int i = 0; i < words->count; i++)
		free(words->texts[i]);
}

/* ---- the reason ---- */

enum reason { OWN, SERVICE, COMMON, REPEATED, SEQUENCE, KEYS, DATE, SHORT, REASONS };

static const char *const problems[REASONS] = {
	[OWN] = "is too easy to guess: it contains the username or the email address",
	[SERVICE] = "is too easy to guess: it contains the name of this service",
	[COMMON] = "is too easy to guess: it is made of common words or passwords",
	[REPEATED] = "is too easy to guess: it repeats itself",
	[SEQUENCE] = "is too easy to guess: it is a sequence such as abc or 4321",
	[KEYS] = "is too easy to guess: its keys are side by side on a keyboard",
	[DATE] = "is too easy to guess: it is a date or a year",
	[SHORT] = "is too easy to guess: it is short",
};

static enum reason reason_of(const ZxcMatch_t *part)
{
	switch ((int)part->Type) {
	case USER_MATCH:
	case USER_LEET_MATCH:
		return OWN;
	case DICTIONARY_MATCH:
	case DICT_LEET_MATCH:
		return COMMON;
	case SEQUENCE_MATCH:
		return SEQUENCE;
	case SPATIAL_MATCH:
		return KEYS;
	case DATE_MATCH:
	case YEAR_MATCH:
		return DATE;
	case BRUTE_MATCH:
		return SHORT;
	default: /* REPEATS_MATCH, and every kind with MULTIPLE_MATCH */
		return REPEATED;
	}
}

/* The one that accounts for most of the password. */
static const char *problem_of(const ZxcMatch_t *parts)
{
	int lengths[REASONS] = {0};
	enum reason most = SHORT;

	for (const ZxcMatch_t *part = parts; part; part = part->Next)
		lengths[reason_of(part)] += part->Length;
	for (enum reason reason = OWN; reason < SHORT; reason++)
		if (lengths[reason] > 0 && (most == SHORT || lengths[reason] > lengths[most]))
			most = reason;
	return problems[most];
}

/* NULL: it withstands them. */
static const char *guesses_problem(const char *start, const struct words *words, long guesses_min)
{
	ZxcMatch_t *parts = NULL;
	double guesses = ZxcvbnMatch(start, (const char **)words->texts, &parts) * LOG10_OF_2;
	const char *problem = guesses >= (double)guesses_min ? NULL : problem_of(parts);

	ZxcvbnFreeInfo(parts);
	return problem;
}

/* Without the service's words first, because the parts do not say which word they are. */
const char *password_guess_problem(const char *password, const char *const *about, long guesses_min)
{
	struct words words = {.count_max = WORDS_MAX};
	const char *problem;
	char *start;

	if (guesses_min <= 0)
		return NULL;
	start = mem_strndup(password, strnlen(password, BYTES_MAX));
	words_add(&words, about);
	problem = guesses_problem(start, &words, guesses_min);
	words.count_max += SERVICE_WORDS;
	words_add(&words, service_words);
	if (!problem && guesses_problem(start, &words, guesses_min))
		problem = problems[SERVICE];
	words_free(&words);
	mem_free_secret(start);
	return problem;
}
