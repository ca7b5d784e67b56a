"""A seed decides a schedule of faults; and calculations and figures of a chaos run. Needs no running system."""

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import pytest

import abacus
import calculations
import report
from abacus import eventually
from history import History, Recorded
from nemesis import FAULTS, LASTS_S, Nemesis, SkippedError, schedule
from records import Listed, fault


@pytest.mark.parametrize("instances", [1, 2])
def test_a_seed_decides_which_faults_come_when_and_with_which_parameters(instances):
    assert schedule(7, 3600, instances) == schedule(7, 3600, instances)
    assert schedule(7, 90, instances) == schedule(7, 3600, instances)[: len(schedule(7, 90, instances))]
    assert schedule(7, 90, instances) != schedule(8, 90, instances)


def test_an_hour_has_every_fault_on_every_target():
    faults = schedule(1, 3600, 2)
    injected = {(fault.kind, fault.target.removesuffix("-2")) for fault in faults}
    assert injected == {(kind, target) for kind, (targets, *_) in FAULTS.items() for target in targets}
    assert {fault.target for fault in faults} > {"users-2", "values-2", "worker-2", "healthcheck-2"}
    assert all(LASTS_S[0] <= fault.seconds <= LASTS_S[1] for fault in faults if fault.seconds)


def test_one_instance_has_no_faults_of_a_second():
    assert not [fault for fault in schedule(1, 3600, 1) if fault.target.endswith("-2")]


def test_the_nemesis_can_inject_every_fault():
    assert [kind for kind in FAULTS if not callable(getattr(Nemesis, kind.replace(" ", "_").replace("-", "_"), None))] == []


class Filler(Nemesis):
    """Notes Redis's limit instead of setting it."""

    limit = "160mb"

    def redis(self, *command):
        if command[1] == "GET":
            return f"maxmemory\n{self.limit}"
        self.limit = command[-1]
        return "OK"


def test_faults_that_fill_redis_and_overlap_leave_its_limit_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis/redis.conf").write_text(f"appendonly yes\nmaxmemory {Filler.limit}\nmaxmemory-policy volatile-lru\n")
    monkeypatch.setattr(abacus, "RUN_DIR", tmp_path)
    nemesis = Filler([], history=None, proxy=None)
    first = dataclasses.replace(schedule(7, 30, 1)[0], kind="fill", seconds=1)
    with ThreadPoolExecutor() as threads:
        begun = threads.submit(nemesis.fill, first)
        eventually(lambda: nemesis.limit == "1")
        nemesis.fill(dataclasses.replace(first, seconds=1.5))
        begun.result()
    assert nemesis.limit == Filler.limit


class Pretender(Nemesis):
    """Only notes what it would inject, one after another."""

    injected = ()

    def launch(self, fault):
        self.run(fault)

    def inject(self, fault):
        self.injected = (*self.injected, fault)
        if fault.number == 1:
            raise SkippedError("it is not there")
        if fault.number == 2:
            raise KeyError("a mistake")


def test_the_nemesis_injects_the_schedule_in_its_order_and_records_each_fault(tmp_path):
    faults = [dataclasses.replace(fault, at_s=fault.number * 0.01) for fault in schedule(7, 30, 2)]
    history = History(tmp_path / "history.jsonl")
    nemesis = Pretender(faults, history, proxy=None)
    nemesis.start()
    nemesis.join()
    history.close()
    assert list(nemesis.injected) == faults
    recorded = list(Recorded(history.path).of("fault"))
    assert [fault["number"] for fault in recorded] == list(range(len(faults)))
    assert [fault["outcome"] for fault in recorded[:4]] == [
        "done",
        "skipped: it is not there",
        "broken: KeyError('a mistake')",
        "done",
    ]
    assert recorded[3].items() > {"kind": faults[3].kind, "target": faults[3].target, "seconds": faults[3].seconds}.items()


# ---- calculations ----


def test_calculations_are_those_of_the_kinds():
    assert [calculations.digits_of("fibonacci", index) for index in range(8)] == "1 1 2 3 5 8 13 21".split()
    assert [calculations.digits_of("lucas", index) for index in range(8)] == "2 1 3 4 7 11 18 29".split()
    assert [calculations.digits_of("primorial", index) for index in range(8)] == "1 1 2 6 6 30 30 210".split()
    assert all(calculations.digits_of("factorial", index) == str(math.factorial(index)) for index in (0, 1, 2, 30, 1000))


def test_long_calculations_agree_with_whole_numbers_of_python():
    low, high = 0, 1
    for _ in range(20_001):
        low, high = high, low + high
    assert calculations.digits_of("fibonacci", 20_000) == str(low)


def test_a_long_result_is_previewed_by_its_ends():
    assert calculations.preview_of("1" * 1000) == "1" * 1000
    assert calculations.preview_of("12" * 501) == f"{'12' * 10}…{'12' * 10} (1002 digits)"


# ---- figures ----


def state(at, is_ready):
    return {"op": "state", "instance": "users", "at": at, "is_ready": is_ready}


def test_recovery_is_from_the_end_of_a_fault_until_all_is_well():
    history = Listed(
        [
            state(10.1, False),
            state(12.5, True),
            fault(10, "stop serving", "users", end=12),
            fault(20, "kill", "redis"),
            state(30.2, False),
            state(33, True),
            fault(30, "kill", "redis"),
            fault(31, "kill", "postgres", outcome="skipped"),
            fault(32, "kill", "postgres"),
        ]
    )
    assert report.recoveries(history) == [(0.5, True), (0, True), (3, False), (1, False)]
