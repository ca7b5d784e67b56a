#include <string.h>

#include "daemon/manage_internal.h"

#define NAME_MAX_LEN 40  /* of what is compared; no command's name is longer */
#define PREFIX_MIN_LEN 2 /* a shorter beginning of a name means nothing */
#define FAR 1000

/* The number of arguments that spell the command's name; 0 when they are another command. */
static int words_matched(const char *name, int argc, char **argv)
{
	int words = 0;

	while (*name) {
		size_t len = strcspn(name, " ");

		if (words == argc || strlen(argv[words]) != len || memcmp(argv[words], name, len) != 0)
			return 0;
		name += len + (name[len] == ' ');
		words++;
	}
	return words;
}

const struct manage_command *manage_command_find(manage_tables tables, int argc, char **argv, int *ret_words)
{
	for (; *tables; tables++)
		for (const struct manage_command *command = *tables; command->name; command++) {
			int words = words_matched(command->name, argc, argv);

			if (words) {
				*ret_words = words;
				return command;
			}
		}
	return NULL;
}

/* ---- arguments ---- */

/* The length of the next word of the usage, without brackets; 0 at the end of the alternative. */
static size_t next_word(const char **usage, bool *ret_is_optional)
{
	const char *word = *usage + strspn(*usage, " ");
	size_t len;

	*ret_is_optional = *word == '[';
	word += *ret_is_optional;
	len = *word == '|' ? 0 : strcspn(word, " ]");
	*usage = word;
	return len;
}

static bool is_meant(const char *word, size_t len, const char *argument)
{
	return *word != '-' || (strlen(argument) == len && memcmp(word, argument, len) == 0);
}

/* Leaves *usage at the end of the alternative that it begins with. */
static bool alternative_takes(const char **usage, int argc, char **argv)
{
	bool is_optional, is_fitting = true;
	int used = 0;
	size_t len;

	while ((len = next_word(usage, &is_optional)) > 0) {
		if (used < argc && is_meant(*usage, len, argv[used]))
			used++;
		else if (!is_optional)
			is_fitting = false;
		*usage += len + ((*usage)[len] == ']');
	}
	return is_fitting && used == argc;
}

bool manage_command_takes(const struct manage_command *command, int argc, char **argv)
{
	const char *usage = command->usage;

	while (!alternative_takes(&usage, argc, argv)) {
		if (*usage != '|')
			return false;
		usage++;
	}
	return true;
}

/* ---- the nearest name ---- */

static int smallest(int a, int b, int c)
{
	int least = a < b ? a : b;

	return least < c ? least : c;
}

/* How many letters have to be added, left out or replaced. */
static int distance(const char *typed, const char *name)
{
	size_t typed_len = strlen(typed), name_len = strlen(name);
	int row[NAME_MAX_LEN + 1];

	if (typed_len > NAME_MAX_LEN || name_len > NAME_MAX_LEN)
		return FAR;
	for (size_t i = 0; i <= name_len; i++)
		row[i] = (int)i;
	for (size_t i = 1; i <= typed_len; i++) {
		int diagonal = row[0];

		row[0] = (int)i;
		for (size_t j = 1; j <= name_len; j++) {
			int above = row[j];

			row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (typed[i - 1] != name[j - 1]));
			diagonal = above;
		}
	}
	return row[name_len];
}

/* A third of the letters may be wrong, or the end missing. */
static int difference(const char *typed, const char *name)
{
	size_t len = strlen(typed);
	int letters = distance(typed, name);

	if (len >= PREFIX_MIN_LEN && strncmp(typed, name, len) == 0)
		return letters < 2 ? letters : 2;
	return 3 * letters <= (int)strlen(name) ? letters : FAR;
}

/* The first arguments, as many as the name has words, with a space between each two. */
static void join(char text[NAME_MAX_LEN + 2], const char *name, int argc, char **argv)
{
	size_t len = 0;

	text[0] = '\0';
	for (int i = 0; i < argc && len < NAME_MAX_LEN + 1; i++) {
		snprintf(text + len, NAME_MAX_LEN + 2 - len, "%s%s", i ? " " : "", argv[i]);
		len = strlen(text);
		name = strchr(name, ' ');
		if (!name++)
			return;
	}
}

static int difference_of(const char *name, int argc, char **argv)
{
	const char *last = strrchr(name, ' ');
	char text[NAME_MAX_LEN + 2];
	int whole, without_first = FAR;

	join(text, name, argc, argv);
	whole = difference(text, name);
	if (last)
		without_first = difference(argv[0], last + 1) + 1;
	return whole < without_first ? whole : without_first;
}

const char *manage_command_nearest(manage_tables tables, int argc, char **argv)
{
	const char *nearest = NULL;
	int least = FAR;

	for (; argc > 0 && *tables; tables++)
		for (const struct manage_command *command = *tables; command->name; command++) {
			int found = difference_of(command->name, argc, argv);

			if (found < least) {
				least = found;
				nearest = command->name;
			}
		}
	return nearest;
}

/* ---- help ---- */

void manage_command_print(FILE *out, const struct manage_command *command)
{
	fprintf(out, "usage: manage %s%s%s\n", command->name, *command->usage ? " " : "", command->usage);
}

void manage_command_print_all(FILE *out, manage_tables tables)
{
	fprintf(out, "usage: manage COMMAND\n");
	for (; *tables; tables++)
		for (const struct manage_command *command = *tables; command->name; command++) {
			char left[64];

			snprintf(left, sizeof left, "%s %s", command->name, command->usage);
			fprintf(out, "  %-32s %s\n", left, command->meaning);
		}
	fprintf(out, "The environment is the daemon's; MIGRATIONS_DIR is the folder of migrations [migrations].\n");
}
