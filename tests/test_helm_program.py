"""helm as a program: what is in its arguments and what is not, how it ends, and which helm is good enough."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest
from api_server import Cluster, cluster
from kubeconfigs import api, kubeconfig

from gonogo.catalog.target import Kubernetes
from gonogo.core.errors import ConfigError, DeployError, Forbidden, NotReady
from gonogo.core.waiting import until
from gonogo.providers.helm import program as module
from gonogo.providers.helm.program import (
    Helm,
    HelmFailed,
    HelmKilled,
    HelmRelease,
    Installation,
    found,
    once_more,
    versioned,
)


def packed(release: bytes) -> str:
    """As a Secret holds it: helm's own base64 within that of Kubernetes."""
    return b64encode(b64encode(gzip.compress(release))).decode()


SECRET = "a-value-of-the-release-that-nobody-may-see"
CHART = Installation("store", "data", Path("/charts/store.tgz"), f"password: {SECRET}\n")

Fake = Callable[..., Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Puts a helm first in the PATH that does what a script says, once it was asked for its version."""

    def made(script: str, version: str = "v3.20.2+gb8b8b8b") -> Path:
        path = tmp_path / "bin/helm"
        path.parent.mkdir(exist_ok=True)
        head = f'#!/bin/sh\n[ "$1" = version ] && echo "{version}" && exit 0\ncd {tmp_path}\n'
        path.write_text(head + dedent(script))
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
        return path

    return made


@pytest.fixture
def held() -> Iterator[Cluster]:
    """A cluster with a namespace."""
    with cluster(spaces=["data", "other"]) as one:
        yield one


@pytest.fixture
def helm(tmp_path: Path, held: Cluster) -> Iterator[Helm]:
    """What is asked, of the context of a kubeconfig."""
    path = kubeconfig(tmp_path / "config", server=held.url)
    with closing(api(path)) as asked:
        yield Helm(Kubernetes(kubeconfig=str(path), context="one"), asked)


RECORDS = 'printf "%s\\n" "$@" > argv; cat > stdin; env > env'


def test_values_go_through_standard_input_and_nothing_waits(fake: Fake, helm: Helm, tmp_path: Path) -> None:
    fake(RECORDS)

    helm.install(CHART, {"gonogo/target": "t", "gonogo/run": "pv-1"}, 20)

    argv = (tmp_path / "argv").read_text().splitlines()
    assert argv[:4] == ["upgrade", "--install", "store", "/charts/store.tgz"]
    assert argv[argv.index("--labels") + 1] == "gonogo/target=t,gonogo/run=pv-1"
    assert argv[argv.index("--namespace") + 1] == "data"
    assert argv[argv.index("--values") + 1] == "-"
    assert argv[argv.index("--kube-context") + 1] == "one"
    assert argv[argv.index("--kubeconfig") + 1] == str(tmp_path / "config")
    assert not {"--wait", "--atomic", "--post-renderer", "--wait-for-jobs"} & set(argv)
    assert "--skip-crds" in argv
    assert SECRET not in str(argv)
    assert SECRET not in (tmp_path / "env").read_text()
    assert (tmp_path / "stdin").read_text() == f"password: {SECRET}\n"
    assert "HELM_NO_PLUGINS=1" in (tmp_path / "env").read_text()


def test_values_lie_in_no_file_that_has_a_name(fake: Fake, helm: Helm, tmp_path: Path) -> None:
    fake("readlink /proc/self/fd/0 > stdin")

    helm.install(CHART, {}, 20)

    assert (tmp_path / "stdin").read_text().strip().endswith("(deleted)")


def test_what_is_rendered_asks_no_cluster(fake: Fake, helm: Helm, held: Cluster, tmp_path: Path) -> None:
    fake(f"{RECORDS}; echo 'kind: Service'")

    text = helm.render(CHART)

    argv = (tmp_path / "argv").read_text().splitlines()
    assert text == "kind: Service\n"
    assert argv[0] == "template"
    assert "--include-crds" in argv
    assert not {"--kubeconfig", "--validate"} & set(argv)
    assert held.asked == []


def test_a_chart_is_rendered_once_however_many_ask(fake: Fake, helm: Helm, tmp_path: Path) -> None:
    fake("echo x >> runs; sleep 0.3; echo 'kind: Service'")

    with ThreadPoolExecutor(4) as pool:
        texts = [*pool.map(lambda _: helm.render(CHART), range(4))]

    assert texts == ["kind: Service\n"] * 4
    assert (tmp_path / "runs").read_text() == "x\n"


def test_what_helm_cannot_render_is_asked_once_too(fake: Fake, helm: Helm, tmp_path: Path) -> None:
    fake("echo x >> runs; echo 'Error: no host' >&2; exit 1")

    for _ in range(2):
        with pytest.raises(HelmFailed, match="Error: no host"):
            helm.render(CHART)

    assert (tmp_path / "runs").read_text() == "x\n"


def test_no_more_are_rendered_side_by_side_than_there_are_cores(
    fake: Fake, helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    fake("mkdir running || exit 3; sleep 0.1; rmdir running")
    narrow = Helm(Kubernetes(), helm._api)

    with ThreadPoolExecutor(4) as pool:
        texts = [*pool.map(lambda n: narrow.render(CHART._replace(release=f"r{n}")), range(4))]

    assert texts == [""] * 4


def test_a_release_is_removed_and_one_that_is_gone_is_no_fault(fake: Fake, helm: Helm, tmp_path: Path) -> None:
    fake(RECORDS)

    helm.uninstall("store", "data", 20)

    argv = (tmp_path / "argv").read_text().splitlines()
    assert argv[:4] == ["uninstall", "store", "--namespace", "data"]
    assert "--ignore-not-found" in argv
    assert "--wait" not in argv


def test_what_helm_says_when_it_fails_is_shown_without_secrets(fake: Fake, helm: Helm) -> None:
    fake(f'echo "Error: values: password={SECRET} does not match" >&2; exit 1')

    with pytest.raises(HelmFailed, match="Error: values") as failed:
        helm.install(CHART, {}, 20)

    assert SECRET not in str(failed.value)


def test_one_that_fails_without_a_word_says_its_code(fake: Fake, helm: Helm) -> None:
    fake("exit 7")

    with pytest.raises(HelmFailed, match="helm uninstall ended with 7"):
        helm.uninstall("store", "data", 20)


def test_one_that_is_killed_is_run_once_more(fake: Fake, helm: Helm) -> None:
    fake("[ -e killed ] || { touch killed; kill -9 $$; }; echo 'kind: Service'")
    heard: list[str] = []

    text = once_more(lambda: helm.render(CHART), lambda error: heard.append(str(error)))

    assert text == "kind: Service\n"
    assert heard == ["`helm template` of store was ended from outside by signal 9"]


def test_one_that_is_killed_twice_is_given_up(fake: Fake, helm: Helm) -> None:
    fake("kill -9 $$")
    heard: list[HelmKilled] = []

    with pytest.raises(HelmKilled, match="`helm upgrade` of store was ended from outside by signal 9"):
        once_more(lambda: helm.install(CHART, {}, 20), heard.append)

    assert len(heard) == 1


HANGS = """
    echo $$ > pid
    trap 'echo told > told; exit 1' TERM
    while :; do sleep 0.05; done
"""


def test_a_helm_that_nobody_needs_any_more_is_told_to_end(fake: Fake, helm: Helm, tmp_path: Path) -> None:
    fake(HANGS)

    def running() -> None:
        if (tmp_path / "pid").is_file():
            raise DeployError("store", "its hook is doomed")

    with pytest.raises(DeployError, match="its hook is doomed"):
        helm.install(CHART, {}, 60, running)

    assert (tmp_path / "told").read_text() == "told\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_helm_that_does_not_listen_is_killed(
    fake: Fake, helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.2)
    fake("echo $$ > pid; trap '' TERM; while :; do read -t 1 _ < /dev/zero || :; done")

    with pytest.raises(NotReady, match="helm upgrade --install"):
        helm.install(CHART, {}, 0.5)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGCONT)


# -- which helm


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("v3.18.0+gcc58e3f", (3, 18)),
        ("v3.20.2", (3, 20)),
        ("v4.0.1+g12ae3c2", (4, 0)),
        ("v4.2.3", (4, 2)),
        ("WARNING: Kubernetes configuration file is group-readable.\nv3.19.0+g1", (3, 19)),
    ],
)
def test_the_version_of_helm_3_and_4_is_understood(fake: Fake, said: str, version: tuple[int, int]) -> None:
    path = fake("", said)

    assert versioned(str(path)) == version
    assert found() == str(path)


@pytest.mark.parametrize("said", ["v3.17.4", "v2.17.0+g8ea7a7a"])
def test_a_helm_that_is_too_old_is_a_sentence(fake: Fake, said: str) -> None:
    fake("", said)

    with pytest.raises(ConfigError, match=r"is version \d\.17.*helm 3\.18 or later is needed"):
        found()


def test_no_helm_is_a_sentence_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigError, match=r"helm: is not installed \(install helm 3\.18"):
        found()


@pytest.mark.parametrize("said", ["", "no version here"])
def test_one_that_does_not_say_its_version_is_a_sentence(fake: Fake, said: str) -> None:
    fake("", said)

    with pytest.raises(ConfigError, match="does not say its version"):
        found()


def test_one_that_cannot_be_run_is_a_sentence(fake: Fake) -> None:
    path = fake("")
    path.write_bytes(b"\x7fELF")

    with pytest.raises(ConfigError, match="cannot be run"):
        found()


# -- what is there


def release(held: Cluster, space: str, name: str, revision: int, status: str, **ours: str) -> None:
    """A revision as helm keeps it (helm, pkg/storage/driver/secrets.go)."""
    labels = {"owner": "helm", "name": name, "status": status, "version": str(revision)}
    labels |= {f"gonogo/{key}": value for key, value in ours.items()}
    held.put("Secret", space, f"sh.helm.release.v1.{name}.v{revision}", labels=labels)


def test_the_newest_revision_counts_by_its_number(held: Cluster, helm: Helm) -> None:
    for revision, status in ((9, "superseded"), (10, "pending-upgrade"), (8, "superseded")):
        release(held, "data", "store", revision, status, target="t", run="pv-1", component="store", chart="store-1.0")
    release(held, "other", "store", 1, "deployed")
    held.put("Secret", "data", "password", labels={"app": "store"})

    every, of_space = helm.list(), helm.list("data")

    (one,) = of_space
    assert (one.name, one.namespace, one.revision, one.status) == ("store", "data", 10, "pending-upgrade")
    assert (one.target, one.run, one.component, one.chart) == ("t", "pv-1", "store", "store-1.0")
    assert {(one.namespace, one.target) for one in every} == {("data", "t"), ("other", "")}


def test_releases_that_may_not_be_listed_are_no_empty_list(held: Cluster, helm: Helm) -> None:
    held.refused = {"list secrets"}

    with pytest.raises(Forbidden):
        helm.list("data")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a program with its parent")
@pytest.mark.parametrize("hooks", [[{"manifest": "kind: Job\n"}], [], None])
def test_what_helm_made_of_a_release_is_read_where_helm_keeps_it(
    held: Cluster, helm: Helm, hooks: list[dict[str, str]] | None
) -> None:
    said = {"name": "store", "manifest": "kind: Service\n", "hooks": hooks, "chart": {"templates": []}}
    held.put("Secret", "data", "sh.helm.release.v1.store.v3", data={"release": packed(json.dumps(said).encode())})

    text = helm.kept(HelmRelease("store", "data", 3, "deployed"))

    assert text.split("\n---\n") == ["kind: Service\n", *(one["manifest"] for one in hooks or ())]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"release": "!"},
        {"release": b64encode(b"nothing that is packed").decode()},
        {"release": packed(b"not JSON")},
        {"release": packed(b'{"hooks": []}')},
        {"release": packed(b'{"manifest": ""}')[:40]},
    ],
)
def test_what_cannot_be_read_of_it_is_nothing(held: Cluster, helm: Helm, data: dict[str, str]) -> None:
    held.put("Secret", "data", "sh.helm.release.v1.store.v3", data=data)

    assert helm.kept(HelmRelease("store", "data", 3, "deployed")) == ""


def test_helm_does_not_outlive_a_killed_gonogo(fake: Fake, tmp_path: Path) -> None:
    fake("echo $$ > pid.new; mv pid.new pid; exec sleep 60")
    asks = """
        from pathlib import Path
        from gonogo.catalog.target import Kubernetes
        from gonogo.providers.helm.program import Helm, Installation
        Helm(Kubernetes(), None).install(Installation("store", "data", Path("/c"), ""), {}, 60)
    """
    gonogo = subprocess.Popen([sys.executable, "-c", dedent(asks)])
    until((tmp_path / "pid").exists, awaited="helm to run", within=20)
    helm = int((tmp_path / "pid").read_text())

    gonogo.kill()
    gonogo.wait()

    until(lambda: not runs(helm), awaited="the end of helm", within=5)


def runs(pid: int) -> bool:
    """Whether a process has not ended; who adopted it may not have heard of its end yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
