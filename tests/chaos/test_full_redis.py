"""Redis is full for a while, under load: nothing that was acknowledged is lost, nothing fails, and afterwards all is done, by
itself. FULL_SECONDS=60 in the environment keeps it full for a minute."""

import itertools
import os
import random
import time

from test_backlog import states
from test_long_results import full_redis

import abacus
from abacus import Person, eventually, submit
from harness import Load, UnexpectedAnswerError

FULL_S = float(os.environ.get("FULL_SECONDS", "3"))
KIND, SMALL, LARGE = "lucas", 10_000, 100_000


def fresh_indexes():
    """One large one in ten, none of them submitted before."""
    seen = {int(row) for row in abacus.psql("values", f"SELECT index FROM calculations WHERE kind = '{KIND}'").split()}
    small = (index for index in random.sample(range(SMALL), SMALL) if index not in seen)
    large = (index for index in random.sample(range(LARGE, 2 * LARGE), LARGE) if index not in seen)
    for number in itertools.count():
        yield next(large if number % 10 == 0 else small)


class Submitter:
    """For Load: one user, from one thread, because a generator is for one."""

    def __init__(self):
        self.person, self.indexes, self.acknowledged = Person(), fresh_indexes(), []

    def __call__(self, _):
        index = next(self.indexes)
        reply = submit(index, self.person.token, KIND)
        if reply.status not in (200, 429, 503):
            raise UnexpectedAnswerError(reply)
        if reply.status == 200:
            self.acknowledged.append(index)


def test_while_redis_is_full_submissions_are_taken_and_afterwards_all_is_done_by_itself():
    submitter = Submitter()
    acknowledged = submitter.acknowledged
    with Load(submitter, threads=1, every_s=0.02) as load:
        load.wait_for(20)
        with full_redis():
            before, until = len(acknowledged), time.monotonic() + FULL_S
            eventually(lambda: time.monotonic() > until, FULL_S + 10)
            taken = len(acknowledged) - before
        load.wait_for(20)
    start = time.monotonic()
    eventually(lambda: states(KIND, acknowledged) == ["done"] * len(acknowledged), 120, 0.2, "all are done")
    print(f"{taken} submissions taken while Redis was full for {FULL_S:.0f} s; all done {time.monotonic() - start:.1f} s later")
    assert load.failed == [] and taken > 0
    assert abacus.redis_cli("HLEN", "{jobs}:dead") == "0"
    eventually(abacus.all_ready, 30, message="every daemon is ready again")
