/* The queue that takes turns: the order in which entries of many keys are taken, and what leaving does to the others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/turns.h"
#include "tests/random_input.h"

#define ENTRIES 2000

static struct turns *turns;
static struct entry {
	struct turn turn;
	char name[32];
} entries[ENTRIES];
static unsigned used;

static int set_up(void **state)
{
	turns = turns_new(64);
	used = 0;
	return 0;
}

static int tear_down(void **state)
{
	while (turns_take(turns))
		;
	turns_free(turns);
	return 0;
}

static struct entry *add(const char *name, uint64_t network, uint64_t account)
{
	struct entry *entry = &entries[used++];

	snprintf(entry->name, sizeof entry->name, "%s", name);
	assert_true(turns_add(turns, &entry->turn, (const uint64_t[TURNS_KEYS]){network, account}));
	return entry;
}

/* As many of each as the number says: networks a, b, c …, all of different accounts. */
static void add_many(char network, int count)
{
	static uint64_t account = 1000;
	char name[32];

	for (int i = 1; i <= count; i++) {
		snprintf(name, sizeof name, "%c%d", network, i);
		add(name, (uint64_t)network, account++);
	}
}

static const char *take(void)
{
	struct turn *turn = turns_take(turns);

	return turn ? ((struct entry *)turn)->name : "none";
}

static void expect_order(const char *names)
{
	char taken[512] = "";

	while (turns_count(turns) > 0) {
		strcat(taken, *taken ? " " : "");
		strcat(taken, take());
	}
	assert_string_equal(taken, names);
}

static void test_an_empty_queue_has_no_turn(void **state)
{
	assert_null(turns_take(turns));
	assert_null(turns_last(turns));
	assert_int_equal(turns_count(turns), 0);
}

static void test_entries_of_one_key_keep_their_order(void **state)
{
	add_many('a', 4);
	expect_order("a1 a2 a3 a4");
}

static void test_networks_take_turns_whatever_the_order_in_which_they_came(void **state)
{
	add_many('a', 4);
	add_many('b', 2);
	add_many('c', 1);
	expect_order("a1 b1 c1 a2 b2 a3 a4");
}

static void test_a_new_network_waits_for_one_entry_of_each_of_the_others(void **state)
{
	add_many('a', 100);
	add_many('b', 100);
	assert_string_equal(take(), "a1");
	add_many('c', 1);
	assert_string_equal(take(), "b1");
	assert_string_equal(take(), "a2");
	assert_string_equal(take(), "b2");
	assert_string_equal(take(), "c1");
}

static void test_an_account_that_many_networks_try_holds_up_no_other_account(void **state)
{
	char name[32];

	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "x%d", i);
		add(name, 100 + (uint64_t)i, 7);
	}
	add("y", 200, 8);
	assert_string_equal(take(), "x0");
	assert_string_equal(take(), "y");
	assert_string_equal(take(), "x1");
}

static void test_an_attacked_account_of_a_network_does_not_hold_up_its_other_accounts(void **state)
{
	for (uint64_t i = 0; i < 50; i++)
		add("x", 100 + i, 7);
	add("own x", 200, 7);
	add("own y", 200, 8);
	assert_string_equal(take(), "x");
	assert_string_equal(take(), "x");
	assert_string_equal(take(), "own y");
}

/* Otherwise a client with ever new addresses could keep a round from ending. */
static void test_new_keys_do_not_get_in_front_of_those_that_wait_for_the_next_round(void **state)
{
	add_many('a', 2);
	assert_string_equal(take(), "a1");
	for (char network = 'b'; network < 'z'; network++)
		add_many(network, 1);
	assert_string_equal(take(), "a2");
}

static void test_without_keys_entries_come_in_their_order(void **state)
{
	add("1", 0, 0);
	add("2", 0, 0);
	add("3", 0, 0);
	expect_order("1 2 3");
}

static void test_the_last_is_the_latest_of_the_key_that_has_the_most_waiting(void **state)
{
	add_many('a', 5);
	add_many('b', 1);
	assert_string_equal(((struct entry *)turns_last(turns))->name, "a5");
	turns_remove(turns, turns_last(turns));
	assert_string_equal(((struct entry *)turns_last(turns))->name, "a4");
	expect_order("a1 b1 a2 a3 a4");
}

static void test_an_entry_that_leaves_is_not_taken_and_leaves_the_order_of_the_others(void **state)
{
	struct entry *second;

	add("a1", 'a', 0);
	second = add("a2", 'a', 0);
	add("a3", 'a', 0);
	add("b1", 'b', 0);
	turns_remove(turns, &second->turn);
	expect_order("a1 b1 a3");
}

