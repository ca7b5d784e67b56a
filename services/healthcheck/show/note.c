#include "show/note.h"

#include "base/json.h"
#include "base/utf8.h"
#include "http/reply.h"
#include "record/events.h"

/* Stops above the limit. The text is well-formed, because json_parse() has accepted it. */
static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text && count <= NOTE_CHARACTERS_MAX; text += utf8_sequence_len(text))
		count++;
	return count;
}

const char *note_read(struct http_request *req, const char *name, size_t min)
{
	const char *text = json_text(http_request_json(req), name);
	size_t count = text ? count_characters(text) : 0;

	if (text && count >= min && count <= NOTE_CHARACTERS_MAX)
		return text;
	http_reply_invalid(req, http_errors_add(NULL, name,
						min ? "must be a text of 1 to 280 characters"
						    : "must be a text of at most 280 characters"));
	return NULL;
}
