/* Looks up names with evdns, around two faults of libevent 2.1: evdns_getaddrinfo() for both families at once still uses the
 * evdns_base after its callback, and freeing the base while an answer is queued reads freed memory. So each family is asked for
 * alone, which has exactly one callback whatever happens, and the base is freed from the loop after the last callback.
 *
 *   start -> asking (A, AAAA) -> both answered, or one and the grace time is over -> reported -> freed after both callbacks
 *
 * evdns answers a name of the hosts file inside the call; deferring the report keeps the law of asynchronous calls then too. */
#include "net/resolver.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

#define GRACE_MS 300 /* for the second family after the first has answered, because some name servers never answer AAAA */
#define FAMILIES 2

struct question {
	struct resolver_lookup *lookup;
	struct evdns_getaddrinfo_request *request; /* NULL: evdns does not have it */
	bool is_asked;                             /* its callback has not run yet */
	int result;                                /* EVUTIL_EAI_*, 0 */
};

struct resolver_lookup {
	struct resolver *resolver;
	TAILQ_ENTRY(resolver_lookup) link;
	struct question questions[FAMILIES];
	struct resolver_addresses addresses;
	struct loop_timer *grace;
	bool is_due, is_over, is_reported; /* over: does not wait for a family that has not answered */
	resolver_lookup_done *done;
	void *arg;
};
TAILQ_HEAD(resolver_lookups, resolver_lookup);

struct resolver {
	struct event_base *base;
	struct evdns_base *dns; /* NULL until the first name */
	struct loop_deferred *deferred;
	struct resolver_lookups due;
	char *nameserver;
	unsigned lookups;
	bool is_freed; /* free it as soon as the last look-up is gone */
};

static void run_due(void *arg);

struct resolver *resolver_new(struct event_base *base)
{
	struct resolver *resolver = mem_alloc(sizeof *resolver);

	resolver->base = base;
	resolver->deferred = loop_deferred_new(base, run_due, resolver);
	TAILQ_INIT(&resolver->due);
	return resolver;
}

static void resolver_drop(struct resolver *resolver)
{
	if (resolver->dns)
		evdns_base_free(resolver->dns, 0);
	loop_deferred_free(resolver->deferred);
	free(resolver->nameserver);
	free(resolver);
}

void resolver_free(struct resolver *resolver)
{
	resolver->is_freed = true;
	run_due(resolver);
}

enum status resolver_set_nameserver(struct resolver *resolver, const char *address)
{
	struct sockaddr_storage parsed;
	int len = sizeof parsed;

	if (evutil_parse_sockaddr_port(address, (struct sockaddr *)&parsed, &len) < 0)
		return STATUS_INVALID;
	free(resolver->nameserver);
	resolver->nameserver = mem_strdup(address);
	return STATUS_OK;
}

static void log_dns(int is_warning, const char *text)
{
	if (is_warning)
		log_line(LOG_WARN, "name server", LOG_TEXT("reason", text));
}

/* The default time-out of 5 s would let one lost datagram cost a whole poll, and random case would lose the answers of name
 * servers that do not keep a name's case. A time-out in resolv.conf is read later and wins. */
static struct evdns_base *dns_of(struct resolver *resolver)
{
	if (resolver->dns)
		return resolver->dns;
	resolver->dns = evdns_base_new(resolver->base, 0);
	if (!resolver->dns)
		mem_die("no name resolver can be made\n");
	evdns_set_log_fn(log_dns);
	evdns_base_set_option(resolver->dns, "timeout:", "1");
	evdns_base_set_option(resolver->dns, "randomize-case:", "0");
	if (resolver->nameserver) {
		evdns_base_load_hosts(resolver->dns, "/etc/hosts");
		evdns_base_nameserver_ip_add(resolver->dns, resolver->nameserver);
	} else {
		evdns_base_resolv_conf_parse(resolver->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
	}
	return resolver->dns;
}

static void make_due(struct resolver_lookup *lookup)
{
	if (lookup->is_due)
		return;
	lookup->is_due = true;
	TAILQ_INSERT_TAIL(&lookup->resolver->due, lookup, link);
	loop_deferred_schedule(lookup->resolver->deferred);
}

static bool same(const union resolver_address *a, const union resolver_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->ipv4.sin_addr.s_addr == b->ipv4.sin_addr.s_addr;
	return memcmp(&a->ipv6.sin6_addr, &b->ipv6.sin6_addr, sizeof a->ipv6.sin6_addr) == 0;
}

static void add_address(struct resolver_addresses *addresses, const struct sockaddr *address, size_t len)
{
	union resolver_address added = {0};

	if (addresses->count == RESOLVER_ADDRESSES_MAX || len > sizeof added)
		return;
	memcpy(&added, address, len);
	for (size_t i = 0; i < addresses->count; i++)
		if (same(&addresses->list[i], &added))
			return;
	addresses->list[addresses->count++] = added;
}

static unsigned asked(const struct resolver_lookup *lookup)
{
	unsigned count = 0;

	for (int i = 0; i < FAMILIES; i++)
		count += lookup->questions[i].is_asked;
	return count;
}

static void answered(int result, struct evutil_addrinfo *answers, void *arg)
{
	struct question *question = arg;
	struct resolver_lookup *lookup = question->lookup;

	question->is_asked = false;
	question->request = NULL;
	question->result = result;
	if (!lookup->is_over)
		for (struct evutil_addrinfo *answer = answers; answer; answer = answer->ai_next)
			add_address(&lookup->addresses, answer->ai_addr, answer->ai_addrlen);
	if (answers)
		evutil_freeaddrinfo(answers);
	if (asked(lookup) > 0 && lookup->addresses.count > 0 && !lookup->is_over)
		loop_timer_start(lookup->grace, GRACE_MS);
	if (asked(lookup) == 0)
		make_due(lookup);
}

static void grace_ended(void *arg)
{
	struct resolver_lookup *lookup = arg;

	lookup->is_over = true;
	make_due(lookup);
}

static void ask(struct resolver_lookup *lookup, const char *host)
{
	static const int families[FAMILIES] = {AF_INET, AF_INET6};
	struct evdns_base *dns = dns_of(lookup->resolver);

	for (int i = 0; i < FAMILIES; i++)
		lookup->questions[i] = (struct question){.lookup = lookup, .is_asked = true};
	for (int i = 0; i < FAMILIES; i++) {
		struct evutil_addrinfo hints = {.ai_family = families[i], .ai_socktype = SOCK_STREAM};
		struct evdns_getaddrinfo_request *request =
			evdns_getaddrinfo(dns, host, NULL, &hints, answered, &lookup->questions[i]);

		if (lookup->questions[i].is_asked)
			lookup->questions[i].request = request;
	}
}

static bool parse(const char *host, union resolver_address *ret_address)
{
	union resolver_address address = {0};

	if (inet_pton(AF_INET, host, &address.ipv4.sin_addr) == 1)
		address.any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &address.ipv6.sin6_addr) == 1)
		address.any.sa_family = AF_INET6;
	else
		return false;
	*ret_address = address;
	return true;
}

