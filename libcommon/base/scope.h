/* The law that every asynchronous call of libcommon obeys:
 *  1. A call takes the scope it belongs to (a request's, a service's) and completes exactly once, never before the
 *     call itself has returned, always on the loop's thread.
 *  2. After a scope is cancelled (the client disconnected, the deadline passed, drain) none of its callbacks runs. Cancelling
 *     detaches, it never dequeues: Postgres and Redis answer in strict order. A queue of our own, in which nothing depends on
 *     the order, drops what has not begun (op_start_queued).
 *  3. Nothing is freed inside a callback of the library that owns it: mark, and reap from the loop.
 *  4. A reply ends the request: its context is invalid after it, and its destructor runs exactly once.
 *
 * A module embeds a `struct op` in its record of a pending call, calls op_start() when it accepts the call, and op_end() when
 * the answer has arrived: op_end() returns whether the callback may still run. */
#ifndef ABACUS_BASE_SCOPE_H
#define ABACUS_BASE_SCOPE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

struct op {
	struct scope *_Atomic scope; /* NULL once detached; atomic because the threads of a pool look whether it is */
	void (*cancelled)(struct op *op);
	LIST_ENTRY(op) link;
};

struct trace;

struct scope {
	LIST_HEAD(scope_ops, op) ops;
	const struct trace *trace; /* of what the ops are part of (trace/trace.h); NULL: none. Borrowed */
};

void scope_init(struct scope *scope);
/* Detaches every pending op. The scope can be used again afterwards, and be cancelled again. */
void scope_cancel(struct scope *scope);
bool scope_is_idle(const struct scope *scope);

void op_start(struct scope *scope, struct op *op);
/* Runs `cancelled` once the scope's cancelling has detached the op. It may free the op and its call, and touches neither the
 * scope nor another op of it. Not run after op_end(). */
void op_start_queued(struct scope *scope, struct op *op, void (*cancelled)(struct op *op));
/* True unless the scope was cancelled: the caller then runs the callback. Unlinks in either case. */
bool op_end(struct op *op);

#endif
