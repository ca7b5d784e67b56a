"""usage: run.py SECONDS [SEED] | run.py --check HISTORY. Chaos on the running stack of RUN_DIR (`sh test.sh chaos` starts one).

Users (clients.py) work while a nemesis (nemesis.py) disturbs the system; everything is recorded (history.py); then the checker
(checker.py) looks whether every promise held. The seed alone decides which faults come when. When a promise did not hold,
artifacts/chaos/SEED keeps the history and the logs, and the exit code is 1."""

import contextlib
import json
import os
import pathlib
import random
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.set_int_max_str_digits(0) if hasattr(sys, "set_int_max_str_digits") else None

import logs  # noqa: E402

import abacus  # noqa: E402
import checker  # noqa: E402
import clients  # noqa: E402
import monitor  # noqa: E402
import report  # noqa: E402
import websocket  # noqa: E402
from harness import ROOT, eventually, free_port  # noqa: E402
from history import History, Recorded  # noqa: E402
from nemesis import Nemesis, schedule  # noqa: E402
from proxy import Proxy  # noqa: E402

USERS = int(os.environ.get("USERS", "16"))
LISTENERS = int(os.environ.get("LISTENERS", "6"))
WELL_S = 2  # all is well when nothing changed for this long
WELL_LIMIT_S = 90
RESULTS_LIMIT_S = 90
QUIET_LIMIT_S = 30
SENTINEL_LIMIT_S = 20
SENTINELS_A_PLACE = 4  # because each process of an instance should have one
SENTINEL_INDEX = 150_001
DEAD_TOKENS_AT_END = 200


def redirect(name, port):
    """Has the daemons reach a database through another port, from their next start on."""
    for path in (abacus.RUN_DIR / "secrets").glob("*.url"):
        if path.name != "healthcheck.url" and (path.name == "redis.url") == (name == "redis"):
            head, _, tail = path.read_text().rpartition(":")
            path.write_text(f"{head}:{port}/{tail.partition('/')[2]}")


def restart_daemons():
    for name in monitor.DAEMON_NAMES:
        abacus.sv("term", name)
    eventually(abacus.all_ready, 60, 0.2, message="all daemons are ready behind the proxy")


@contextlib.contextmanager
def proxied():
    ways = {"redis": (free_port(), 6390 + abacus.OFFSET), "postgres": (free_port(), 5435 + abacus.OFFSET)}
    with Proxy(ways) as proxy:
        for name, (port, _) in ways.items():
            redirect(name, port)
        restart_daemons()
        yield proxy


def wait_until_well(watched, history):
    """Records how long after the last fault that was."""
    end = max((fault["end"] for fault in Recorded(history.path).of("fault")), default=0)
    try:
        eventually(lambda: watched.has_been_well_since(end, WELL_S), WELL_LIMIT_S)
        history.add("lapse", seconds=round(max(0, watched.changed_at - end), 3))
    except AssertionError:
        history.add("lapse", seconds=None, states=watched.states)


def check_results(history, user):
    """Asks for every calculation that was acknowledged."""
    keys = {(record["kind"], record["index"]) for record in Recorded(history.path).of("submit") if record["status"] == 200}
    until, wait = time.monotonic() + RESULTS_LIMIT_S, sorted(keys)
    while wait:
        wait = [key for key in wait if not is_final(history, user, key, time.monotonic() > until)]
        time.sleep(0.2 if wait else 0)


def is_final(history, user, key, is_late):
    answer = user.client.exchange("GET", "/api/values/{}/{}".format(*key), None, accepts(user), abacus.PORT)
    if answer.status not in (200, 409) and not is_late:
        return False
    history.add("checked", kind=key[0], index=key[1], status=answer.status, **clients.calculated(answer))
    return True


def accepts(user):
    return {"Accept": "text/plain", "Authorization": f"Bearer {user.tokens[0]}"}


def check_dead_tokens(world, user):
    for token in world.dead.some(random.Random(world.seed), DEAD_TOKENS_AT_END):
        user.use_everywhere(token)


