"""The users of a chaos run. Each does one thing after another and writes everything into the history; many run at once."""

import http.client
import itertools
import json
import random
import select
import threading
import time

import abacus
import websocket
from history import email_of, fingerprint

ANSWER_S = 20
PAUSE_S = (0.01, 0.09)
LISTEN_S = (2, 20)
POLL_S = 0.25
AFTER_LOGOUT_S = 3
DEAD_TOKENS_MAX = 4000
LARGE_SHARE = 0.004
# kind -> (indexes of usual calculations, which take a worker less than a millisecond; of large ones, for its threads)
INDEXES = {
    "fibonacci": (range(12_000), range(200_000, 900_000)),
    "lucas": (range(12_000), range(200_000, 900_000)),
    "factorial": (range(1_500), range(20_000, 60_000)),
    "primorial": (range(12_000), range(200_000, 900_000)),
}
# What a user does next, and how often.
HABITS = {
    "submit": 60,
    "read_result": 10,
    "read_list": 8,
    "try_token": 8,
    "log_out": 5,
    "log_in_again": 3,
    "change_password": 2,
}


def places():
    """name -> (port of users, port of values): nginx, and each instance directly."""
    ways = {"nginx": (abacus.PORT, abacus.PORT)}
    for number in range(abacus.INSTANCES):
        shift = number * abacus.SECOND_INSTANCE
        ways[f"instance {number + 1}"] = (abacus.PORTS["users"] + shift, abacus.PORTS["values"] + shift)
    return ways


def path_of(via):
    """The name of the path of live results there, for tests/websocket.py."""
    return "nginx" if via == "nginx" else "values"


