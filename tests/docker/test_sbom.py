"""What the images of stage and production consist of, as scripts/sbom reads it."""

import json

import pytest

from engine import KIND, containers, run
from harness import elsewhere

pytestmark = pytest.mark.skipif(KIND == "dev", reason=elsewhere("development's images are not pushed"))
# Of each service, packages that it is made of; sonames and with them names of packages change with Debian's releases.
PARTS = {
    "users": ["libc6", "libpq5", "libevent-", "libutf8proc", "libzxcvbn", "ca-certificates"],
    "worker": ["libc6", "libgmp", "libhiredis", "ca-certificates"],
    "mailer": ["libc6", "libcurl", "libssl", "ca-certificates"],
    "client": ["nginx-light", "react", "react-router"],
    "nginx": ["nginx-light", "libc6"],
}


@pytest.mark.parametrize("service", PARTS)
def test_an_image_names_its_packages(service):
    image = containers(service)[0]["Image"]
    found = json.loads(run("scripts/sbom", service, image).stdout)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["name"] == f"abacus/{service}"
    names = [one["name"] for one in found["components"]]
    assert [part for part in PARTS[service] if not any(name.startswith(part) for name in names)] == []
    assert len({one["bom-ref"] for one in found["components"]}) == len(names)
    debian = [one["purl"] for one in found["components"] if one["purl"].startswith("pkg:deb/debian/")]
    assert debian and all("&distro=debian-" in one for one in debian)


def test_every_library_of_a_daemons_image_is_of_a_package_that_it_names(tmp_path):
    """By the lists of files that packages bring along, which the image of nginx has too, and Debian's base."""
    image = containers("mailer")[0]["Image"]
    copied = run("docker", "create", image).stdout.strip()
    try:
        run("docker", "cp", f"{copied}:/", tmp_path / "image")
    finally:
        run("docker", "rm", copied)
    packages = {path.name for path in (tmp_path / "image/var/lib/dpkg/status.d").iterdir()}
    assert all((tmp_path / f"image/usr/share/doc/{name}/copyright").stat().st_size for name in packages)
    libraries = list((tmp_path / "image").rglob("*.so.*"))
    assert len(libraries) >= len(packages) - 1 > 10  # each package but ca-certificates has one at least
