#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"

/* As read(2) does: bytes, or -1 with errno. */
typedef ssize_t source(int fd, void *bytes, size_t len);

static ssize_t from_kernel(int fd, void *bytes, size_t len)
{
	return getrandom(bytes, len, 0);
}

static bool fill_from(source *next, int fd, char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = next(fd, bytes, len);

		if (n <= 0 && !(n < 0 && errno == EINTR))
			return false;
		bytes += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* For a sandbox that does not know getrandom(2). */
static bool fill_from_device(char *bytes, size_t len)
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	bool is_filled = fd >= 0 && fill_from(read, fd, bytes, len);

	if (fd >= 0)
		close(fd);
	return is_filled;
}

void random_fill(void *bytes, size_t len)
{
	if (!fill_from(from_kernel, -1, bytes, len) && !fill_from_device(bytes, len))
		mem_die("the kernel gives no random bytes\n");
}

static unsigned char kept[1024];
static size_t used = sizeof kept;

void random_forget(void)
{
	used = sizeof kept;
}

void random_id(void *ret_bytes, size_t len)
{
	if (len > RANDOM_ID_BYTES_MAX)
		mem_die("an id is too long\n");
	if (sizeof kept - used < len) {
		random_fill(kept, sizeof kept);
		used = 0;
	}
	memcpy(ret_bytes, kept + used, len);
	used += len;
}

void random_hex(char *ret_text, size_t digits)
{
	static const char alphabet[] = "0123456789abcdef";
	unsigned char bytes[RANDOM_ID_BYTES_MAX];

	random_id(bytes, digits / 2);
	for (size_t i = 0; i < digits / 2; i++) {
		*ret_text++ = alphabet[bytes[i] >> 4];
		*ret_text++ = alphabet[bytes[i] & 15];
	}
	*ret_text = '\0';
}