class Answer:
    """status None: no whole answer came."""

    def __init__(self, status=None, body=b""):
        self.status, self.body = status, body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Keeps one connection to each port, as a browser does, and writes each call into the history."""

    numbers = itertools.count()

    def __init__(self, history, name):
        self.history, self.name, self.connections = history, name, {}

    def call(self, op, method, path, body=None, token=None, port=None, facts=None, headers=(), **fields):
        """facts: what else of an answer is recorded; a function of the answer that returns a dict."""
        key = f"{self.name}-{next(Client.numbers)}"
        sent = {"X-Request-ID": key, **dict(headers), **bearer(token)}
        begin = self.history.now()
        answer = self.exchange(method, path, body, sent, port or abacus.PORT)
        found = facts(answer) if facts else {}
        if token:
            fields["token"] = fingerprint(token)
        self.history.add(
            op, user=self.name, id=key, begin=begin, end=self.history.now(), status=answer.status, **fields, **found
        )
        return answer

    def exchange(self, method, path, body, headers, port):
        connection = self.connections.get(port) or http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
        if body is not None:
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            self.connections.pop(port, None)
            return Answer()
        self.connections[port] = connection
        return answer


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


def issued(answer):
    return {"token": fingerprint(answer.json["auth_token"])} if answer.status in (200, 201) else {}


def listed(answer):
    if answer.status != 200:
        return {}
    rows = answer.json["data"]["values"]
    names = ("id", "kind", "index", "state", "digits")
    return {"values": [[*(row[name] for name in names), row["preview"] and fingerprint(row["preview"])] for row in rows]}


def calculated(answer):
    return {"result": fingerprint(answer.body.decode())} if answer.status == 200 else {}


def submitted(answer):
    return {"value": answer.json["id"]} if answer.status == 200 else {}


class DeadTokens:
    """Tokens of which a death was acknowledged."""

    def __init__(self):
        self.tokens, self.lock = [], threading.Lock()

    def add(self, token):
        with self.lock:
            self.tokens.append(token)
            del self.tokens[:-DEAD_TOKENS_MAX]

    def some(self, chance, count):
        with self.lock:
            return chance.sample(self.tokens, min(count, len(self.tokens)))


class Actor(threading.Thread):
    """Acts until the run stops."""

    def __init__(self, world, name):
        super().__init__(name=name)
        self.world, self.history = world, world.history
        self.client, self.chance = Client(world.history, name), random.Random(f"{world.seed} {name}")
        self.places = places()
        self.failure = None

    def run(self):
        try:
            while not self.world.stopping.is_set():
                self.act()
                self.world.stopping.wait(self.chance.uniform(*PAUSE_S))
        except Exception as error:  # run.py raises it again
            self.failure = error

    def some_place(self):
        """nginx more often than all instances together."""
        others = [name for name in self.places if name != "nginx"]
        return "nginx" if self.chance.random() < 0.6 else self.chance.choice(others)

    def use(self, token, via=None, of=None):
        """Asks for something that only a good token gets."""
        via = via or self.some_place()
        of = of or self.chance.choice(("users", "values"))
        path = "/auth/status" if of == "users" else "/api/values?limit=1"
        return self.client.call("use", "GET", path, token=token, port=self.places[via][of == "values"], via=via, of=of)

    def use_everywhere(self, token):
        for via in self.places:
            for of in ("values", "users"):
                self.use(token, via, of)


class User(Actor):
    """Has one account. passwords: the numbers of those that may be the account's, the likeliest first."""

    def __init__(self, world, name):
        super().__init__(world, name)
        self.email, self.passwords, self.changes = email_of(self.name), [0], 0
        self.is_registered, self.tokens, self.seen, self.mine = False, [], set(), []

    def act(self):
        if not self.is_registered:
            self.register()
        elif not self.tokens:
            self.log_in_again()
        else:
            habit = self.chance.choices(list(HABITS), HABITS.values())[0]
            getattr(self, habit)()

    def password(self, number):
        return f"{number} brass beads of {self.name}"

    def register(self):
        body = {"username": self.name, "email": self.email, "password": self.password(0)}
        fields = {"email": self.email, "password": 0, "facts": issued}
        answer = self.client.call("register", "POST", "/auth/register", body, via="nginx", **fields)
        if answer.status == 201:
            self.tokens.append(answer.json["auth_token"])
        self.is_registered = answer.status in (201, 400)  # 400: an earlier attempt, whose answer was lost, has registered it

    def log_in_again(self):
        via = self.some_place()
        for number in list(self.passwords):
            body = {"email": self.email, "password": self.password(number)}
            fields = {"email": self.email, "password": number, "via": via, "facts": issued}
            answer = self.client.call("login", "POST", "/auth/login", body, port=self.places[via][0], **fields)
            if answer.status == 200:
                self.tokens.append(answer.json["auth_token"])
                self.passwords.sort(key=lambda each: each != number)
            if answer.status != 404:
                return

    def token(self):
        return self.chance.choice(self.tokens)

    def forget_if_refused(self, token, answer):
        """A logout or a change of the password may have taken effect although its answer was lost."""
        if answer.status == 401 and token in self.tokens:
            self.tokens.remove(token)

    def submit(self):
        kind = self.chance.choice(list(INDEXES))
        usual, large = INDEXES[kind]
        index = self.chance.choice(large if self.chance.random() < LARGE_SHARE else usual)
        if (kind, index) in self.seen:
            return  # each user submits a calculation once, so that a second row of it is one too many
        self.seen.add((kind, index))
        token, via = self.token(), self.some_place()
        fields = {"via": via, "kind": kind, "index": index, "facts": submitted}
        body = {"kind": kind, "index": index}
        answer = self.client.call("submit", "POST", "/api/values", body, token, self.places[via][1], **fields)
        if answer.status == 200:
            self.mine.append((kind, index))
        self.forget_if_refused(token, answer)

    def read_result(self):
        if not self.mine:
            return
        kind, index = self.chance.choice(self.mine[-50:])
        token, via = self.token(), self.some_place()
        answer = read_result(self.client, token, kind, index, self.places[via][1], via=via)
        self.forget_if_refused(token, answer)

    def read_list(self):
        token, via, limit = self.token(), self.some_place(), self.chance.choice((1, 20, 100))
        fields = {"via": via, "limit": limit, "facts": listed}
        answer = self.client.call("list", "GET", f"/api/values?limit={limit}", None, token, self.places[via][1], **fields)
        self.forget_if_refused(token, answer)

    def try_token(self):
        token = self.token()
        self.forget_if_refused(token, self.use(token))

    def log_out(self):
        token, via = self.tokens.pop(self.chance.randrange(len(self.tokens))), self.some_place()
        answer = self.client.call("logout", "POST", "/auth/logout", token=token, port=self.places[via][0], via=via)
        if answer.status == 200:
            self.use_everywhere(token)
            self.world.dead.add(token)

    def change_password(self):
        token, old, via = self.token(), self.passwords[0], self.some_place()
        self.changes += 1
        new = self.changes
        body = {"current": self.password(old), "new": self.password(new)}
        fields = {"via": via, "old": old, "new": new}
        answer = self.client.call("password", "PUT", "/auth/password", body, token, self.places[via][0], **fields)
        if answer.status == 200:
            self.passwords, dead, self.tokens = [new], self.tokens, []
            for each in dead:
                self.use_everywhere(each)
                self.world.dead.add(each)
        else:
            self.passwords.append(new)
            self.forget_if_refused(token, answer)


def read_result(client, token, kind, index, port, op="result", **fields):
    """The whole decimal."""
    path = f"/api/values/{kind}/{index}"
    fields |= {"kind": kind, "index": index, "facts": calculated, "headers": {"Accept": "text/plain"}}
    return client.call(op, "GET", path, None, token, port, **fields)


class Prober(Actor):
    """Tries dead tokens, long after their death too."""

    def act(self):
        for token in self.world.dead.some(self.chance, 1):
            self.use(token)


