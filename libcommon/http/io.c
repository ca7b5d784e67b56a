/* The buffers of an active connection: input that was not answered, and replies that were not sent. */
#include "http/server_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"

#define IO_BYTES 4096
#define IO_BYTES_KEPT (16 * 1024) /* a larger one is freed instead of kept for the next connection */
#define SPARES_MAX 32

struct http_io *http_io_take(struct http_server *server)
{
	struct http_io *io = server->spare_ios;

	if (io) {
		server->spare_ios = io->next;
		server->spare_ios_count--;
		return io;
	}
	io = mem_alloc(sizeof *io);
	io->capacity = IO_BYTES;
	io->in = mem_alloc(io->capacity);
	return io;
}

static void io_free(struct http_io *io)
{
	buf_free(&io->out);
	buf_free(&io->body);
	free(io->in);
	free(io);
}

void http_io_give(struct http_server *server, struct http_io *io)
{
	if (server->spare_ios_count == SPARES_MAX || io->capacity + io->out.capacity > IO_BYTES_KEPT) {
		io_free(io);
		return;
	}
	buf_free(&io->body);
	io->start = io->end = io->sent = io->body_sent = io->out.len = 0;
	io->next = server->spare_ios;
	server->spare_ios = io;
	server->spare_ios_count++;
}

void http_io_free_spares(struct http_server *server)
{
	struct http_io *io;

	while ((io = server->spare_ios)) {
		server->spare_ios = io->next;
		io_free(io);
	}
}

bool http_io_has_input(const struct http_io *io)
{
	return io && io->start < io->end;
}

bool http_io_has_output(const struct http_io *io)
{
	return io && (io->sent < io->out.len || io->body_sent < io->body.len);
}

size_t http_io_bytes(const struct http_io *io)
{
	return io ? io->capacity + io->out.capacity + io->body.capacity : 0;
}

void http_io_reserve(struct http_io *io, size_t message_bytes)
{
	if (message_bytes <= io->capacity - io->start)
		return;
	io->capacity = io->start + message_bytes;
	io->in = mem_resize(io->in, io->capacity);
}

bool http_io_make_room(struct http_io *io, size_t bytes_max)
{
	if (io->start > 0) {
		memmove(io->in, io->in + io->start, io->end - io->start);
		io->end -= io->start;
		io->start = 0;
	}
	if (io->end == io->capacity && io->capacity < bytes_max)
		http_io_reserve(io, io->capacity * 2);
	return io->end < io->capacity;
}

/* send(2) where there is one part: the kernel copies no list of parts then. */
static ssize_t send_parts(const struct http_io *io, int fd)
{
	struct iovec parts[2];
	struct msghdr message = {.msg_iov = parts};

	if (io->body.len == 0)
		return send(fd, io->out.bytes + io->sent, io->out.len - io->sent, MSG_NOSIGNAL);
	if (io->sent < io->out.len)
		parts[message.msg_iovlen++] = (struct iovec){io->out.bytes + io->sent, io->out.len - io->sent};
	parts[message.msg_iovlen++] = (struct iovec){io->body.bytes + io->body_sent, io->body.len - io->body_sent};
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

ssize_t http_io_send(struct http_io *io, int fd)
{
	size_t head = io->out.len - io->sent;
	ssize_t n = send_parts(io, fd);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	io->sent += (size_t)n < head ? (size_t)n : head;
	io->body_sent += (size_t)n < head ? 0 : (size_t)n - head;
	if (!http_io_has_output(io)) {
		io->out.len = io->sent = io->body_sent = 0;
		buf_free(&io->body);
	}
	return n;
}
