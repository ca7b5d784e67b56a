"""The document of the API and the page that shows it, as they are served, and the script that sets the document's server."""

import gzip
import shutil
import subprocess

import pytest

import abacus
from abacus import call, get

SOURCE = abacus.ROOT / "services/swagger"


def test_the_page_is_served_and_runs_scripts_of_its_own_alone():
    reply = get("/swagger/")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert b"://" not in reply.body and b"onclick" not in reply.body


@pytest.mark.parametrize("name", ["swagger-ui-bundle.js", "swagger-ui.css", "page.js", "page.css", "openapi.yaml"])
def test_what_the_page_needs_is_there_compressed_and_asked_for_anew(name):
    plain = get(f"/swagger/{name}")
    packed = get(f"/swagger/{name}", headers={"Accept-Encoding": "gzip"})
    assert (plain.status, packed.status, packed.headers["Content-Encoding"]) == (200, 200, "gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["Cache-Control"] == "no-cache"
    assert get(f"/swagger/{name}", headers={"If-None-Match": plain.headers["ETag"]}).status == 304


def test_the_document_is_the_one_of_this_tree():
    assert get("/swagger/openapi.yaml").body == (SOURCE / "openapi.yaml").read_bytes()


def test_the_address_without_a_slash_leads_to_the_page():
    reply = get("/swagger")
    assert reply.status == 308
    assert reply.headers["Location"].endswith("/swagger/")


def test_what_is_not_there_is_refused_in_the_envelope_of_all():
    assert (get("/swagger/nothing").status, get("/swagger/nothing").json["code"]) == (404, "not_found")
    assert (call("POST", "/swagger/").status, call("POST", "/swagger/").json["code"]) == (405, "method_not_allowed")


def update_spec(*arguments):
    return subprocess.run([SOURCE / "update-spec", *arguments], capture_output=True, text=True)


def servers(document):
    lines = document.read_text().splitlines()
    start = lines.index("servers:")
    return [line.split("url:")[1].strip() for line in lines[start : lines.index("tags:")] if "url:" in line]


def test_update_spec_sets_the_server_and_nothing_else(tmp_path):
    document = tmp_path / "openapi.yaml"
    shutil.copy(SOURCE / "openapi.yaml", document)
    for url in ("https://abacus.example.com/a~b", "http://127.0.0.1:8080", "/"):
        assert update_spec(url, document).returncode == 0
        assert servers(document) == [url]
    assert document.read_bytes() == (SOURCE / "openapi.yaml").read_bytes()


@pytest.mark.parametrize("url", ["", "ftp://a", "abacus.example.com", "http://a b", "http://a|b", "http://a\nb", "http://"])
def test_update_spec_refuses_what_is_no_url(tmp_path, url):
    document = tmp_path / "openapi.yaml"
    shutil.copy(SOURCE / "openapi.yaml", document)
    done = update_spec(url, document)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith("update-spec: ")
    assert document.read_bytes() == (SOURCE / "openapi.yaml").read_bytes()
