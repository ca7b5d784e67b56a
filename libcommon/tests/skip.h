/* Skips a cmocka test with a reason, in a line as pytest prints it, which test.sh counts. A reason that begins with "elsewhere:
 * " says which other step runs the test. */
#ifndef ABACUS_TESTS_SKIP_H
#define ABACUS_TESTS_SKIP_H

#define skip_because(reason)                                             \
	do {                                                             \
		print_message("SKIPPED [1] %s: %s\n", __FILE__, reason); \
		skip();                                                  \
	} while (0)

#endif
