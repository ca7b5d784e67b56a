/* Preloaded into a daemon, makes chosen system calls fail: the Nth of one kind, once or for good, counted from the moment at
 * which the test arms it. The test and every process of the daemon share the control, a file that FAULTS_CONTROL names.
 *
 * Decided against libfiu: its preload knows neither accept4, epoll, eventfd, getrandom, clock_gettime, pthread_create nor
 * setsockopt, which are most of what a daemon of ours asks of the kernel, and it cannot fail "the Nth call, counted from now".
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define ERROR_SHORT (-1) /* instead of an errno: reads or writes one byte */
#define WHERE_BYTES 96
#define DESCRIPTORS_MAX 256

/* In the order of KINDS in tests/faults/system_calls.py. */
enum kind {
	ACCEPT,
	SOCKET,
	CONNECT,
	BIND,
	LISTEN,
	SET_OPTION,
	GET_OPTION,
	RECEIVE,
	SEND,
	SHUTDOWN,
	EPOLL_CREATE,
	EPOLL_CHANGE,
	EPOLL_WAIT,
	POLL,
	DESCRIPTOR,
	OPEN,
	FORK,
	THREAD,
	RANDOM,
	CLOCK,
	MAP,
	STAT,
	LIMIT,
	NAME,
};

/* Laid out as CONTROL in tests/faults/system_calls.py. */
static struct control {
	_Atomic int32_t is_armed;
	int32_t kind;
	int32_t error;       /* an errno; of NAME an EAI_*; or ERROR_SHORT */
	int32_t first, last; /* the calls that fail, from 1 */
	_Atomic int32_t seen, failed;
	_Atomic int32_t cut_port; /* the connections to this port are shut down by the next wait of a loop */
	char where[WHERE_BYTES];  /* the first call that failed, and the library that made it */
} * control;

__attribute__((constructor)) static void attach(void)
{
	const char *path = getenv("FAULTS_CONTROL");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *memory = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	if (memory != MAP_FAILED)
		control = memory;
}

/* Coverage is written when the process exits, and must not fail. */
static void disarm(void)
{
	control = NULL;
}

static void note(const char *call, const void *caller)
{
	Dl_info library = {0};
	const char *path = dladdr(caller, &library) && library.dli_fname ? library.dli_fname : "?", *slash = strrchr(path, '/');

	snprintf(control->where, sizeof control->where, "%s by %.60s", call, slash ? slash + 1 : path);
}

static bool fails(enum kind kind, const char *call, const void *caller)
{
	static bool will_disarm;
	int32_t number;

	if (!control || !atomic_load(&control->is_armed) || control->kind != (int32_t)kind)
		return false;
	number = atomic_fetch_add(&control->seen, 1) + 1;
	if (number < control->first || number > control->last)
		return false;
	if (atomic_fetch_add(&control->failed, 1) == 0)
		note(call, caller);
	if (!will_disarm)
		will_disarm = atexit(disarm) == 0;
	errno = control->error;
	return true;
}

/* Of the next library: ours would count the call. */
static int fstat_of_fd(int fd, struct stat *ret_stat)
{
	static int (*real)(int, struct stat *);

	if (!real)
		real = (int (*)(int, struct stat *))(uintptr_t)dlsym(RTLD_NEXT, "fstat");
	return real(fd, ret_stat);
}

static int shutdown_fd(int fd, int how)
{
	static int (*real)(int, int);

	if (!real)
		real = (int (*)(int, int))(uintptr_t)dlsym(RTLD_NEXT, "shutdown");
	return real(fd, how);
}

#define FAILS(kind, call) fails((kind), (call), __builtin_return_address(0))
#define IS_SHORT() (control->error == ERROR_SHORT)

