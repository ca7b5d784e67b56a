#include "compose.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#define NUMBER_DIGITS_MAX 15
#define LINE_MAX_CHARS 76 /* RFC 2045 §6.7 */
#define ENCODED_CHARS 3   /* =2E */

/* ---- templates ---- */

#define TEMPLATE_FILES(name)                                                      \
	extern const char _binary_services_mailer_templates_##name##_txt_start[]; \
	extern const char _binary_services_mailer_templates_##name##_html_start[]
#define TEMPLATE_WITH_SMS(name, sms)                                               \
	{                                                                          \
#name, _binary_services_mailer_templates_##name##_txt_start,       \
			_binary_services_mailer_templates_##name##_html_start, sms \
	}
#define TEMPLATE(name) TEMPLATE_WITH_SMS(name, NULL)

TEMPLATE_FILES(code);
extern const char _binary_services_mailer_templates_code_sms_txt_start[];
TEMPLATE_FILES(email_changed);
TEMPLATE_FILES(email_link);
TEMPLATE_FILES(factor_added);
TEMPLATE_FILES(factor_asked);
TEMPLATE_FILES(factor_removed);
TEMPLATE_FILES(factors_reset);
TEMPLATE_FILES(new_device);
TEMPLATE_FILES(passkey_copied);
TEMPLATE_FILES(password_changed);
TEMPLATE_FILES(password_reset);
TEMPLATE_FILES(recovery_codes_replaced);
TEMPLATE_FILES(session_reused);

const struct template templates[] = {
	TEMPLATE_WITH_SMS(code, _binary_services_mailer_templates_code_sms_txt_start),
	TEMPLATE(email_changed),
	TEMPLATE(email_link),
	TEMPLATE(factor_added),
	TEMPLATE(factor_asked),
	TEMPLATE(factor_removed),
	TEMPLATE(factors_reset),
	TEMPLATE(new_device),
	TEMPLATE(passkey_copied),
	TEMPLATE(password_changed),
	TEMPLATE(password_reset),
	TEMPLATE(recovery_codes_replaced),
	TEMPLATE(session_reused),
};
const int templates_n = sizeof templates / sizeof *templates;

const struct template *template_find(const char *name)
{
	for (int i = 0; i < templates_n; i++)
		if (strcmp(templates[i].name, name) == 0)
			return &templates[i];
	return NULL;
}

/* ---- addresses ---- */

bool compose_is_address(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
	static const char specials[] = "!#$%&'*+/=?^_`{|}~";
	const char *at = strrchr(text, '@');
	size_t len = strlen(text);

	if (!at || at == text || len > ADDRESS_BYTES_MAX || strspn(at + 1, letters) != strlen(at + 1))
		return false;
	for (const char *c = text; c < at; c++)
		if (!strchr(letters, *c) && !strchr(specials, *c))
			return false;
	return at[1] && at[1] != '.' && at[1] != '-' && text[0] != '.' && at[-1] != '.' && !strstr(text, "..");
}

bool compose_is_number(const char *text)
{
	size_t digits = text[0] == '+' ? strspn(text + 1, "0123456789") : 0;

	return digits > 0 && digits <= NUMBER_DIGITS_MAX && !text[1 + digits];
}

/* ---- filling in ---- */

enum escaping { PLAIN, HTML };

static void add_char(struct buf *out, char c, enum escaping escaping)
{
	static const char *const entities[256] = {
		['<'] = "&lt;", ['>'] = "&gt;", ['&'] = "&amp;", ['"'] = "&quot;", ['\''] = "&#39;"};
	unsigned char byte = (unsigned char)c;

	if (byte < 0x20 || byte == 0x7F)
		buf_text(out, " ");
	else if (escaping == HTML && entities[byte])
		buf_text(out, entities[byte]);
	else
		buf_add(out, &c, 1);
}

