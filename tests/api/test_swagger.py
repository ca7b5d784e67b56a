"""The document of the API and the page that shows it, as nginx serves them, and the script that sets the server in the
document."""

import gzip
import shutil
import subprocess

import pytest

import abacus
from abacus import call, get

SOURCE = abacus.ROOT / "services/swagger"


def test_the_page_runs_only_its_own_scripts():
    reply = get("/swagger/")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert b"://" not in reply.body and b"onclick" not in reply.body


@pytest.mark.parametrize("name", ["swagger-ui-bundle.js", "swagger-ui.css", "page.js", "page.css", "openapi.yaml"])
def test_the_pages_files_are_compressed_and_revalidated(name):
    plain = get(f"/swagger/{name}")
    packed = get(f"/swagger/{name}", headers={"Accept-Encoding": "gzip"})
    assert (plain.status, packed.status, packed.headers["Content-Encoding"]) == (200, 200, "gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["Cache-Control"] == "no-cache"
    assert get(f"/swagger/{name}", headers={"If-None-Match": plain.headers["ETag"]}).status == 304


def test_the_served_document_is_that_of_this_checkout():
    assert get("/swagger/openapi.yaml").body == (SOURCE / "openapi.yaml").read_bytes()


def test_the_path_without_its_slash_redirects_to_the_page():
    reply = get("/swagger")
    assert reply.status == 308
    assert reply.headers["Location"].endswith("/swagger/")


def test_a_missing_file_is_404_in_the_error_envelope():
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
def test_update_spec_refuses_an_invalid_url(tmp_path, url):
    document = tmp_path / "openapi.yaml"
    shutil.copy(SOURCE / "openapi.yaml", document)
    done = update_spec(url, document)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith("update-spec: ")
    assert document.read_bytes() == (SOURCE / "openapi.yaml").read_bytes()
