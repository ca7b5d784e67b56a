/* GET /status/…: the operators' page. Its files (dashboard/, some of them links to services/theme) are linked into this
 * program, so that the page needs nothing but the daemon. Browsers ask for them each time, and get 304 while they have not
 * changed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "http/reply.h"
#include "service.h"

/* The linker's names for a file's first byte and the one after its last: see `ld -r -b binary` in the Makefile. */
#define FILE_OF(name)                                                              \
	extern const char _binary_services_healthcheck_dashboard_##name##_start[]; \
	extern const char _binary_services_healthcheck_dashboard_##name##_end[]
FILE_OF(index_html);
FILE_OF(app_js);
FILE_OF(parts_js);
FILE_OF(graphs_js);
FILE_OF(readout_js);
FILE_OF(series_js);
FILE_OF(requests_js);
FILE_OF(session_js);
FILE_OF(stream_js);
FILE_OF(admin_js);
FILE_OF(words_js);
FILE_OF(style_css);
FILE_OF(tokens_css);
FILE_OF(theme_js);
FILE_OF(inter_woff2);
FILE_OF(icon_svg);

#define SPAN_OF(name) _binary_services_healthcheck_dashboard_##name##_start, _binary_services_healthcheck_dashboard_##name##_end

static const struct page_file {
	const char *name, *content_type, *start, *end;
} files[] = {
	{"", "text/html; charset=utf-8", SPAN_OF(index_html)},
	{"app.js", "text/javascript; charset=utf-8", SPAN_OF(app_js)},
	{"parts.js", "text/javascript; charset=utf-8", SPAN_OF(parts_js)},
	{"graphs.js", "text/javascript; charset=utf-8", SPAN_OF(graphs_js)},
	{"readout.js", "text/javascript; charset=utf-8", SPAN_OF(readout_js)},
	{"series.js", "text/javascript; charset=utf-8", SPAN_OF(series_js)},
	{"requests.js", "text/javascript; charset=utf-8", SPAN_OF(requests_js)},
	{"session.js", "text/javascript; charset=utf-8", SPAN_OF(session_js)},
	{"stream.js", "text/javascript; charset=utf-8", SPAN_OF(stream_js)},
	{"admin.js", "text/javascript; charset=utf-8", SPAN_OF(admin_js)},
	{"words.js", "text/javascript; charset=utf-8", SPAN_OF(words_js)},
	{"style.css", "text/css; charset=utf-8", SPAN_OF(style_css)},
	{"tokens.css", "text/css; charset=utf-8", SPAN_OF(tokens_css)},
	{"theme.js", "text/javascript; charset=utf-8", SPAN_OF(theme_js)},
	{"inter.woff2", "font/woff2", SPAN_OF(inter_woff2)},
	{"icon.svg", "image/svg+xml", SPAN_OF(icon_svg)},
};

/* NULL: the page itself. */
static const struct page_file *find(const char *name)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (strcmp(files[i].name, name ? name : "") == 0)
			return &files[i];
	return NULL;
}

/* FNV-1a, 64 bits: enough for an ETag, because an attacker would gain nothing from a collision. */
static uint64_t hash(const struct page_file *file)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (const char *at = file->start; at < file->end; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
	return hash;
}

static void add_headers(struct http_request *req, const char *etag)
{
	http_reply_header(req, "ETag", etag);
	http_reply_header(req, "Cache-Control", "no-cache");
	http_reply_header(req, "X-Content-Type-Options", "nosniff");
	http_reply_header(req, "X-Frame-Options", "DENY");
	http_reply_header(req, "Referrer-Policy", "no-referrer");
	http_reply_header(req, "Content-Security-Policy",
			  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
			  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

void page_show(struct http_request *req)
{
	const struct page_file *file = find(http_request_param(req, "file"));
	const char *known = http_request_header(req, "If-None-Match");
	char etag[24];

	if (!file)
		return http_reply_status(req, STATUS_NOT_FOUND);
	snprintf(etag, sizeof etag, "\"%016" PRIx64 "\"", hash(file));
	add_headers(req, etag);
	if (known && (strstr(known, etag) || strcmp(known, "*") == 0))
		return http_reply(req, 304, NULL, "", 0);
	http_reply(req, 200, file->content_type, file->start, (size_t)(file->end - file->start));
}

/* The page's own links are relative, so its address must end with a slash. */
void page_redirect(struct http_request *req)
{
	http_reply_header(req, "Location", "/status/");
	http_reply(req, 308, "text/plain; charset=utf-8", "", 0);
}