class Admin(Actor):
    """Deletes and deactivates accounts, which it registers itself, and expects that no token of theirs is accepted then."""

    victims = itertools.count()

    def __init__(self, world, name):
        super().__init__(world, name)
        self.token = None

    def act(self):
        if self.token:
            self.remove(f"victim{next(Admin.victims)}")
        else:
            self.log_in()

    def log_in(self):
        email, password = abacus.ADMIN
        fields = {"email": email, "password": 0, "via": "nginx", "facts": issued}
        answer = self.client.call("login", "POST", "/auth/login", {"email": email, "password": password}, **fields)
        if answer.status == 200:
            self.token = answer.json["auth_token"]

    def remove(self, name):
        victim = User(self.world, name)
        victim.register()
        if not victim.tokens:
            return
        number = victim.client.exchange("GET", "/auth/status", None, bearer(victim.tokens[0]), abacus.PORT)
        if number.status != 200:
            return
        path, via, how = f"/users/{number.json['data']['id']}", self.some_place(), self.chance.choice(("DELETE", "PATCH"))
        body = {"active": False} if how == "PATCH" else None
        fields = {"via": via, "victim": name, "how": how}
        answer = self.client.call("remove", how, path, body, self.token, self.places[via][0], **fields)
        if answer.status == 200:
            self.use_everywhere(victim.tokens[0])
            self.world.dead.add(victim.tokens[0])
        elif answer.status == 401:
            self.token = None


class Listener(Actor):
    """Listens to live results: one connection after another, each for a while. Some log out in the middle, and go on listening
    until the connection is closed."""

    numbers = itertools.count()

    def __init__(self, world, name):
        super().__init__(world, name)
        self.user = User(world, name)

    def act(self):
        if not self.user.is_registered:
            self.user.register()
        elif not self.user.tokens:
            self.user.log_in_again()
        else:
            self.listen(next(Listener.numbers), self.user.tokens[0])

    def listen(self, number, token):
        via = self.some_place()
        begin, status, live = self.history.now(), None, None
        try:
            live = websocket.WebSocket(token, to=path_of(via), port=self.places[via][1], timeout=ANSWER_S)
            status = 101
        except websocket.RefusedError as refusal:
            status = refusal.status
        except (OSError, EOFError, AssertionError, ValueError):
            pass
        fields = {"connection": number, "token": fingerprint(token), "via": via, "status": status}
        self.history.add("open", user=self.name, begin=begin, end=self.history.now(), **fields)
        if live:
            with live:
                self.receive(live, number, token)

    def receive(self, live, number, token):
        until, logs_out = time.monotonic() + self.chance.uniform(*LISTEN_S), self.chance.random() < 0.3
        reason = "left"
        try:
            while time.monotonic() < until and not self.world.stopping.is_set():
                self.receive_one(live, number)
            if logs_out:
                self.log_out(token)
                until = time.monotonic() + AFTER_LOGOUT_S
                while time.monotonic() < until:
                    self.receive_one(live, number)
        except (OSError, EOFError) as end:
            reason = repr(end)[:100]
        except ClosedError as closed:
            reason = f"close frame {closed}"
            if "1008" in reason:
                self.user.tokens = []
        self.history.add("closed", connection=number, at=self.history.now(), reason=reason)

    def receive_one(self, live, number):
        if not live.buffer and not select.select([live.socket], [], [], POLL_S)[0]:
            return
        opcode, payload = live.next_frame()
        if opcode == websocket.PING:
            live.send(websocket.PONG, payload)
        elif opcode == websocket.CLOSE:
            raise ClosedError(int.from_bytes(payload[:2], "big"))
        elif opcode == websocket.TEXT:
            self.note(number, json.loads(payload))

    def note(self, number, message):
        at = self.history.now()
        if message == {"event": "ready"}:
            self.history.add("ready", connection=number, at=at)
        elif message["event"] == "value":
            fields = {name: message[name] for name in ("kind", "index", "digits", "duration_us")}
            self.history.add("event", connection=number, at=at, preview=fingerprint(message["preview"]), **fields)

    def log_out(self, token):
        self.user.tokens = []
        answer = self.client.call("logout", "POST", "/auth/logout", token=token, via="nginx")
        if answer.status == 200:
            self.world.dead.add(token)


class ClosedError(Exception):
    """The server sent a close frame; its code."""


class World:
    """What all actors of a run share."""

    def __init__(self, history, seed):
        self.history, self.seed = history, seed
        self.stopping, self.dead, self.actors = threading.Event(), DeadTokens(), []

    def start(self, users, listeners):
        self.actors = [User(self, f"user{number}") for number in range(users)]
        self.actors += [Listener(self, f"listener{number}") for number in range(listeners)]
        self.actors += [Prober(self, "prober"), Admin(self, "admin")]
        for actor in self.actors:
            actor.start()

    def stop(self):
        """The exceptions that ended actors, which are mistakes of the clients."""
        self.stopping.set()
        for actor in self.actors:
            actor.join()
        return [actor.failure for actor in self.actors if actor.failure]