/* Defines `type name parameters`, which fails or calls the next library's. */
#define WRAP_TO(kind, type, failure, name, parameters, arguments)                      \
	type name parameters                                                           \
	{                                                                              \
		static type(*real) parameters;                                         \
                                                                                       \
		if (!real)                                                             \
			real = (type(*) parameters)(uintptr_t)dlsym(RTLD_NEXT, #name); \
		return FAILS(kind, #name) ? (failure) : real arguments;                \
	}
#define WRAP(kind, name, parameters, arguments) WRAP_TO(kind, int, -1, name, parameters, arguments)

/* Not an eventfd, a signalfd or a pipe within the daemon, which have nothing behind them that could break. The log may be a
 * pipe. */
static bool is_breakable(int fd)
{
	struct stat is = {0}, log = {0};
	int before = errno;

	fstat_of_fd(fd, &is);
	fstat_of_fd(STDOUT_FILENO, &log);
	errno = before;
	return S_ISSOCK(is.st_mode) || S_ISREG(is.st_mode) || S_ISCHR(is.st_mode) ||
	       (S_ISFIFO(is.st_mode) && is.st_ino == log.st_ino);
}

/* A connection that failed in one direction is gone in both. */
static void break_connection(int fd)
{
	int error = errno;

	if (error == EPIPE || error == ECONNRESET || error == ETIMEDOUT)
		shutdown_fd(fd, SHUT_RDWR);
	errno = error;
}

/* Transfers one byte instead, if asked to: `shortened` are the arguments of that. */
#define WRAP_TRANSFER(kind, name, parameters, arguments, shortened)                       \
	ssize_t name parameters                                                           \
	{                                                                                 \
		static ssize_t(*real) parameters;                                         \
                                                                                          \
		if (!real)                                                                \
			real = (ssize_t(*) parameters)(uintptr_t)dlsym(RTLD_NEXT, #name); \
		if (!is_breakable(fd) || !FAILS(kind, #name))                             \
			return real arguments;                                            \
		if (IS_SHORT())                                                           \
			return real shortened;                                            \
		break_connection(fd);                                                     \
		return -1;                                                                \
	}

static size_t one(size_t len)
{
	return len < 1 ? len : 1;
}

static const struct iovec *one_of(const struct iovec *parts)
{
	static _Thread_local struct iovec part;

	part = (struct iovec){parts->iov_base, one(parts->iov_len)};
	return &part;
}

/* Stream sockets carry no names and no control data that must stay. */
static struct msghdr *one_of_message(const struct msghdr *message)
{
	static _Thread_local struct msghdr shortened;

	shortened = (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)one_of(message->msg_iov), .msg_iovlen = 1};
	return &shortened;
}

#define CONST_ADDRESS __CONST_SOCKADDR_ARG
#define ADDRESS __SOCKADDR_ARG

WRAP(ACCEPT, accept4, (int fd, ADDRESS address, socklen_t *len, int flags), (fd, address, len, flags))
WRAP(ACCEPT, accept, (int fd, ADDRESS address, socklen_t *len), (fd, address, len))
WRAP(SOCKET, socket, (int family, int type, int protocol), (family, type, protocol))
WRAP(CONNECT, connect, (int fd, CONST_ADDRESS address, socklen_t len), (fd, address, len))
WRAP(BIND, bind, (int fd, CONST_ADDRESS address, socklen_t len), (fd, address, len))
WRAP(LISTEN, listen, (int fd, int backlog), (fd, backlog))
WRAP(SET_OPTION, setsockopt, (int fd, int level, int name, const void *value, socklen_t len), (fd, level, name, value, len))
WRAP(GET_OPTION, getsockopt, (int fd, int level, int name, void *value, socklen_t *len), (fd, level, name, value, len))
WRAP(GET_OPTION, getsockname, (int fd, ADDRESS address, socklen_t *len), (fd, address, len))
WRAP(SHUTDOWN, shutdown, (int fd, int how), (fd, how))

WRAP_TRANSFER(RECEIVE, read, (int fd, void *bytes, size_t len), (fd, bytes, len), (fd, bytes, one(len)))
WRAP_TRANSFER(RECEIVE, recv, (int fd, void *bytes, size_t len, int flags), (fd, bytes, len, flags),
	      (fd, bytes, one(len), flags))
WRAP_TRANSFER(RECEIVE, recvfrom, (int fd, void *bytes, size_t len, int flags, ADDRESS address, socklen_t *address_len),
	      (fd, bytes, len, flags, address, address_len), (fd, bytes, one(len), flags, address, address_len))
WRAP_TRANSFER(RECEIVE, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags),
	      (fd, one_of_message(message), flags))
WRAP_TRANSFER(RECEIVE, readv, (int fd, const struct iovec *parts, int count), (fd, parts, count), (fd, one_of(parts), 1))

WRAP_TRANSFER(SEND, write, (int fd, const void *bytes, size_t len), (fd, bytes, len), (fd, bytes, one(len)))
WRAP_TRANSFER(SEND, send, (int fd, const void *bytes, size_t len, int flags), (fd, bytes, len, flags),
	      (fd, bytes, one(len), flags))
WRAP_TRANSFER(SEND, sendto, (int fd, const void *bytes, size_t len, int flags, CONST_ADDRESS address, socklen_t address_len),
	      (fd, bytes, len, flags, address, address_len), (fd, bytes, one(len), flags, address, address_len))
WRAP_TRANSFER(SEND, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags),
	      (fd, one_of_message(message), flags))
WRAP_TRANSFER(SEND, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count), (fd, one_of(parts), 1))

WRAP(EPOLL_CREATE, epoll_create1, (int flags), (flags))
WRAP(EPOLL_CREATE, epoll_create, (int size), (size))
WRAP(EPOLL_CHANGE, epoll_ctl, (int epoll, int what, int fd, struct epoll_event *event), (epoll, what, fd, event))
WRAP(POLL, poll, (struct pollfd * fds, nfds_t count, int ms), (fds, count, ms))
WRAP(DESCRIPTOR, eventfd, (unsigned start, int flags), (start, flags))
WRAP(DESCRIPTOR, pipe2, (int ends[2], int flags), (ends, flags))
WRAP(DESCRIPTOR, pipe, (int ends[2]), (ends))
WRAP(DESCRIPTOR, socketpair, (int family, int type, int protocol, int ends[2]), (family, type, protocol, ends))
WRAP(DESCRIPTOR, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags))
WRAP(DESCRIPTOR, timerfd_create, (clockid_t clock, int flags), (clock, flags))
WRAP_TO(FORK, pid_t, -1, fork, (void), ())
WRAP_TO(THREAD, int, errno, pthread_create,
	(pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *arg), void *arg),
	(thread, attributes, run, arg))