def check_live(history, user):
    """Every listener gets a result that is new, once."""
    places = [(via, ports[1]) for via, ports in clients.places().items() for _ in range(SENTINELS_A_PLACE)]
    with contextlib.ExitStack() as stack:
        connect = lambda via, port: stack.enter_context(websocket.listen(user.tokens[0], to=clients.path_of(via), port=port))  # noqa: E731
        listeners = [(via, connect(via, port)) for via, port in places]
        key = {"kind": "fibonacci", "index": SENTINEL_INDEX}
        user.client.call("sentinel submit", "POST", "/api/values", key, user.tokens[0], via="nginx", **key)
        for via, listener in listeners:
            history.add("sentinel", via=via, events=count_events(listener, key), **key)


def count_events(listener, key):
    count = 0
    listener.socket.settimeout(SENTINEL_LIMIT_S)
    with contextlib.suppress(OSError, EOFError):
        while True:
            message = listener.next_message()
            if message.get("index") == key["index"] and message["kind"] == key["kind"]:
                count += 1
                listener.socket.settimeout(0.3)
    return count


def measure_when_quiet(history, before):
    """The last measurement, if the system does not become as before within the limit."""
    after = {}

    def is_as_before():
        after.update(monitor.measure())
        return not list(checker.growth(before, after))

    with contextlib.suppress(AssertionError):
        eventually(is_as_before, QUIET_LIMIT_S, 1)
    history.add("measured", when="after", **after)


def disturb(seconds, seed, history, proxy):
    """The run itself; afterwards the history has all that the checker needs."""
    world, earlier = clients.World(history, seed), monitor.users()
    before = monitor.measure()
    history.add("measured", when="before", **before)
    nemesis = Nemesis(schedule(seed, seconds, abacus.INSTANCES), history, proxy)
    with monitor.Monitor(history) as watched:
        world.start(USERS, LISTENERS)
        nemesis.start()
        time.sleep(max(0, seconds - history.now()))
        nemesis.join()
        history.file.flush()
        wait_until_well(watched, history)
        failures = world.stop()
    for failure in failures:
        raise failure
    history.file.flush()
    look_back(world, history, earlier, before)


def look_back(world, history, earlier, before):
    inspector = clients.User(world, "inspector")
    eventually(lambda: inspector.tokens or inspector.register(), WELL_LIMIT_S, 1, "an account to look at the end with")
    check_results(history, inspector)
    check_dead_tokens(world, inspector)
    check_live(history, inspector)
    measure_when_quiet(history, before)
    history.add("final", **monitor.final(history.began_unix_ms, earlier))


def conclude(folder, shape):
    """Prints the figures, and keeps or removes the folder. Returns the exit code."""
    recorded = Recorded(folder / "history.jsonl")
    found = checker.violations(recorded)
    figures = report.figures(recorded, found)
    text = "\n".join(f"chaos: {line}" for line in report.text_of(figures, found, shape))
    print(text)
    (folder / "summary.txt").write_text(text + "\n")
    (folder / "figures.json").write_text(json.dumps({"figures": figures, "violations": found}, indent=1))
    return 1 if found else 0


def chaos(seconds, seed):
    processes = os.environ.get("PROCESSES", "1")
    shape = (
        f"{seconds} s, {abacus.INSTANCES} instances of {processes} processes, {USERS} users, {LISTENERS} listeners, seed {seed}"
    )
    again = f"INSTANCES={abacus.INSTANCES} PROCESSES={processes} sh test.sh chaos {seconds} {seed}"
    print(f"chaos: seed {seed}; the same faults again: {again}", flush=True)
    folder = ROOT / "artifacts/chaos" / str(seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    history = History(folder / "history.jsonl")
    try:
        with proxied() as proxy, logs.Watch(history, monitor.DAEMON_NAMES):
            disturb(seconds, seed, history, proxy)
        history.close()
        code = conclude(folder, shape)
    except BaseException:
        keep(folder, again)
        raise
    if code == 0:
        shutil.rmtree(folder)
    else:
        keep(folder, again)
    return code


def keep(folder, again):
    shutil.copytree(abacus.RUN_DIR / "log", folder / "log", ignore_dangling_symlinks=True, dirs_exist_ok=True)
    (folder / "again.txt").write_text(again + "\n")
    print(f"chaos: kept in {folder.relative_to(ROOT)}; again: {again}", flush=True)


def main(arguments):
    if arguments[:1] == ["--check"]:
        path = pathlib.Path(arguments[1])
        return conclude(path.parent, f"checked again: {path}")
    seconds = int(arguments[0])
    seed = int(arguments[1]) if arguments[1:] else random.randrange(1 << 30)
    return chaos(seconds, seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
