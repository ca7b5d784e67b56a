/* One connection to a server, from its first byte to its end. The input is a script, two bytes a step: what the client does,
 * and with how many of the bytes that follow. Invariants:
 * - whatever comes before a reply's first byte is a reply: what goes out starts with "HTTP/1.1 ";
 * - each request that reached a handler is dropped once, and nothing is in flight when the connection has ended;
 * - a client has an address, a page a limit within its bounds, and a name that a WebSocket offered has no byte that ends a
 * field;
 * - a connection that has ended holds no memory (AddressSanitizer), and one that is idle no buffer. */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "fuzz.h"
#include "http/server_internal.h"
#include "websocket/websocket.h"

#define TURNS 4
#define LIMIT_MAX 50

enum step { SEND, SEND_TOO, SEND_MORE, SEND_LAST, ANSWER, READ, SHUT, RESET, STEPS };

static struct event_base *base;
static struct http_server *server;
static struct websockets *group;
static struct http_request *slow; /* waits for the script to answer it */
static unsigned begun, dropped;

static void note_dropped(void *memory)
{
	dropped++;
	slow = NULL;
}

static void begin_slowly(struct http_request *req)
{
	http_request_alloc(req, 10, note_dropped);
	begun++;
	slow = req;
}

static void say(struct http_request *req)
{
	const char *name = http_request_query(req, "name");

	http_reply(req, 200, "text/plain", name ? name : "hello", name ? strlen(name) : 5);
}

static void say_large(struct http_request *req)
{
	struct buf text = {0};

	for (int i = 0; i < 500; i++)
		buf_text(&text, "0123456789");
	http_reply_buf(req, 200, &text);
}

static void echo(void *conn)
{
	struct http_connection *upgraded = *(struct http_connection **)conn;

	evbuffer_add_buffer(http_upgrade_output(upgraded), http_upgrade_input(upgraded));
	http_upgrade_write(upgraded);
}

static void ignore(void *conn)
{
}

static void upgrade(struct http_request *req)
{
	static const struct http_upgrade_calls calls = {echo, ignore, ignore, ignore, free};
	struct http_connection **conn = mem_alloc(sizeof *conn);

	if (http_request_can_upgrade(req))
		*conn = http_reply_upgrade(req, &calls, 64, conn);
	else
		http_reply_fail(req, 400, "bad_request", "No.");
	if (!*conn)
		free(conn);
}

static void page(struct http_request *req)
{
	bool is_pair = http_request_query(req, "pairs") != NULL;
	struct in6_addr address;
	struct http_page read;

	require(inet_pton(AF_INET, http_request_remote_ip(req), &address) == 1 ||
		inet_pton(AF_INET6, http_request_remote_ip(req), &address) == 1);
	if (!(is_pair ? http_page_read_by(req, 20, LIMIT_MAX, &read) : http_page_read(req, 20, LIMIT_MAX, &read)))
		return;
	require(read.limit >= 1 && read.limit <= LIMIT_MAX && read.after >= 0 && read.after_number >= -1);
	require(is_pair || read.after_number == -1);
	http_page_link_next(req, &read, 7);
	http_reply(req, 200, "text/plain", http_request_id(req), strlen(http_request_id(req)));
}

static void show_json(struct http_request *req)
{
	char *json = cJSON_PrintUnformatted(http_request_json(req));

	http_reply(req, 200, "application/json", json, strlen(json));
	free(json);
}

static void note_message(struct websocket *ws, const char *text, size_t len, void *arg)
{
	websocket_send(ws, text, len);
}

static void note_closed(struct websocket *ws, enum websocket_end end, void *arg)
{
}

static void listen_live(struct http_request *req)
{
	char name[20];
	bool has_name = websocket_offer(req, 0, name, sizeof name);

	for (const char *c = name; has_name && *c; c++)
		require((unsigned char)*c >= ' ' || *c == '\t');
	(void)!websocket_accept(group, req, has_name && strcmp(name, "abacus") == 0 ? "abacus" : NULL, NULL);
}

static const struct http_route routes[] = {
	{"GET", "/", say, false, false},
	{"GET", "/{name}", say, false, false},
	{"POST", "/", say, false, true},
	{"GET", "/a/slow", begin_slowly, false, false},
	{"GET", "/a/large", say_large, false, false},
	{"GET", "/a/up", upgrade, false, false},
	{"GET", "/a/live", listen_live, false, false},
	{"GET", "/b/{name}/page", page, false, false},
	{"POST", "/a/json", show_json, false, true},
	{0},
};

static void set_up(void)
{
	struct http_config config = {.body_bytes_max = 1024,
				     .buffer_bytes_max = 1 << 20,
				     .header_bytes_max = 1024,
				     .read_timeout_s = 3600,
				     .idle_timeout_s = 3600,
				     .deadline_ms = 3600000,
				     .connections_max = 10,
				     .trusted_proxies = (char *)(uintptr_t) "127.0.0.0/8"};

	static const struct websocket_limits limits = {.message_bytes_max = 256,
						       .output_bytes_max = 4096,
						       .ping_ms = 3600000,
						       .pong_ms = 3600000,
						       .close_ms = 3600000};
	static const struct websocket_calls calls = {.message = note_message, .closed = note_closed};

	signal(SIGPIPE, SIG_IGN);
	log_init("fuzz", "fuzz", LOG_ERROR + 1);
	base = loop_new();
	server = http_server_new(base, &config, routes, NULL);
	group = websockets_new(base, &limits, &calls);
	http_server_set_quiet(server);
}

static void turn(void)
{
	for (int i = 0; i < TURNS; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void read_all(int fd, bool *has_read)
{
	char bytes[16384];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

	if (n > 0 && !*has_read)
		require(n >= 9 && memcmp(bytes, "HTTP/1.1 ", 9) == 0);
	*has_read |= n > 0;
}

static void run_step(int fd, enum step step, const uint8_t *bytes, size_t len, bool *has_read)
{
	if (step <= SEND_LAST)
		(void)!send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	else if (step == ANSWER && slow)
		say_large(slow);
	else if (step == READ)
		read_all(fd, has_read);
	else if (step == SHUT)
		shutdown(fd, SHUT_WR);
	else if (step == RESET)
		shutdown(fd, SHUT_RDWR);
	turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_in trusted = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_storage peer = {0};
	bool has_read = false;
	int fds[2];

	if (!server)
		set_up();
	memcpy(&peer, &trusted, sizeof trusted);
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	http_connection_accept(server, fds[0], &peer);
	while (size >= 2) {
		enum step step = data[0] % STEPS;
		size_t len = step > SEND_LAST ? 0 : data[1] < size - 2 ? data[1] : size - 2;

		run_step(fds[1], step, data + 2, len, &has_read);
		data += 2 + len;
		size -= 2 + len;
	}
	if (slow)
		say(slow);
	turn();
	for (struct http_connection *conn = TAILQ_FIRST(&server->connections[HTTP_IDLE]); conn; conn = TAILQ_NEXT(conn, link))
		require(!conn->io && !conn->request);
	close(fds[1]);
	turn();
	for (enum http_state state = 0; state < HTTP_CLOSED; state++)
		while (!TAILQ_EMPTY(&server->connections[state]))
			http_connection_close(TAILQ_FIRST(&server->connections[state]));
	turn();
	require(begun == dropped && http_server_in_flight(server) == 0 && websockets_count(group) == 0);
	return 0;
}
