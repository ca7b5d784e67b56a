/* Composes a message (RFC 5322, MIME) from its template: services/mailer/templates/NAME.txt, whose first line is the subject,
 * and NAME.html, both linked into the program; or the text of an SMS, from NAME_sms.txt. {{name}} stands for a value,
 * {{public_url}} for PUBLIC_URL.
 *
 * No template shows a text that a user chose, such as the user name, because an account may be registered with the address of
 * another person, who would then get that text from us. A value never reaches a header, because a template with one in its
 * subject does not pass its test; the only text of a peer in a header is the address of the recipient, which consists of safe
 * characters alone or is refused. In the bodies each byte but printable ASCII is encoded (quoted-printable), control characters
 * become spaces first, and values are escaped in HTML. */
#ifndef ABACUS_MAILER_COMPOSE_H
#define ABACUS_MAILER_COMPOSE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/buf.h"
#include "mail/mail.h"

struct template
{
	const char *name, *text, *html;
	const char *sms; /* one line; NULL: it is never sent by SMS */
};
#define TEMPLATES_MAX 16
extern const struct template templates[];
extern const int templates_n;
const struct template *template_find(const char *name); /* NULL: there is none */

/* + and up to 15 digits (E.164), so that it means one number to whatever reads it. */
bool compose_is_number(const char *text);

#define ADDRESS_BYTES_MAX 254 /* RFC 3696, erratum 1690 */
/* A dot-string of ASCII, @ and a domain or host (RFC 5321 §4.1.2), at most ADDRESS_BYTES_MAX long. */
bool compose_is_address(const char *text);

struct compose_config {
	const char *from, *public_url;
};
/* Appends the message, with the id in its Message-ID, so that another attempt has the same. values: an object of texts; one
 * that is missing, or no text, is empty. The recipient is an address. */
void compose(struct buf *out, const struct compose_config *config, const struct template *template, const char *id,
	     const char *recipient, const cJSON *values);

/* Appends what is sent by SMS: the line of a template that has one, filled in. */
void compose_sms(struct buf *out, const struct compose_config *config, const struct template *template, const cJSON *values);

#endif
