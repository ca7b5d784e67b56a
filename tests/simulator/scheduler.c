/* Chooses the next step among all that can happen. Time passes when nothing else can happen, and now and then although
 * something could. */
#include "base/random.h"
#include "simulator.h"

#define CANDIDATES_MAX 512
#define SETTLE_US 120000000
#define CHECK_EVERY 64
#define STATEMENT_US 5000000 /* after which Postgres ends a statement, even if its process has died */

uint64_t run_seed;
int64_t run_step;

struct candidate {
	enum { RUN_ACTIVE, POLL, RUN_SURROUNDING, START, END, CONNECT, SERVE, FORGET, TIME_OVER } what;
	struct process *process;
	struct wire *wire;
	int nth;
};
static struct candidate candidates[CANDIDATES_MAX];
static unsigned count;

static void add(struct candidate candidate)
{
	if (count < CANDIDATES_MAX)
		candidates[count++] = candidate;
}

static bool is_stopped(const struct process *process)
{
	return process->stopped_until_us > now_us;
}

static void add_process(struct process *process)
{
	int ready;

	if (!process_is_alive(process)) {
		add((struct candidate){START, process});
		return;
	}
	if (is_stopped(process))
		return;
	if (process->is_draining && process->is_drained)
		add((struct candidate){END, process});
	if (events_is_active(process->base)) {
		add((struct candidate){RUN_ACTIVE, process});
		return;
	}
	if (events_must_poll(process->base) || events_can_poll(process->base))
		add((struct candidate){POLL, process});
	ready = surroundings_ready(process->base);
	for (int i = 0; i < ready; i++)
		add((struct candidate){RUN_SURROUNDING, process, NULL, i});
}

static bool is_over(const struct wire *wire)
{
	return wire->kind == WIRE_POSTGRES && !wire->base && now_us > wire->closed_us + STATEMENT_US;
}

static bool can_serve(const struct wire *wire)
{
	return !wire->is_cut && !wire->is_silent && !is_over(wire) &&
	       (wire->kind == WIRE_REDIS ? redis_server_can_serve(wire) : postgres_server_can_serve(wire));
}

static void add_wire(struct wire *wire)
{
	if (wire->state == WIRE_CONNECTING)
		add((struct candidate){CONNECT, NULL, wire});
	if (can_serve(wire))
		add((struct candidate){SERVE, NULL, wire});
	if (!wire->base && (STAILQ_EMPTY(&wire->to_server) || is_over(wire)))
		add((struct candidate){FORGET, NULL, wire});
}

static void find_candidates(void)
{
	struct wire *wire;

	count = 0;
	for (int i = 0; i < PROCESSES; i++)
		add_process(&processes[i]);
	TAILQ_FOREACH (wire, &wires, link)
		add_wire(wire);
	if (redis_server_next_due_us() <= now_us)
		add((struct candidate){TIME_OVER});
}

static void accept_or_refuse(struct wire *wire)
{
	bool is_down = wire->kind == WIRE_REDIS ? redis_faults.is_down : postgres_faults.is_down;

	wire->state = is_down ? WIRE_REFUSED : WIRE_OPEN;
	if (!is_down)
		(wire->kind == WIRE_REDIS ? redis_server_open : postgres_server_open)(wire);
}

static void serve(struct wire *wire)
{
	(wire->kind == WIRE_REDIS ? redis_server_serve : postgres_server_serve)(wire);
}

static void run(const struct candidate *candidate)
{
	static const char *const names[] = {"runs",     "polls",     "runs a result", "starts",   "ends",
					    "connects", "is served", "closed wire",   "time over"};
	struct process *process = candidate->process;
	struct wire *wire = candidate->wire;

	trace(names[candidate->what],
	      process              ? process->number
	      : wire && wire->base ? events_process(wire->base)->number
				   : -1,
	      wire ? wire->fd : candidate->nth);
	switch (candidate->what) {
	case RUN_ACTIVE:
		events_run_active(process->base);
		if (process->follower)
			customers_check_tokens(process);
		break;
	case POLL:
		events_poll(process->base);
		break;
	case RUN_SURROUNDING:
		surroundings_run(process->base, candidate->nth);
		break;
	case START:
		process_start(process);
		break;
	case END:
		process_kill(process);
		break;
	case CONNECT:
		accept_or_refuse(wire);
		break;
	case SERVE:
		serve(wire);
		break;
	case FORGET:
		wire_free(wire);
		break;
	case TIME_OVER:
		redis_server_time_over();
	}
}

/* To the moment when something becomes possible. */
static void pass_time(void)
{
	int64_t next = surroundings_next_due_us(), waiting = redis_server_next_due_us();

	next = waiting < next ? waiting : next;
	for (int i = 0; i < PROCESSES; i++) {
		const struct process *process = &processes[i];
		int64_t due_us;

		if (!process_is_alive(process))
			continue;
		due_us = is_stopped(process) ? process->stopped_until_us : events_next_due_us(process->base);
		next = due_us < next ? due_us : next;
	}
	if (next == INT64_MAX)
		promise_broken("nothing can happen any more", "");
	now_us = next > now_us ? next : now_us + 1000;
}

static void step(void)
{
	run_step++;
	find_candidates();
	if (count == 0)
		pass_time();
	else if (chance_of(1, 50))
		now_us += chance_between(0, 20000);
	else
		run(&candidates[chance_below(count)]);
}

static void begin(uint64_t seed)
{
	chance_seed(seed);
	run_seed = seed;
	run_step = 0;
	surroundings_reset();
	redis_server_reset();
	postgres_server_reset();
	promises_reset();
	faults_reset();
	customers_reset();
	customers_reset_tokens();
	customers_reset_sessions();
	processes_reset();
	redis_server_remember();
}

static void end(void)
{
	for (int i = 0; i < PROCESSES; i++) {
		if (processes[i].base) /* not one that has drained, and is about to be started again */
			process_kill(&processes[i]);
	}
	while (!TAILQ_EMPTY(&wires))
		wire_free(TAILQ_FIRST(&wires));
}

void run_seed_once(uint64_t seed, const struct run_options *options)
{
	int64_t end_us;

	random_forget();
	begin(seed);
	while (run_step < options->steps) {
		if (chance_of(1, 20))
			(chance_of(1, 2) ? customers_act : customers_act_on_tokens)();
		faults_inject();
		step();
	}
	faults_end();
	end_us = now_us + SETTLE_US;
	while (run_step % CHECK_EVERY || !promises_settled()) {
		if (now_us > end_us)
			promises_explain();
		step();
	}
	end();
}
