/* Preloaded into a program, moves its wall clock by the seconds that the file named by CLOCK_AHEAD holds, an int64_t, which a
 * test may change at any time. Every other clock goes on as always.
 *
 * Decided against libfaketime: redis-server's allocator asks for the time before that library is ready, and neither goes on. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *ahead_s;

__attribute__((constructor)) static void open_ahead(void)
{
	const char *path = getenv("CLOCK_AHEAD");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *memory = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *ahead_s, PROT_READ, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED) {
		fprintf(stderr, "CLOCK_AHEAD: no file that can be read\n");
		_exit(70);
	}
	close(fd);
	ahead_s = memory;
}

static int64_t ahead(void)
{
	return ahead_s ? atomic_load(ahead_s) : 0;
}

static int real_clock(clockid_t id, struct timespec *now)
{
	return (int)syscall(SYS_clock_gettime, id, now);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
	int failed = real_clock(id, now);

	if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		now->tv_sec += ahead();
	return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec real;

	(void)zone;
	if (real_clock(CLOCK_REALTIME, &real) < 0)
		return -1;
	now->tv_sec = real.tv_sec + ahead();
	now->tv_usec = real.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *ret_now)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (ret_now)
		*ret_now = now.tv_sec;
	return now.tv_sec;
}
