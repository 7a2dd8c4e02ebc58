"""An API server that is broken, or not ours: it gets neither our time, nor our memory, nor our token to elsewhere."""

from __future__ import annotations

import gzip
import json
import socket
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from kubeconfigs import api, kubeconfig
from saying import flood, saying
from scripted import Reply, Script, answers, serving

from gonogo.catalog.target import Kubernetes
from gonogo.cluster import api as module
from gonogo.cluster import hub as stores
from gonogo.cluster import survey
from gonogo.cluster.api import KINDS, VERSION, Api, items
from gonogo.cluster.hub import Hub
from gonogo.cluster.judge.shapes import Base
from gonogo.core.endpoints import Timeouts
from gonogo.core.errors import ClientError, ClusterLost, Forbidden, Garbled
from gonogo.core.waiting import pause, until
from gonogo.providers.existing.access import ClusterAccess

POD = KINDS["Pod"]
PODS = f"GET {POD.path()}"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def asking(folder: Path, url: str, *, check: float = 5) -> Iterator[Api]:
    with closing(api(kubeconfig(folder / "config", server=url, user={"token": "of-ours"}), check=check)) as asked:
        yield asked


@contextmanager
def scripted(folder: Path, replies: Mapping[str, list[Reply]]) -> Iterator[tuple[Api, Script]]:
    with serving(replies) as script, asking(folder, script.url) as asked:
        yield asked, script


def trickle(what: bytes, every: float = 0.05) -> Callable[[socket.socket], None]:
    """A byte now and then, so that it is never silent."""

    def say(connection: socket.socket) -> None:
        for byte in what * 10_000:
            connection.sendall(bytes([byte]))
            pause(every, reason="the server is slow on purpose")

    return say


# -- our token


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_takes_our_token_nowhere(tmp_path: Path, status: int) -> None:
    with serving({}) as elsewhere:
        moved = Reply(status, headers={"Location": f"{elsewhere.url}/api/v1/pods"})
        with scripted(tmp_path, {PODS: [moved]}) as (asked, script), pytest.raises(Garbled, match=f"HTTP {status}"):
            asked.get(POD.path())

    assert (len(script.asked), elsewhere.asked) == (1, [])


def test_a_challenge_is_not_answered_by_another_kind_of_credentials(tmp_path: Path) -> None:
    asks = Reply(401, headers={"WWW-Authenticate": 'Basic realm="https://evil.example"', "Set-Cookie": "a=b"})
    with scripted(tmp_path, {PODS: [asks]}) as (asked, script), pytest.raises(ClientError):
        asked.get(POD.path())

    assert {headers["Authorization"] for _, headers in script.asked} == {"Bearer of-ours"}
    assert [headers for _, headers in script.asked if "Cookie" in headers] == []


# -- our memory


@pytest.mark.parametrize("length", [b"Content-Length: 999999999999\r\n\r\n", b"Connection: close\r\n\r\n"])
def test_an_answer_has_an_end(tmp_path: Path, length: bytes) -> None:
    with (
        saying(lambda _: HEAD + length, flood(bytes(1 << 20))) as (url, _),
        asking(tmp_path, url, check=20) as asked,
        pytest.raises(Garbled, match="an answer of more than 64 MiB"),
    ):
        asked.get(VERSION)


def test_a_refusal_has_an_end_too(tmp_path: Path) -> None:
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 999999999999\r\n\r\n"
    with (
        saying(lambda _: head, flood(bytes(1 << 20))) as (url, _),
        asking(tmp_path, url, check=20) as asked,
        pytest.raises(Garbled, match="an answer of more than 64 MiB"),
    ):
        asked.get(VERSION)


