#include "base/scope.h"

#include <stddef.h>

void scope_init(struct scope *scope)
{
	LIST_INIT(&scope->ops);
}

void scope_cancel(struct scope *scope)
{
	struct op *op;

	while ((op = LIST_FIRST(&scope->ops))) {
		LIST_REMOVE(op, link);
		op->scope = NULL;
	}
}

bool scope_is_idle(const struct scope *scope)
{
	return LIST_EMPTY(&scope->ops);
}

void op_start(struct scope *scope, struct op *op)
{
	op->scope = scope;
	LIST_INSERT_HEAD(&scope->ops, op, link);
}

bool op_end(struct op *op)
{
	if (!op->scope)
		return false;
	LIST_REMOVE(op, link);
	op->scope = NULL;
	return true;
}