static void test_a_key_whose_entries_have_all_left_begins_as_a_new_one(void **state)
{
	struct entry *left[50];

	for (int i = 0; i < 50; i++)
		left[i] = add("a", 'a', 0);
	for (int i = 0; i < 50; i++)
		turns_remove(turns, &left[i]->turn);
	add_many('b', 3);
	add("a again", 'a', 0);
	expect_order("b1 a again b2 b3");
}

static void test_the_place_of_an_entry_that_left_from_the_end_is_free_again(void **state)
{
	struct entry *left;

	add("a1", 'a', 0);
	left = add("a2", 'a', 0);
	turns_remove(turns, &left->turn);
	add_many('b', 3);
	add("a3", 'a', 0);
	expect_order("a1 b1 b2 a3 b3");
}

static void test_a_key_with_as_much_waiting_as_there_are_rounds_gets_no_more_and_others_do(void **state)
{
	const uint64_t keys[TURNS_KEYS] = {'a', 0}, others[TURNS_KEYS] = {'b', 0};
	static struct turn refused, other; /* tear_down() takes them */

	for (int i = 0; i < TURNS_ROUNDS - 1; i++)
		add("a", 'a', 0);
	assert_false(turns_add(turns, &refused, keys));
	assert_int_equal(turns_count(turns), TURNS_ROUNDS - 1);
	assert_true(turns_add(turns, &other, others));
	assert_non_null(turns_take(turns));
	assert_true(turns_add(turns, &refused, keys));
}

static void test_more_keys_than_the_table_was_sized_for_are_told_apart(void **state)
{
	for (uint64_t network = 1; network <= 1000; network++)
		add("a", network, network + 5000);
	for (uint64_t network = 1; network <= 1000; network++)
		assert_ptr_equal(turns_take(turns), &entries[network - 1].turn);
}

/* Adds, takes and removes at random: each entry is taken or removed once, and each network's own entries keep their order. */
static void test_whatever_happens_nothing_is_lost_and_a_network_keeps_its_order(void **state)
{
	unsigned taken[8] = {0};
	bool is_waiting[ENTRIES] = {0};
	uint64_t network_of[ENTRIES];

	random_input_start();
	while (used < ENTRIES) {
		unsigned what = (unsigned)random() % 8, i = used;

		if (what < 5 && turns_count(turns) < 200) {
			network_of[i] = 1 + (uint64_t)random() % 7;
			add("", network_of[i], 0);
			is_waiting[i] = true;
		} else if (what < 7 && turns_count(turns) > 0) {
			struct entry *entry = (struct entry *)turns_take(turns);
			unsigned n = (unsigned)(entry - entries);

			assert_true(is_waiting[n] && n >= taken[network_of[n]]);
			is_waiting[n] = false;
			taken[network_of[n]] = n;
		} else if (used > 0 && is_waiting[i = (unsigned)random() % used]) {
			turns_remove(turns, &entries[i].turn);
			is_waiting[i] = false;
		}
	}
	while (turns_count(turns) > 0)
		is_waiting[(struct entry *)turns_take(turns) - entries] = false;
	for (unsigned i = 0; i < ENTRIES; i++)
		assert_false(is_waiting[i]);
}

#define TURNS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TURNS_TEST(test_an_empty_queue_has_no_turn),
		TURNS_TEST(test_entries_of_one_key_keep_their_order),
		TURNS_TEST(test_networks_take_turns_whatever_the_order_in_which_they_came),
		TURNS_TEST(test_a_new_network_waits_for_one_entry_of_each_of_the_others),
		TURNS_TEST(test_an_account_that_many_networks_try_holds_up_no_other_account),
		TURNS_TEST(test_an_attacked_account_of_a_network_does_not_hold_up_its_other_accounts),
		TURNS_TEST(test_new_keys_do_not_get_in_front_of_those_that_wait_for_the_next_round),
		TURNS_TEST(test_without_keys_entries_come_in_their_order),
		TURNS_TEST(test_the_last_is_the_latest_of_the_key_that_has_the_most_waiting),
		TURNS_TEST(test_an_entry_that_leaves_is_not_taken_and_leaves_the_order_of_the_others),
		TURNS_TEST(test_a_key_whose_entries_have_all_left_begins_as_a_new_one),
		TURNS_TEST(test_the_place_of_an_entry_that_left_from_the_end_is_free_again),
		TURNS_TEST(test_a_key_with_as_much_waiting_as_there_are_rounds_gets_no_more_and_others_do),
		TURNS_TEST(test_more_keys_than_the_table_was_sized_for_are_told_apart),
		TURNS_TEST(test_whatever_happens_nothing_is_lost_and_a_network_keeps_its_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
