"""scripts/stack.d/logs.awk: what becomes of the lines that svlogd keeps."""

import json
import subprocess

import pytest

from harness import ROOT

LABEL = "@400000006b082d5527862424"  # 2026-11-26T12:59:55.663102500Z, without the ten seconds of TAI


def shown(service, *lines, least="debug", for_a_reader=True):
    text = f"==> /x/log/{service}/current <==\n" + "".join(f"{LABEL} {line}\n" for line in lines)
    command = ["awk", "-v", f"least={least}", "-v", f"shown={int(for_a_reader)}", "-f", ROOT / "scripts/stack.d/logs.awk"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, env={"LC_ALL": "C"}, timeout=20)
    return done.stdout.splitlines()


def compact(value):
    """As our daemons and nginx write it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def event(level="info", msg="started", **fields):
    origin = {"service": "values", "instance": "values-2", "msg": msg}
    return compact({"ts": "2026-11-26T12:59:55.544Z", "level": level} | origin | fields)


def test_an_event_is_one_line_with_its_time_level_instance_words_and_fields():
    assert shown("values-2", event(version="0.1.0", reason='it is "late"', limit=3)) == [
        '2026-11-26 12:59:55.544 info  values-2      started version=0.1.0 reason="it is \\"late\\"" limit=3'
    ]


def test_events_below_the_level_are_left_out():
    lines = [event(level, level) for level in ("debug", "info", "warn", "error")]
    assert [line.split()[2] for line in shown("values", *lines, least="warn")] == ["warn", "error"]
    assert len(shown("values", *lines, least="debug")) == 4


def test_json_stays_as_it_was():
    line = event(reason='a \\ and a " and a \n')
    assert shown("values", line, for_a_reader=False) == [line]


PLAIN = [
    ("postgres", "2026-11-26 12:59:55.663 UTC [12] FATAL:  the database is away", "error", "the database is away"),
    ("postgres", "2026-11-26 12:59:55.663 UTC [12] LOG:  checkpoint starting: time", "info", "checkpoint starting: time"),
    ("redis", "22790:M 26 Nov 2026 12:59:55.663 # WARNING overcommit", "warn", "WARNING overcommit"),
    ("redis", "22790:M 26 Nov 2026 12:59:55.663 * Ready to accept connections", "info", "Ready to accept connections"),
    ("nginx", "2026/11/26 12:59:55 [error] 12#12: *1 connect() failed", "error", "12#12: *1 connect() failed"),
]


@pytest.mark.parametrize("service, line, level, said", PLAIN)
def test_what_is_no_json_gets_a_level_and_a_time(service, line, level, said):
    assert shown(service, line) == [f"2026-11-26 12:59:55.663 {level:5} {service:13} {said}"]
    (made,) = shown(service, line, for_a_reader=False)
    assert json.loads(made) == {"ts": "2026-11-26T12:59:55.663Z", "level": level, "service": service, "msg": line}


def test_a_request_in_the_log_of_nginx_says_what_was_asked_and_the_status():
    asked = {"service": "nginx", "method": "GET", "path": "/a b", "status": 502, "bytes": 3}
    line = compact({"ts": "2026-11-26T12:59:55+00:00"} | asked)
    assert shown("nginx", line) == ['2026-11-26 12:59:55 warn  nginx         GET "/a b" 502 bytes=3']


def test_nothing_in_a_log_can_command_the_terminal():
    lines = [event(reason="\x1b[2Jgone"), event("info", "\x7f\u009b2J"), "a plain line \x1b]0;title\x07 \u009b2J with commands"]
    for for_a_reader in (True, False):
        text = "\n".join(shown("values", *lines, for_a_reader=for_a_reader))
        assert not set(text) & set("\x1b\x07\x7f\u009b") and "u001b[2Jgone" in text and "with commands" in text


def test_a_path_that_a_client_asks_for_looks_like_no_status_and_no_field():
    asked = {"service": "nginx", "method": "GET", "path": '/x" 200 user=admin y="', "status": 404, "bytes": 3}
    line = compact({"ts": "2026-11-26T12:59:55+00:00"} | asked)
    assert shown("nginx", line) == [r'2026-11-26 12:59:55 info  nginx         GET "/x\" 200 user=admin y=\"" 404 bytes=3']


def test_a_line_that_was_cut_is_shown_and_is_json_elsewhere():
    cut = event(reason="long")[:-5]
    assert cut[:40] in shown("values", cut)[0]
    assert json.loads(shown("values", cut, for_a_reader=False)[0])["msg"] == cut


def test_a_line_that_was_cut_keeps_its_level():
    cut = [event(level, level, reason="long")[:-5] for level in ("info", "error")]
    (line,) = shown("values", *cut, least="warn")
    assert line.split()[2] == "error"
