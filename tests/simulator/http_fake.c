#include "http_fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MEMORIES_MAX 4

struct http_request {
	struct process *process; /* NULL: not in use */
	struct scope scope;
	cJSON *json;
	char id[64];
	int64_t user_id;
	http_answered *answered;
	void *arg;
	int count;
	void *memories[MEMORIES_MAX];
	void (*drops[MEMORIES_MAX])(void *memory);
};

static struct http_request requests[REQUESTS_MAX];

struct http_request *request_new(struct process *process, cJSON *json, const char *id, http_answered *answered, void *arg)
{
	struct http_request *req = requests;

	while (req < requests + REQUESTS_MAX && req->process)
		req++;
	if (req == requests + REQUESTS_MAX) {
		cJSON_Delete(json);
		return NULL;
	}
	*req = (struct http_request){.process = process, .json = json, .answered = answered, .arg = arg};
	snprintf(req->id, sizeof req->id, "%s", id);
	scope_init(&req->scope);
	return req;
}

/* ---- its end ---- */

/* A process that is killed runs no destructor. */
static void end(struct http_request *req, const struct http_answer *answer, bool is_killed)
{
	struct process *process = req->process;

	scope_cancel(&req->scope);
	req->answered(process, answer, req->arg);
	for (int i = 0; i < req->count; i++) {
		if (!is_killed && req->drops[i])
			req->drops[i](req->memories[i]);
		free(req->memories[i]);
	}
	cJSON_Delete(req->json);
	req->process = NULL;
}

static void reply(struct http_request *req, const struct http_answer *answer)
{
	trace("answers", req - requests, answer->code);
	if (!req->process)
		promise_broken("a request was answered twice, or after its client left", "");
	end(req, answer, false);
}

static struct http_request *any_open(void)
{
	struct http_request *chosen = NULL;
	unsigned count = 0;

	for (int i = 0; i < REQUESTS_MAX; i++)
		if (requests[i].process && requests[i].process->stopped_until_us <= now_us && chance_of(1, ++count))
			chosen = &requests[i];
	return chosen;
}

void requests_disconnect(void)
{
	struct http_request *req = any_open();

	if (!req)
		return;
	trace("a client leaves users", req - requests, 0);
	current_process = req->process;
	end(req, NULL, false);
	current_process = NULL;
}

void requests_forget(const struct process *process)
{
	for (int i = 0; i < REQUESTS_MAX; i++)
		if (requests[i].process == process)
			end(&requests[i], NULL, true);
}

bool requests_are_open(void)
{
	for (int i = 0; i < REQUESTS_MAX; i++)
		if (requests[i].process)
			return true;
	return false;
}

void requests_reset(void)
{
	memset(requests, 0, sizeof requests);
}

/* ---- what handlers read ---- */

void *http_request_service(const struct http_request *req)
{
	return req->process->users;
}

struct scope *http_request_scope(struct http_request *req)
{
	return &req->scope;
}

void *http_request_alloc(struct http_request *req, size_t bytes, void (*drop)(void *memory))
{
	void *memory = mem_alloc(bytes);

	if (req->count == MEMORIES_MAX)
		mem_die("a request allocates too often\n");
	req->drops[req->count] = drop;
	req->memories[req->count++] = memory;
	return memory;
}

const cJSON *http_request_json(const struct http_request *req)
{
	return req->json;
}

const char *http_request_param(const struct http_request *req, const char *name)
{
	return req->id;
}

const char *http_request_header(const struct http_request *req, const char *name)
{
	return NULL;
}

const char *http_request_remote_ip(struct http_request *req)
{
	return "192.0.2.1";
}

void http_request_set_user(struct http_request *req, int64_t user_id)
{
	req->user_id = user_id;
}

int64_t http_request_user_id(const struct http_request *req)
{
	return req->user_id;
}

/* ---- how they answer ---- */

void http_reply_header(struct http_request *req, const char *name, const char *value)
{
}

void http_reply_buf(struct http_request *req, int code, struct buf *json)
{
	reply(req, &(struct http_answer){.code = code, .body = json->bytes});
	buf_free(json);
}

void http_reply_success(struct http_request *req, int code, const char *message, cJSON *data)
{
	cJSON_Delete(data);
	reply(req, &(struct http_answer){.code = code});
}

void http_reply_fail(struct http_request *req, int code, const char *code_word, const char *message)
{
	reply(req, &(struct http_answer){.code = code, .code_word = code_word});
}

void http_reply_status(struct http_request *req, enum status status)
{
	reply(req, &(struct http_answer){.code = 503, .code_word = "failed"});
}

void http_reply_invalid(struct http_request *req, cJSON *errors)
{
	cJSON_Delete(errors);
	promise_broken("a request of the simulator's own is invalid", "");
}

cJSON *http_errors_add(cJSON *errors, const char *field, const char *message)
{
	return errors ? errors : cJSON_CreateArray();
}
