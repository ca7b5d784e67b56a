"""The measured calls on Flask, under gunicorn: the same SQL, Redis commands and replies as the services."""

import base64
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import re
import time

import psycopg2
import redis
from flask import Flask, g, request

ENVIRONMENT = {name.removeprefix("PEER_"): value for name, value in os.environ.items() if name.startswith("PEER_")}
STATEMENTS = json.loads(pathlib.Path(ENVIRONMENT["STATEMENTS"]).read_text())
SECRET = ENVIRONMENT["SECRET"].encode()
STATES = ["pending", "pending", "done", "failed"]
JOBS_KEYS = ["jobs", "{jobs}:large", "{jobs}:window", "{jobs}:dead", "{jobs}:finished", "{jobs}:load"]

app = Flask(__name__)
app.json.sort_keys = False
app.json.compact = True
cache = redis.Redis.from_url(ENVIRONMENT["REDIS_URL"], decode_responses=True)
add_jobs = cache.register_script(pathlib.Path(ENVIRONMENT["ADD_LUA"]).read_text())
log = open(ENVIRONMENT["LOG"], "a", buffering=1)  # noqa: SIM115 (open as long as the process runs)
counter = itertools.count()


def connect(url, names):
    """A connection on which the statements are prepared."""
    connection = psycopg2.connect(ENVIRONMENT[url])
    connection.autocommit = True
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"PREPARE {name} AS {STATEMENTS[name]}")
    return connection


users = connect("USERS_URL", ["user_by_id"])
values = connect("VALUES_URL", ["values_insert", "calculations_shown"])


def query(connection, name, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(f"EXECUTE {name} ({', '.join(['%s'] * len(parameters))})", parameters)
        return cursor.fetchall()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def user_of_token():
    """The user id in a valid token (HS256), or None."""
    match = re.fullmatch(r"Bearer (([^.]+)\.([^.]+))\.([^.]+)", request.headers.get("Authorization", ""))
    if not match or not hmac.compare_digest(hmac.digest(SECRET, match[1].encode(), hashlib.sha256), decode(match[4])):
        return None
    claims = json.loads(decode(match[3]))
    return int(claims["sub"]) if claims["exp"] > time.time() else None


@app.before_request
def start():
    g.start = time.monotonic()
    g.id = f"peer-{os.getpid()}-{next(counter)}"


@app.after_request
def write_log(response):
    now = time.time()
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03d}Z"
    log.write(
        f'{{"ts":"{stamp}","request_id":"{g.id}","method":"{request.method}","path":"{request.path}",'
        f'"status":{response.status_code},"duration_s":{time.monotonic() - g.start:.6f},"remote_ip":"{request.remote_addr}"}}\n'
    )
    return response


@app.get("/users/ping")
def ping():
    return {"status": "success", "message": "pong!"}


@app.get("/users/<int:user_id>")
def user(user_id):
    if user_of_token() is None:
        return {"status": "fail", "code": "token_invalid"}, 401
    rows = query(users, "user_by_id", user_id)
    if not rows:
        return {"status": "fail", "code": "user_not_found"}, 404
    return {"status": "success", "data": dict(zip(("id", "username", "email", "active"), rows[0], strict=False))}


@app.get("/values/current")
def current():
    rows = query(values, "calculations_shown", "fibonacci", -1, int(request.args["limit"]))
    return {str(index): preview or "Nothing yet!" for index, preview in rows}


@app.post("/values")
def submit():
    user_id = user_of_token()
    if user_id is None:
        return {"status": "fail", "code": "token_invalid"}, 401
    index = int(request.get_json()["index"])
    [(value_id, state)] = query(values, "values_insert", [user_id], ["fibonacci"], [index])
    if state in (None, "pending"):
        [number] = add_jobs(JOBS_KEYS, [10000, "fibonacci", index, g.id])
        state = STATES[number]
    return {"working": True, "id": str(value_id), "kind": "fibonacci", "index": index, "state": state}