WRAP_TO(RANDOM, ssize_t, -1, getrandom, (void *bytes, size_t len, unsigned flags), (bytes, len, flags))
WRAP(CLOCK, clock_gettime, (clockid_t clock, struct timespec *now), (clock, now))
WRAP_TO(MAP, void *, MAP_FAILED, mmap, (void *at, size_t len, int protection, int flags, int fd, off_t offset),
	(at, len, protection, flags, fd, offset))
WRAP_TO(MAP, void *, MAP_FAILED, mmap64, (void *at, size_t len, int protection, int flags, int fd, off64_t offset),
	(at, len, protection, flags, fd, offset))
WRAP(STAT, fstat, (int fd, struct stat *stat), (fd, stat))
WRAP(STAT, fstat64, (int fd, struct stat64 *stat), (fd, stat))
WRAP(LIMIT, getrlimit, (__rlimit_resource_t what, struct rlimit *limit), (what, limit))
WRAP(LIMIT, getrlimit64, (__rlimit_resource_t what, struct rlimit64 *limit), (what, limit))
WRAP(LIMIT, setrlimit, (__rlimit_resource_t what, const struct rlimit *limit), (what, limit))
WRAP(LIMIT, setrlimit64, (__rlimit_resource_t what, const struct rlimit64 *limit), (what, limit))
WRAP_TO(NAME, int, errno, getaddrinfo,
	(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found), (host, port, hints, found))

WRAP_TO(OPEN, FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))
WRAP_TO(OPEN, FILE *, NULL, fopen64, (const char *path, const char *mode), (path, mode))
WRAP_TO(OPEN, DIR *, NULL, opendir, (const char *path), (path))

#define WRAP_OPEN(name, parameters, arguments)                                        \
	int name parameters                                                           \
	{                                                                             \
		static int(*real) parameters;                                         \
		mode_t mode = 0;                                                      \
		va_list list;                                                         \
                                                                                      \
		if (!real)                                                            \
			real = (int(*) parameters)(uintptr_t)dlsym(RTLD_NEXT, #name); \
		va_start(list, flags);                                                \
		if (flags & (O_CREAT | __O_TMPFILE))                                  \
			mode = va_arg(list, mode_t);                                  \
		va_end(list);                                                         \
		return FAILS(OPEN, #name) ? -1 : real arguments;                      \
	}

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))

/* ---- cutting connections ---- */

static bool leads_to(int fd, int port)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;

	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return false;
	if (peer.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&peer)->sin_port) == port;
	return peer.ss_family == AF_INET6 && ntohs(((struct sockaddr_in6 *)&peer)->sin6_port) == port;
}

static void cut_connections(void)
{
	int port = control ? atomic_exchange(&control->cut_port, 0) : 0;

	for (int fd = 3; port && fd < DESCRIPTORS_MAX; fd++)
		if (leads_to(fd, port))
			shutdown_fd(fd, SHUT_RDWR);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int ms)
{
	static int (*real)(int, struct epoll_event *, int, int);

	if (!real)
		real = (int (*)(int, struct epoll_event *, int, int))(uintptr_t)dlsym(RTLD_NEXT, "epoll_wait");
	cut_connections();
	return FAILS(EPOLL_WAIT, "epoll_wait") ? -1 : real(epoll, events, most, ms);
}
