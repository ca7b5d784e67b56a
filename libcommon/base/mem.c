#include "base/mem.h"

#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/standard_error.h"

/* System calls and nothing else: an allocation would fail again and recurse. */
void mem_die(const char *line)
{
	standard_error_write(line);
	abort();
}

static void *check(void *memory)
{
	if (memory)
		return memory;
	mem_die("out of memory\n");
}

void *mem_alloc(size_t bytes)
{
	return check(calloc(1, bytes ? bytes : 1));
}

void *mem_resize(void *old, size_t bytes)
{
	return check(realloc(old, bytes ? bytes : 1));
}

char *mem_strdup(const char *text)
{
	return check(strdup(text));
}

char *mem_strndup(const char *text, size_t len)
{
	return check(strndup(text, len));
}

char *mem_printf(const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return check(text);
}

void mem_free_secret(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

/* Only segments that were never writable, because the others hold relocated addresses, which no file has; and only their whole
 * pages. */
static int drop_segments(struct dl_phdr_info *object, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) / page * page;
		uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_filesz) / page * page;

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) && start < end)
			(void)madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void mem_drop_clean_pages(void)
{
	dl_iterate_phdr(drop_segments, NULL);
}
