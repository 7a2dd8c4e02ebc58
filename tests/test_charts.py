"""Charts from repositories and registries: fetched once, known by their digest, never another one in silence.

The registry is an emulator: it answers as the OCI distribution specification says, with the media types that
``helm push`` gives (https://helm.sh/docs/topics/registries/).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mirror import Mirror

from gonogo.core.errors import ConfigError
from gonogo.providers.helm.charts import CONTENT, KeptChart, fetch
from gonogo.providers.helm.spec import Release

PACKED = b"\x1f\x8b a packed chart, as far as fetching goes"
DIGEST = f"sha256:{hashlib.sha256(PACKED).hexdigest()}"
OTHER = f"sha256:{'0' * 64}"


@pytest.fixture
def repository() -> Iterator[Mirror]:
    """A repository with one version of one chart."""
    with Mirror() as mirror:
        mirror.files["charts/index.yaml"] = b"""
apiVersion: v1
entries:
  kafka:
  - {name: kafka, version: 1.2.0, urls: [packed/kafka-1.2.0.tgz]}
  - {name: kafka, version: 1.1.0, urls: []}
"""
        mirror.files["charts/packed/kafka-1.2.0.tgz"] = PACKED
        yield mirror


def release(mirror: Mirror, **given: str) -> Release:
    """A release of its chart."""
    fields = {"name": "kafka", "chart": "kafka", "version": "1.2.0", "repository": f"{mirror.url}/charts"}
    return Release(**{**fields, **given})


def test_a_chart_is_fetched_once(repository: Mirror, tmp_path: Path) -> None:
    wanted = release(repository, digest=DIGEST)

    first = fetch(wanted, tmp_path, tmp_path)
    asked = len(repository.asked)
    again = fetch(wanted, tmp_path, tmp_path)

    assert first == again == KeptChart(first.path, DIGEST, True)
    assert first.path.read_bytes() == PACKED
    assert (asked, len(repository.asked)) == (2, 2)


def test_the_digest_of_an_unpinned_chart_is_recorded_and_counts_from_then_on(
    repository: Mirror, tmp_path: Path
) -> None:
    found = fetch(release(repository), tmp_path, tmp_path)
    found.path.unlink()
    repository.files["charts/packed/kafka-1.2.0.tgz"] = b"published anew"

    assert (found.digest, found.pinned) == (DIGEST, False)
    with pytest.raises(ConfigError, match="another chart than the one that was fetched first"):
        fetch(release(repository), tmp_path, tmp_path)


def test_a_wrong_digest_is_a_sentence(repository: Mirror, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="another chart than the one that is pinned"):
        fetch(release(repository, digest=OTHER), tmp_path, tmp_path)

    assert list(tmp_path.glob("charts/*")) == []


def test_a_damaged_chart_is_fetched_anew(repository: Mirror, tmp_path: Path) -> None:
    found = fetch(release(repository, digest=DIGEST), tmp_path, tmp_path)
    found.path.write_bytes(b"damaged")

    assert fetch(release(repository, digest=DIGEST), tmp_path, tmp_path).path.read_bytes() == PACKED


def test_with_everything_here_nobody_is_asked(repository: Mirror, tmp_path: Path) -> None:
    fetch(release(repository), tmp_path, tmp_path)
    repository.files.clear()

    assert fetch(release(repository), tmp_path, tmp_path).path.read_bytes() == PACKED


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"version": "1.2.1"}, r"has no version 1\.2\.1.*1\.2\.0"),
        ({"chart": "kafak"}, "is not in the repository.*kafka"),
        ({"version": "1.1.0"}, "names no address"),
        ({"repository": "http://127.0.0.1:9/charts"}, "cannot be fetched"),
    ],
    ids=["version", "name", "no address", "unreachable"],
)
def test_what_cannot_be_had_is_a_sentence(
    given: dict[str, str], sentence: str, repository: Mirror, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        fetch(release(repository, **given), tmp_path, tmp_path)


def test_a_page_in_place_of_an_index_is_a_sentence(repository: Mirror, tmp_path: Path) -> None:
    repository.files["charts/index.yaml"] = b"<html>please log in</html>"

    with pytest.raises(ConfigError, match=r"index\.yaml: is neither an index of charts nor a manifest"):
        fetch(release(repository), tmp_path, tmp_path)


def test_a_refusal_says_who_refused_what(repository: Mirror, tmp_path: Path) -> None:
    repository.faults["charts/index.yaml"] = [403]

    with pytest.raises(ConfigError, match=r"127\.0\.0\.1 answers 403 for /charts/index\.yaml"):
        fetch(release(repository), tmp_path, tmp_path)


def test_more_than_a_chart_may_be_is_not_read(
    repository: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gonogo.providers.helm.charts.LARGEST", 10)

    with pytest.raises(ConfigError, match="serves more than"):
        fetch(release(repository), tmp_path, tmp_path)


# -- registries


class Registry(BaseHTTPRequestHandler):
    """Serves one chart to whoever has a token, which anybody gets."""

    media = CONTENT

    def do_GET(self) -> None:
        if self.path.startswith("/token"):
            self.told(json.dumps({"token": "for-anybody"}).encode())
        elif self.headers.get("Authorization") != "Bearer for-anybody":
            host = self.headers["Host"]
            self.send_response(401)
            self.send_header("WWW-Authenticate", f'Bearer realm="http://{host}/token",service="s",scope="repository:c"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/v2/charts/kafka/manifests/1.2.0_build.1":
            self.told(json.dumps({"layers": [{"mediaType": self.media, "digest": DIGEST}]}).encode())
        elif self.path == f"/v2/charts/kafka/blobs/{DIGEST}":
            self.told(PACKED)
        else:
            self.send_error(404)

    def told(self, body: bytes) -> None:
        """An answer."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def registry() -> Iterator[str]:
    """Where the emulator is."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_registry_serves_a_chart_to_anybody_who_asks_for_a_token(registry: str, tmp_path: Path) -> None:
    wanted = Release(name="kafka", chart=f"oci://{registry}/charts/kafka", version="1.2.0+build.1", digest=DIGEST)

    assert fetch(wanted, tmp_path, tmp_path).path.read_bytes() == PACKED


def test_an_image_is_no_chart(registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "media", "application/vnd.oci.image.layer.v1.tar+gzip")
    wanted = Release(name="kafka", chart=f"oci://{registry}/charts/kafka", version="1.2.0+build.1")

    with pytest.raises(ConfigError, match="is no chart: its manifest holds no layer of that kind"):
        fetch(wanted, tmp_path, tmp_path)


# -- beside helm.toml


def test_a_folder_is_taken_as_it_is_and_known_by_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "chart" / "templates").mkdir(parents=True)
    (tmp_path / "chart" / "Chart.yaml").write_text("name: chart\n")
    wanted = Release(name="c", chart="chart")

    before = fetch(wanted, tmp_path, tmp_path)
    (tmp_path / "chart" / "templates" / "pod.yaml").write_text("kind: Pod\n")
    after = fetch(wanted, tmp_path, tmp_path)

    assert before.path == after.path == tmp_path / "chart"
    assert before.digest != after.digest


def test_a_folder_without_a_chart_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no chart: neither a \.tgz nor a folder with Chart\.yaml"):
        fetch(Release(name="c", chart="nowhere"), tmp_path, tmp_path)


def test_a_packed_chart_beside_it_has_the_digest_that_is_pinned(tmp_path: Path) -> None:
    (tmp_path / "c.tgz").write_bytes(PACKED)

    assert fetch(Release(name="c", chart="c.tgz", digest=DIGEST), tmp_path, tmp_path).digest == DIGEST
    with pytest.raises(ConfigError, match="has digest sha256:"):
        fetch(Release(name="c", chart="c.tgz", digest=OTHER), tmp_path, tmp_path)
