/* SMTP (RFC 5321) by libcurl, on a pool of threads, because its multi interface blocks while it waits for the reply to a
 * message (docs/decisions/0021-mail.md). libcurl verifies the server's certificate and name; by smtp:// it asks for STARTTLS
 * and sends nothing without it (RFC 3207). The server is looked up for each message (peer.h), which then has a connection of
 * its own. */
#ifndef ABACUS_MAILER_SMTP_H
#define ABACUS_MAILER_SMTP_H

#include <stddef.h>

#include "base/scope.h"
#include "mail/mail.h"

#define MAILER_CONNECTIONS_MAX 64

struct event_base;
struct smtp;
struct smtp_config {
	const char *url; /* checked */
	const char *ca_file;
	const char *from; /* an address */
	bool starttls;
	long timeout_s, connections;
};

/* What is wrong with the URL, a static text without any part of it; NULL when it is valid. */
const char *smtp_url_problem(const char *url);
/* The password of a valid URL, percent-decoded and malloc'ed, to be freed by mem_free_secret(); NULL when it has none. */
char *smtp_url_password(const char *url);
struct smtp *smtp_new(struct event_base *base, const struct smtp_config *config);
/* What is being sent is dropped within some two seconds; no callback runs. */
void smtp_free(struct smtp *smtp);

/* Sends the message (RFC 5322, lines ending with CRLF), malloc'ed, which the call owns from now on. counts:
 * against the limits, because the server has the message, may have it, or refused it for good: a domain that gets many messages
 * to addresses that it does not have distrusts their sender. code: the last reply of the server, 0: none. reason: static. At
 * most `connections` at once. */
typedef void smtp_sent(enum mail_result result, bool counts, long code, const char *reason, void *arg);
void smtp_send(struct smtp *smtp, const char *recipient, char *message, size_t len, smtp_sent *sent, void *arg);

#endif