bool resolver_is_address(const char *host)
{
	union resolver_address address;

	return parse(host, &address);
}

const char *resolver_address_format(const union resolver_address *address, char text[INET6_ADDRSTRLEN])
{
	const void *bytes =
		address->any.sa_family == AF_INET ? (const void *)&address->ipv4.sin_addr : &address->ipv6.sin6_addr;

	return inet_ntop(address->any.sa_family, bytes, text, INET6_ADDRSTRLEN);
}

struct resolver_lookup *resolver_look_up(struct resolver *resolver, const char *host, resolver_lookup_done *done, void *arg)
{
	struct resolver_lookup *lookup = mem_alloc(sizeof *lookup);

	*lookup = (struct resolver_lookup){.resolver = resolver, .done = done, .arg = arg};
	lookup->grace = loop_timer_new(resolver->base, grace_ended, lookup);
	resolver->lookups++;
	if (parse(host, &lookup->addresses.list[0])) {
		lookup->addresses.count = 1;
		make_due(lookup);
	} else {
		ask(lookup, host);
	}
	return lookup;
}

void resolver_lookup_drop(struct resolver_lookup *lookup)
{
	lookup->is_reported = lookup->is_over = true;
	make_due(lookup);
}

/* evdns distinguishes only "there is no such name"; to it, "no address of this family" is a failure like any other. The result
 * is 0 for a name of the hosts file that has no address of the family. */
static bool is_no_name(int result)
{
	return result == 0 || result == EVUTIL_EAI_NONAME;
}

static void report(struct resolver_lookup *lookup)
{
	lookup->is_reported = true;
	if (lookup->addresses.count > 0)
		lookup->done(STATUS_OK, &lookup->addresses, "", lookup->arg);
	else if (is_no_name(lookup->questions[0].result) && is_no_name(lookup->questions[1].result))
		lookup->done(STATUS_NOT_FOUND, NULL, "there is no such name", lookup->arg);
	else
		lookup->done(STATUS_UNAVAILABLE, NULL, "the name servers know no address of the name", lookup->arg);
}

/* evdns returns what it still has from the loop, as cancelled, and the look-up becomes due again. */
static void recall(struct resolver_lookup *lookup)
{
	for (int i = 0; i < FAMILIES; i++) {
		struct evdns_getaddrinfo_request *request = lookup->questions[i].request;

		lookup->questions[i].request = NULL;
		if (request)
			evdns_getaddrinfo_cancel(request);
	}
}

static void lookup_free(struct resolver_lookup *lookup)
{
	lookup->resolver->lookups--;
	loop_timer_free(lookup->grace);
	free(lookup);
}

/* Runs from the loop, so that no function of evdns is on the stack. */
static void run_due(void *arg)
{
	struct resolver *resolver = arg;
	struct resolver_lookup *lookup;

	while ((lookup = TAILQ_FIRST(&resolver->due))) {
		TAILQ_REMOVE(&resolver->due, lookup, link);
		lookup->is_due = false;
		loop_timer_stop(lookup->grace);
		if (!lookup->is_reported)
			report(lookup);
		if (asked(lookup) > 0)
			recall(lookup);
		else if (!lookup->is_due)
			lookup_free(lookup);
	}
	if (resolver->is_freed && resolver->lookups == 0)
		resolver_drop(resolver);
}
