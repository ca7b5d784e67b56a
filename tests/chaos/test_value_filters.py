"""GET /api/values with filters and orders, of a user who has more than one request looks at. The workers are stopped meanwhile,
so that what is pending stays so."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_backlog import short

import abacus
from abacus import WORKERS, Person, eventually, fail, get, result, stopped, submit

ORDERS = {
    "newest": lambda row: -row["id"],
    "lowest": lambda row: (row["index"], row["id"]),
    "highest": lambda row: (-row["index"], -row["id"]),
}


class Owner:
    """oldest to newest: 1,700 of lucas, 1,500 failed ones, 20 pending ones, 6,000 of fibonacci that are done"""

    def __init__(self):
        self.person, self.other = Person(), Person()
        indexes = short(65)
        self.done, self.failed, self.pending = sorted(indexes[:40]), sorted(indexes[40:45]), sorted(indexes[45:])
        self.make_done()

    def make_done(self):
        with ThreadPoolExecutor(10) as pool:
            for kind in ("fibonacci", "lucas"):
                list(pool.map(lambda index, kind=kind: submit(index, self.other.token, kind), self.done))
        for index, kind in itertools.product(self.done, ("fibonacci", "lucas")):
            assert result(index, self.other.token, kind)
        wanted = f"state = 'done' AND index IN ({','.join(map(str, self.done))})"
        known = f"SELECT count(*) FROM calculations WHERE kind IN ('fibonacci', 'lucas') AND {wanted}"
        eventually(lambda: abacus.psql("values", known) == "80", message="all are written")

    def add(self, kind, indexes, count):
        array = f"ARRAY[{','.join(map(str, indexes))}]"
        abacus.psql(
            "values",
            f"INSERT INTO values (user_id, kind, index) SELECT {self.person.id}, '{kind}', ({array})[1 + n % {len(indexes)}]"
            f" FROM generate_series(0, {count - 1}) n",
        )

    def fill(self):
        failed = ",".join(f"('fibonacci', {index}, 'failed')" for index in self.failed)
        abacus.psql("values", f"INSERT INTO calculations (kind, index, state) VALUES {failed}")
        self.add("lucas", self.done, 1700)
        self.add("fibonacci", self.failed, 1500)
        assert {submit(index, self.person.token).json["state"] for index in self.pending} == {"pending"}
        self.add("fibonacci", self.done, 6000)
        self.rows = [
            {"id": int(number), "kind": kind, "index": int(index), "state": state}
            for number, kind, index, state in (
                line.split("|")
                for line in abacus.psql(
                    "values",
                    "SELECT own.id, own.kind, own.index, state FROM values own JOIN calculations USING (kind, index)"
                    f" WHERE user_id = {self.person.id}",
                ).split()
            )
        ]
        assert len(self.rows) == 1700 + 1500 + 20 + 6000


@pytest.fixture(scope="module")
def owner():
    owner = Owner()
    with stopped(*WORKERS):
        owner.fill()
        yield owner


def pages(query, token, limit=200):
    """The values of each page, by following Link until there is none."""
    path = f"/api/values?limit={limit}&{query}"
    for _ in range(1000):
        reply = get(path, token=token)
        assert reply.status == 200, reply
        yield reply.json["data"]["values"]
        link = reply.headers["Link"]
        if not link:
            return
        path = link[1 : link.index(">")]
    raise AssertionError("the pages do not end")


def shown(values):
    return [{"id": int(value["id"])} | {name: value[name] for name in ("kind", "index", "state")} for value in values]


def matching(owner, order="newest", kind=None, state=None, low=0, high=2**63 - 1):
    found = [
        row
        for row in owner.rows
        if kind in (None, row["kind"]) and state in (None, row["state"]) and low <= row["index"] <= high
    ]
    return sorted(found, key=ORDERS[order])


def query_of(order="newest", kind=None, state=None, low=None, high=None):
    named = {"order": order, "kind": kind, "state": state, "from": low, "to": high}
    return "&".join(f"{name}={value}" for name, value in named.items() if value is not None)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", [None, "fibonacci", "lucas", "factorial"])
@pytest.mark.parametrize("state", [None, "pending", "done", "failed"])
def test_the_pages_have_each_value_that_matches_once_and_in_order(owner, order, kind, state):
    found = list(pages(query_of(order, kind, state), owner.person.token))
    assert shown(itertools.chain(*found)) == matching(owner, order, kind, state)
    assert all(len(page) <= 200 for page in found)


@pytest.mark.parametrize("order", ORDERS)
def test_from_and_to_are_included(owner, order):
    low, high = owner.done[3], owner.done[7]
    several = ({"low": low, "high": high}, {"low": high}, {"high": low}, {"low": low, "high": low}, {"low": high, "high": low})
    for bounds in several:
        found = itertools.chain(*pages(query_of(order, "fibonacci", **bounds), owner.person.token))
        assert shown(found) == matching(owner, order, "fibonacci", **bounds), bounds


def test_what_is_rare_comes_in_one_request_however_much_there_is(owner):
    for order in ORDERS:
        for query in (query_of(order, state="pending"), query_of(order, low=owner.pending[0], high=owner.pending[0])):
            assert len(list(pages(query, owner.person.token))) == 1, query


def test_small_pages_of_what_is_rare_follow_each_other(owner):
    for order in ORDERS:
        found = list(pages(query_of(order, state="pending"), owner.person.token, limit=7))
        assert [len(page) for page in found] == [7, 7, 6]
        assert shown(itertools.chain(*found)) == matching(owner, order, state="pending")


def test_no_filter_shows_what_others_submitted(owner):
    other = Person()
    for order in ORDERS:
        for state in (None, "pending", "done", "failed"):
            assert list(pages(query_of(order, state=state), other.token)) == [[]]


def test_the_link_has_the_filters_and_the_cursor_of_the_order(owner):
    low, high = owner.done[0], owner.done[-1]
    reply = get(f"/api/values?limit=1&kind=lucas&from={low}&to={high}&state=done&order=lowest", token=owner.person.token)
    (value,) = reply.json["data"]["values"]
    more = f"&kind=lucas&state=done&from={low}&to={high}&order=lowest"
    assert reply.headers["Link"] == f'</api/values?limit=1&after={value["index"]}-{value["id"]}{more}>; rel="next"'


@pytest.mark.parametrize(
    "query",
    [
        "kind=", "kind=nothing", "kind=Fibonacci", "state=absent", "state=", "from=-1", "from=x", "to=1.5",
        "to=99999999999999999999", "order=oldest", "order=", "after=7-8", "after=7&order=lowest", "after=7-&order=lowest",
        "after=-7&order=highest",
        "after=7--8&order=lowest", "after=7-8-9&order=highest", "after=99999999999999999999-1&order=lowest",
        "after=9999999999999999999999999999999-1&order=lowest", "after='-1&order=lowest",
    ],
)  # fmt: skip
def test_a_filter_that_is_none_is_refused_by_its_name(reader, query):
    reply = get(f"/api/values?{query}", token=reader.token)
    body = reply.json
    errors = body.pop("errors")
    assert (reply.status, body) == (400, fail("invalid_payload", "Invalid payload."))
    assert [error["field"] for error in errors] == [query.split("=")[0]]