@pytest.fixture
def peak() -> Iterator[Callable[[], float]]:
    """The most MiB that were in use at once since it began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1] / (1 << 20)
    tracemalloc.stop()


def test_a_packed_list_is_not_unpacked_beyond_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: Callable[[], float]
) -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(128)) + packer.flush()
    monkeypatch.setattr(module, "LARGEST_PAGE", 8 << 20)

    with (
        scripted(tmp_path, {PODS: [Reply(body=bomb, headers={"Content-Encoding": "gzip"})]}) as (asked, _),
        pytest.raises(Garbled, match="an answer of more than 8 MiB"),
    ):
        list(asked.pages(POD))

    assert len(bomb) < 1 << 20
    assert peak() < 40


@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate", "br", "zstd", "gzip,identity", "x-gzip", "what"])
def test_a_list_is_packed_as_was_asked_or_not_at_all(tmp_path: Path, encoding: str) -> None:
    packed = Reply(body=gzip.compress(b"{}"), headers={"Content-Encoding": encoding})
    with scripted(tmp_path, {PODS: [packed]}) as (asked, _), pytest.raises(Garbled, match="unasked"):
        list(asked.pages(POD))


def test_what_nobody_asked_to_be_packed_is_not_unpacked(tmp_path: Path) -> None:
    packed = Reply(body=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})
    with scripted(tmp_path, {PODS: [packed]}) as (asked, _):
        with pytest.raises(Garbled, match="packed as 'gzip', unasked"):
            asked.get(POD.path())
        with pytest.raises(Garbled, match="packed as 'gzip', unasked"):
            list(asked.watch(POD, None, "1"))


def listed(more: str, names: tuple[str, ...] = ()) -> Reply:
    metadata = {"resourceVersion": "5", "continue": more}
    found = [{"metadata": {"name": name, "namespace": "data"}} for name in names]
    return Reply(body=json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": found}))


def test_a_list_that_begins_again_is_none(tmp_path: Path) -> None:
    with scripted(tmp_path, {PODS: [listed("same")]}) as (asked, script), pytest.raises(Garbled, match="does not end"):
        list(asked.pages(POD))

    assert len(script.asked) == 2


def test_a_list_that_goes_on_and_on_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGES", 20)
    pages = [listed(f"page-{n}") for n in range(100)]
    with scripted(tmp_path, {PODS: pages}) as (asked, script), pytest.raises(Garbled, match="the list does not end"):
        list(asked.pages(POD))

    assert len(script.asked) == 20


def test_the_pages_of_a_list_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_LIST", 1000)
    pages = [listed(f"page-{n}", tuple(f"pod-{n}-{m}" for m in range(10))) for n in range(10)]
    with scripted(tmp_path, {PODS: pages}) as (asked, script), pytest.raises(Garbled, match="the list does not end"):
        list(asked.pages(POD))

    assert len(script.asked) < 5


def test_a_line_of_a_watch_has_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: Callable[[], float]
) -> None:
    monkeypatch.setattr(module, "LARGEST_LINE", 4 << 20)
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

    with (
        saying(lambda _: head, flood(chunk)) as (url, _),
        asking(tmp_path, url) as asked,
        pytest.raises(Garbled, match="a line of the watch does not end"),
    ):
        list(asked.watch(POD, None, "1"))

    assert peak() < 40


def test_a_watch_that_tells_more_than_a_list_may_hold_is_a_list_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "LARGEST_LIST", 10_000)
    events = (
        {"type": "ADDED", "object": {"metadata": {"name": f"pod-{n}", "namespace": "data", "resourceVersion": str(n)}}}
        for n in range(1000)
    )
    told = "".join(json.dumps(event) + "\n" for event in events)
    kept: list[int] = []
    take = stores.Store._take
    monkeypatch.setattr(stores.Store, "_take", lambda store, line: (take(store, line), kept.append(len(store.objects))))
    replies = [listed(""), Reply(body=told), listed(""), Reply(cut=True)]

    with scripted(tmp_path, {PODS: replies}) as (asked, script), closing(Hub(asked)) as hub:
        hub.ask([POD])
        hub.listed(10)
        until(lambda: len(script.asked) > 3, awaited="the next watch", within=10)

    assert 50 < max(kept) < 200


def test_what_we_may_not_list_is_not_looked_for_in_whatever_number_of_namespaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "NAMESPACES", 3)
    spaces = {"items": [{"metadata": {"name": f"space-{n}"}} for n in range(4)]}
    replies = {PODS: [Reply(403)], "GET /api/v1/namespaces": answers(spaces)}

    with scripted(tmp_path, replies) as (asked, script), closing(Hub(asked, follow=False)) as hub:
        hub.ask([POD])
        hub.listed(10, tolerate=(Forbidden,))
        refusals, notes = hub.refusals, hub.notes

    assert [line for line, _ in script.asked] == [PODS, "GET /api/v1/namespaces"]
    assert [str(one).partition(" (")[0] for one in refusals] == ["may not list pods in any namespace"]
    assert notes == ["4 namespaces are too many to be looked at one by one: name some (-n)"]


# -- our time


@pytest.mark.parametrize("length", [b"Content-Length: 100000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n"])
def test_an_answer_that_trickles_is_none(tmp_path: Path, length: bytes) -> None:
    with saying(lambda _: HEAD + length, trickle(b"x")) as (url, _), asking(tmp_path, url, check=0.5) as asked:
        begun = monotonic()
        with pytest.raises(ClusterLost, match="did not answer within the limit"):
            asked.get(VERSION)

    assert monotonic() - begun < 5


def test_our_own_cut_is_no_cut_of_the_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_time = module._in_time
    monkeypatch.setattr(module, "_in_time", lambda _, cut, ask: in_time(0.1, cut, ask))

    with (
        saying(lambda _: b"") as (url, _),
        asking(tmp_path, url) as asked,
        pytest.raises(ClusterLost, match="did not answer within the limit"),
    ):
        asked.get(VERSION)


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n"),
        (b"", b"HTTP/1.1 200"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1", b";x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-More: x\r\n"),
    ],
    ids=["headers", "status", "chunk", "trailers"],
)
def test_what_stands_around_an_answer_does_not_trickle_either(tmp_path: Path, head: bytes, what: bytes) -> None:
    with saying(lambda _: head, trickle(what)) as (url, _), asking(tmp_path, url, check=0.5) as asked:
        begun = monotonic()
        with pytest.raises(ClusterLost, match="did not answer within the limit"):
            asked.get(VERSION)

    assert monotonic() - begun < 8


@pytest.mark.parametrize("what", [b"x", b"\n"], ids=["no-line", "empty-lines"])
def test_a_watch_that_trickles_is_silent(tmp_path: Path, what: bytes) -> None:
    head = HEAD + b"Connection: close\r\n\r\n"
    with saying(lambda _: head, trickle(what)) as (url, _), asking(tmp_path, url) as asked:
        begun = monotonic()
        with pytest.raises(ClusterLost, match="did not answer within the limit"):
            list(asked.watch(POD, None, "1", silence=0.5))

    assert monotonic() - begun < 5


@pytest.mark.parametrize("value", ["\u00b2", "-1", "1e9", "9" * 5000, "", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_pause_is_a_number_of_seconds_or_one(tmp_path: Path, value: str) -> None:
    later = Reply(429, headers={"Retry-After": value})
    with scripted(tmp_path, {PODS: [later, Reply(body="{}")]}) as (asked, _), suppress(ClusterLost):
        asked.get(POD.path())


# -- garbage in place of what was asked for

GARBAGE = {
    "empty": b"",
    "no-json": b"<html>log in</html>",
    "null": b"null",
    "list": b"[]",
    "number": b"1e400",
    "text": b'"x"',
    "nothing": b"{}",
    "nested": b"[" * 200_000,
    "nested-inside": b'{"metadata":' * 200_000,
    "items-nested": b'{"items":[' + b'{"metadata":' * 200_000,
    "no-utf8": b'{"metadata":{"name":"\xff"}}',
    "items-no-list": b'{"items": 7, "groups": 7, "resources": 7, "data": 7, "status": 7, "metadata": 7}',
    "items-null": b'{"items": [null], "groups": [null], "data": {"password": null}, "metadata": null}',
    "items-odd": b'{"items": [{"metadata": [], "spec": 7}], "groups": [{"name": {}}], "metadata": {"uid": []}}',
    "cut": b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5","continue":"',
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_an_answer_to_no_question(tmp_path: Path, body: bytes) -> None:
    odd = [Reply(body=body)]
    paths = ["/version", "/apis", "/api/v1/pods", "/api/v1/namespaces/kube-system", "/api/v1/namespaces/data/secrets/x"]
    paths += ["/apis/networking.k8s.io/v1/namespaces/data/ingresses", "/api/v1/namespaces/data/services/web"]
    paths += ["/apis/discovery.k8s.io/v1/namespaces/data/endpointslices", "/api/v1/namespaces/data/pods"]
    with serving({f"GET {path}": odd for path in paths}) as script:
        settings = Kubernetes(kubeconfig=str(kubeconfig(tmp_path / "config", server=script.url)), transport="ingress")
        with closing(ClusterAccess(settings, Timeouts(connect=5, check=5))) as cluster:
            for ask in (
                cluster.api.identity,
                lambda: cluster.secret("data", "x", "password"),
                lambda: cluster.reached("data/web:80", web=True),
                lambda: list(items(cluster.api, POD, Base)),
                lambda: list(cluster.api.pages(POD)),
                lambda: survey.custom_kinds(cluster.api),
                lambda: survey.of_cluster(cluster.api),
            ):
                try:
                    ask()
                except ClientError as error:
                    assert len(str(error)) < 3000  # noqa: PT017 - any other exception is the failure


def test_a_long_message_is_told_in_part(tmp_path: Path) -> None:
    said: Any = {"message": "x" * 1_000_000}
    with scripted(tmp_path, {PODS: [Reply(500, json.dumps(said))]}) as (asked, _), pytest.raises(ClusterLost) as raised:
        asked.get(POD.path())

    assert len(str(raised.value)) < 3000


def test_what_an_answer_holds_is_found(tmp_path: Path) -> None:
    with scripted(tmp_path, {PODS: answers({"items": [{"kind": "Pod"}]}), "GET /version": answers({})}) as (asked, _):
        assert list(items(asked, POD, Base)) == [{"kind": "Pod"}]
        with pytest.raises(Garbled, match="missing required field"):
            module.read(asked, VERSION, module.Version)