static void add_value(struct buf *out, const char *value, enum escaping escaping)
{
	if (!value || !utf8_is_valid(value, strlen(value)))
		return;
	for (; *value; value++)
		add_char(out, *value, escaping);
}

static const char *value_of(const struct compose_config *config, const cJSON *values, const char *name, size_t len)
{
	char key[32];

	if (len >= sizeof key)
		return NULL;
	memcpy(key, name, len);
	key[len] = '\0';
	return strcmp(key, "public_url") == 0 ? config->public_url : json_text(values, key);
}

static void fill(struct buf *out, const struct compose_config *config, const char *template, const cJSON *values,
		 enum escaping escaping)
{
	const char *open, *shut;

	while ((open = strstr(template, "{{")) && (shut = strstr(open, "}}"))) {
		buf_add(out, template, (size_t)(open - template));
		add_value(out, value_of(config, values, open + 2, (size_t)(shut - open - 2)), escaping);
		template = shut + 2;
	}
	buf_text(out, template);
}

/* ---- quoted-printable (RFC 2045 §6.7) ---- */

/* A dot at the start of a line is encoded, because SMTP ends a message with one that is alone (RFC 2049 §3). */
static bool is_literal(char c, char next, size_t column)
{
	if (c == '.' && column == 0)
		return false;
	if (c == ' ')
		return next != '\n' && next != '\0';
	return c > ' ' && c < 0x7F && c != '=';
}

static void add_encoded(struct buf *out, const char *text)
{
	size_t column = 0;

	for (; *text; text++) {
		size_t width;

		if (*text == '\n') {
			buf_text(out, "\r\n");
			column = 0;
			continue;
		}
		if (column + ENCODED_CHARS > LINE_MAX_CHARS - 1) { /* leaves room for the "=" */
			buf_text(out, "=\r\n");
			column = 0;
		}
		width = is_literal(text[0], text[1], column) ? 1 : ENCODED_CHARS;
		if (width == 1)
			buf_add(out, text, 1);
		else
			buf_printf(out, "=%02X", (unsigned char)*text);
		column += width;
	}
}

static void add_part(struct buf *out, const char *boundary, const char *type, const char *text)
{
	buf_printf(out, "--%s\r\nContent-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
		   boundary, type);
	add_encoded(out, text);
	buf_text(out, "\r\n");
}

/* ---- the message ---- */

/* RFC 5322 §3.3, without the names of strftime(), which depend on the locale. */
static void add_date(struct buf *out)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	buf_printf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n", days + 3 * tm.tm_wday, tm.tm_mday,
		   months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void compose(struct buf *out, const struct compose_config *config, const struct template *template, const char *id,
	     const char *recipient, const cJSON *values)
{
	const char *text = strchr(template->text, '\n') + 1;
	struct buf plain = {0}, html = {0};
	char boundary[MAIL_ID_BYTES + 8];

	snprintf(boundary, sizeof boundary, "=_%s", id);
	fill(&plain, config, text + strspn(text, "\n"), values, PLAIN);
	fill(&html, config, template->html, values, HTML);
	buf_printf(out, "From: Abacus <%s>\r\nTo: <%s>\r\nSubject: %.*s\r\n", config->from, recipient,
		   (int)(text - template->text - 1), template->text);
	add_date(out);
	buf_printf(out, "Message-ID: <%s%s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n", id,
		   strrchr(config->from, '@'));
	buf_printf(out, "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n", boundary);
	add_part(out, boundary, "plain", plain.bytes);
	add_part(out, boundary, "html", html.bytes);
	buf_printf(out, "--%s--\r\n", boundary);
	mem_free_secret(plain.bytes);
	mem_free_secret(html.bytes);
}

void compose_sms(struct buf *out, const struct compose_config *config, const struct template *template, const cJSON *values)
{
	fill(out, config, template->sms, values, PLAIN);
	while (out->len > 0 && out->bytes[out->len - 1] == '\n')
		out->bytes[--out->len] = '\0';
}
