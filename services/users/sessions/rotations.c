/* Flow: rotations_add -> (end of the loop's turn) send_group -> rotated -> each rotation's `done` -> the next group. */
#include "sessions/rotations.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/json_write.h"
#include "base/loop.h"
#include "base/mem.h"
#include "service.h"
#include "sessions/session.h"
#include "store/sessions.h"

#define GROUP_MAX 128

struct rotation {
	struct op op; /* in the request's scope */
	struct rotations *rotations;
	struct refresh_token token;
	bool is_cookie, is_sent;
	char address[INET6_ADDRSTRLEN];
	rotations_done *done;
	void *arg;
	TAILQ_ENTRY(rotation) link;
};

struct rotations {
	struct users *users;
	struct scope scope;
	struct loop_deferred *send;
	TAILQ_HEAD(, rotation) waiting;
	struct rotation *group[GROUP_MAX]; /* on its way to Postgres */
	int group_count;
};

static void send_group(void *arg);
static void rotated(enum status status, const struct postgres_rows *rows, void *arg);

/* The client has disconnected. One that is in the group stays there until its answer. */
static void cancelled(struct op *op)
{
	struct rotation *rotation = (struct rotation *)((char *)op - offsetof(struct rotation, op));

	if (rotation->is_sent)
		return;
	TAILQ_REMOVE(&rotation->rotations->waiting, rotation, link);
	free(rotation);
}

void rotations_add(struct rotations *rotations, struct scope *scope, const struct refresh_token *token, bool is_cookie,
		   const char *address, rotations_done *done, void *arg)
{
	struct rotation *rotation = mem_alloc(sizeof *rotation);

	rotation->rotations = rotations;
	rotation->token = *token;
	rotation->is_cookie = is_cookie;
	snprintf(rotation->address, sizeof rotation->address, "%s", address);
	rotation->done = done;
	rotation->arg = arg;
	op_start_queued(scope, &rotation->op, cancelled);
	TAILQ_INSERT_TAIL(&rotations->waiting, rotation, link);
	loop_deferred_schedule(rotations->send);
}

static void add_json(struct buf *json, int place, const struct rotation *rotation)
{
	char id[37];

	jwt_jti_format(rotation->token.session, id);
	json_write_object(json);
	json_write_member_int(json, "place", place);
	json_write_member_text(json, "id", id);
	json_write_member_int(json, "counter", rotation->token.counter);
	json_write_member_bool(json, "cookie", rotation->is_cookie);
	json_write_member_text(json, "address", rotation->address);
	json_write_object_end(json);
}

static void take_group(struct rotations *rotations, struct buf *json)
{
	struct rotation *rotation;

	json_write_array(json);
	while (rotations->group_count < GROUP_MAX && (rotation = TAILQ_FIRST(&rotations->waiting))) {
		TAILQ_REMOVE(&rotations->waiting, rotation, link);
		rotation->is_sent = true;
		add_json(json, rotations->group_count, rotation);
		rotations->group[rotations->group_count++] = rotation;
	}
	json_write_array_end(json);
}

static void send_group(void *arg)
{
	struct rotations *rotations = arg;
	struct postgres_params params = {0};
	struct buf json = {0};

	if (rotations->group_count > 0 || TAILQ_EMPTY(&rotations->waiting))
		return;
	take_group(rotations, &json);
	postgres_param_text(&params, json.bytes);
	session_add_limits(rotations->users, &params);
	postgres_exec(rotations->users->postgres, &rotations->scope, &store_sessions_rotate, &params, rotated, rotations);
	buf_free(&json);
}

static void end(struct rotation *rotation, enum status status, const struct postgres_rows *rows, int row)
{
	if (op_end(&rotation->op))
		rotation->done(status, rows, row, rotation->arg);
	free(rotation);
}

static void rotated(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct rotations *rotations = arg;
	int rows_count = status == STATUS_OK ? postgres_count(rows) : 0;
	int row_of[GROUP_MAX];

	for (int i = 0; i < rotations->group_count; i++)
		row_of[i] = ROTATIONS_NO_ROW;
	for (int row = 0; row < rows_count; row++) {
		int64_t place = postgres_int(rows, row, COLUMN_ROTATED_PLACE);

		if (place >= 0 && place < rotations->group_count)
			row_of[place] = row;
	}
	for (int i = 0; i < rotations->group_count; i++)
		end(rotations->group[i], status, rows, row_of[i]);
	rotations->group_count = 0;
	loop_deferred_schedule(rotations->send);
}

struct rotations *rotations_new(struct event_base *base, struct users *users)
{
	struct rotations *rotations = mem_alloc(sizeof *rotations);

	rotations->users = users;
	scope_init(&rotations->scope);
	rotations->send = loop_deferred_new(base, send_group, rotations);
	TAILQ_INIT(&rotations->waiting);
	return rotations;
}

void rotations_free(struct rotations *rotations)
{
	scope_cancel(&rotations->scope);
	for (int i = 0; i < rotations->group_count; i++)
		free(rotations->group[i]);
	loop_deferred_free(rotations->send);
	free(rotations);
}
