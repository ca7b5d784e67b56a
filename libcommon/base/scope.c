#include "base/scope.h"

#include <stddef.h>

/* Relaxed, because a pool's mutex orders everything else that its threads share with the loop. */
static void set_scope(struct op *op, struct scope *scope)
{
	atomic_store_explicit(&op->scope, scope, memory_order_relaxed);
}

void scope_init(struct scope *scope)
{
	LIST_INIT(&scope->ops);
	scope->trace = NULL;
}

void scope_cancel(struct scope *scope)
{
	struct op *op;

	while ((op = LIST_FIRST(&scope->ops))) {
		LIST_REMOVE(op, link);
		set_scope(op, NULL);
		if (op->cancelled)
			op->cancelled(op);
	}
}

bool scope_is_idle(const struct scope *scope)
{
	return LIST_EMPTY(&scope->ops);
}

void op_start(struct scope *scope, struct op *op)
{
	op_start_queued(scope, op, NULL);
}

void op_start_queued(struct scope *scope, struct op *op, void (*cancelled)(struct op *op))
{
	op->cancelled = cancelled;
	set_scope(op, scope);
	LIST_INSERT_HEAD(&scope->ops, op, link);
}

bool op_end(struct op *op)
{
	if (!op->scope)
		return false;
	LIST_REMOVE(op, link);
	set_scope(op, NULL);
	return true;
}
