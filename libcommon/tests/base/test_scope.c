/* The law of asynchronous calls: what a scope and its operations do. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/scope.h"

static struct scope scope;

static int open_scope(void **state)
{
	scope_init(&scope);
	return 0;
}

static void test_a_new_scope_is_idle(void **state)
{
	assert_true(scope_is_idle(&scope));
}

static void test_a_pending_operation_keeps_its_scope_busy(void **state)
{
	struct op op;

	op_start(&scope, &op);
	assert_false(scope_is_idle(&scope));
	scope_cancel(&scope);
}

static void test_an_operation_may_call_back_while_its_scope_is_not_cancelled(void **state)
{
	struct op op;

	op_start(&scope, &op);
	assert_true(op_end(&op));
}

static void test_the_last_operation_that_ends_leaves_the_scope_idle(void **state)
{
	struct op one, other;

	op_start(&scope, &one);
	op_start(&scope, &other);
	assert_true(op_end(&one));
	assert_false(scope_is_idle(&scope));
	assert_true(op_end(&other));
	assert_true(scope_is_idle(&scope));
}

static void test_operations_end_in_any_order(void **state)
{
	struct op ops[3];

	for (int i = 0; i < 3; i++)
		op_start(&scope, &ops[i]);
	assert_true(op_end(&ops[1]));
	assert_true(op_end(&ops[2]));
	assert_true(op_end(&ops[0]));
	assert_true(scope_is_idle(&scope));
}

static void test_an_operation_calls_back_at_most_once(void **state)
{
	struct op op;

	op_start(&scope, &op);
	assert_true(op_end(&op));
	assert_false(op_end(&op));
}

static void test_after_cancelling_no_operation_may_call_back(void **state)
{
	struct op one, other;

	op_start(&scope, &one);
	op_start(&scope, &other);
	scope_cancel(&scope);
	assert_false(op_end(&one));
	assert_false(op_end(&other));
}

static void test_a_cancelled_scope_is_idle_before_its_operations_have_ended(void **state)
{
	struct op op;

	op_start(&scope, &op);
	scope_cancel(&scope);
	assert_true(scope_is_idle(&scope));
}

static void test_cancelling_does_not_touch_operations_that_have_ended(void **state)
{
	struct op ended, pending;

	op_start(&scope, &ended);
	op_start(&scope, &pending);
	assert_true(op_end(&ended));
	scope_cancel(&scope);
	assert_false(op_end(&pending));
}

static void test_cancelling_twice_is_the_same_as_once(void **state)
{
	struct op op;

	op_start(&scope, &op);
	scope_cancel(&scope);
	scope_cancel(&scope);
	assert_false(op_end(&op));
}

static void test_a_cancelled_scope_may_be_used_again(void **state)
{
	struct op old, new;

	op_start(&scope, &old);
	scope_cancel(&scope);
	op_start(&scope, &new);
	assert_false(op_end(&old));
	assert_true(op_end(&new));
}

static void test_cancelling_one_scope_leaves_the_others_alone(void **state)
{
	struct scope other;
	struct op op;

	scope_init(&other);
	op_start(&other, &op);
	scope_cancel(&scope);
	assert_true(op_end(&op));
}

static unsigned cancelled_count;

static void count_cancelled(struct op *op)
{
	cancelled_count++;
	assert_null(op->scope);
}

static void test_a_queued_operation_learns_of_the_cancelling_once(void **state)
{
	struct op op;

	cancelled_count = 0;
	op_start_queued(&scope, &op, count_cancelled);
	scope_cancel(&scope);
	scope_cancel(&scope);
	assert_int_equal(cancelled_count, 1);
}

static void test_a_queued_operation_that_has_ended_learns_of_no_cancelling(void **state)
{
	struct op op;

	cancelled_count = 0;
	op_start_queued(&scope, &op, count_cancelled);
	assert_true(op_end(&op));
	scope_cancel(&scope);
	assert_int_equal(cancelled_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_new_scope_is_idle, open_scope),
		cmocka_unit_test_setup(test_a_pending_operation_keeps_its_scope_busy, open_scope),
		cmocka_unit_test_setup(test_an_operation_may_call_back_while_its_scope_is_not_cancelled, open_scope),
		cmocka_unit_test_setup(test_the_last_operation_that_ends_leaves_the_scope_idle, open_scope),
		cmocka_unit_test_setup(test_operations_end_in_any_order, open_scope),
		cmocka_unit_test_setup(test_an_operation_calls_back_at_most_once, open_scope),
		cmocka_unit_test_setup(test_after_cancelling_no_operation_may_call_back, open_scope),
		cmocka_unit_test_setup(test_a_cancelled_scope_is_idle_before_its_operations_have_ended, open_scope),
		cmocka_unit_test_setup(test_cancelling_does_not_touch_operations_that_have_ended, open_scope),
		cmocka_unit_test_setup(test_cancelling_twice_is_the_same_as_once, open_scope),
		cmocka_unit_test_setup(test_a_cancelled_scope_may_be_used_again, open_scope),
		cmocka_unit_test_setup(test_cancelling_one_scope_leaves_the_others_alone, open_scope),
		cmocka_unit_test_setup(test_a_queued_operation_learns_of_the_cancelling_once, open_scope),
		cmocka_unit_test_setup(test_a_queued_operation_that_has_ended_learns_of_no_cancelling, open_scope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
