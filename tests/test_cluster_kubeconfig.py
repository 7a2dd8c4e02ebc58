"""Which cluster is asked, and as whom: everything that a kubeconfig can say, and a sentence for each mistake."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from base64 import b64encode
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from kubeconfigs import api, kubeconfig
from scripted import Reply, serving

from gonogo.catalog.target import Kubernetes
from gonogo.checks.translate import chain
from gonogo.cluster import kubeconfig as module
from gonogo.cluster.api import KINDS, Api
from gonogo.cluster.kubeconfig import chosen
from gonogo.core.errors import ClientError, ConfigError
from gonogo.core.outlet import redacted

PODS = KINDS["Pod"].path()


def test_the_current_context_is_asked(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", contexts=("one", "two"), current="two")

    access = chosen(Kubernetes(), {"KUBECONFIG": str(path)})

    assert (access.context, access.namespace, access.contexts) == ("two", "of-two", ("one", "two"))


def test_the_target_file_chooses_another_context(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", contexts=("one", "two"), current="two")

    assert chosen(Kubernetes(kubeconfig=str(path), context="one"), {}).context == "one"


def test_the_only_context_needs_no_choice(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", current="")

    assert chosen(Kubernetes(kubeconfig=str(path)), {}).context == "one"


def test_of_several_files_the_first_wins_and_paths_are_its_own(tmp_path: Path) -> None:
    for name, contexts in (("a", ("one",)), ("b", ("one", "two"))):
        (tmp_path / name).mkdir()
        kubeconfig(
            tmp_path / name / "config",
            contexts=contexts,
            current=contexts[-1],
            server=f"http://{name}:1",
            user={"client-certificate": "me.crt", "exec": {"command": "./login", "apiVersion": "v1"}},
        )
    both = os.pathsep.join([str(tmp_path / "a/config"), str(tmp_path / "none"), str(tmp_path / "b/config")])

    first, second = (chosen(Kubernetes(context=context), {"KUBECONFIG": both}) for context in ("", "two"))

    assert (first.context, first.cluster["server"]) == ("one", "http://a:1")
    assert first.user["client-certificate"] == str(tmp_path / "a/me.crt")
    assert second.user["exec"]["command"] == str(tmp_path / "b/login")


def test_a_wrong_context_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", contexts=("staging", "production"))

    with pytest.raises(ConfigError) as raised:
        chosen(Kubernetes(kubeconfig=str(path), context="stagin"), {})

    assert "no such context: 'stagin' (nearest known: 'staging'; contexts: production, staging)" in str(raised.value)


def test_no_context_is_told_with_those_there_are(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", contexts=("staging", "production"), current="")

    with pytest.raises(ConfigError) as raised:
        chosen(Kubernetes(kubeconfig=str(path)), {})

    assert "it has no current context (name one: production, staging)" in str(raised.value)


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        chosen(Kubernetes(), {"KUBECONFIG": str(tmp_path / "none")})

    assert "no kubeconfig there (set KUBECONFIG, or kubeconfig =" in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "is no YAML"),
        ("just words", "is no kubeconfig"),
        ("contexts: [{context: {}}]", "contexts must be a list of {name, context}"),
        ("contexts: [{name: a, context: {cluster: b}}]", "context 'a' names no cluster that is there: 'b'"),
        ("{contexts: [{name: a, context: {cluster: b}}], clusters: [{name: b}]}", "has no server"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)

    with pytest.raises(ConfigError) as raised:
        chosen(Kubernetes(kubeconfig=str(path)), {})

    assert said in str(raised.value)


def test_a_pod_asks_as_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "namespace").write_text("data")
    monkeypatch.setattr(module, "ACCOUNT", tmp_path)

    access = chosen(Kubernetes(), {"KUBECONFIG": str(tmp_path / "none"), "KUBERNETES_SERVICE_HOST": "10.0.0.1"})

    assert (access.in_cluster, access.namespace) == (True, "data")


def test_who_we_pretend_to_be(tmp_path: Path) -> None:
    user = {"as": "jane", "as-groups": ["dev", "ops"], "as-user-extra": {"Scopes/x": ["view"]}}
    with serving({f"GET {PODS}": [Reply(body="{}")]}) as script:
        path = kubeconfig(tmp_path / "config", server=script.url, user=user)
        with closing(api(path)) as asked:
            asked.get(PODS)
            headers = asked.stream_headers_and_tls(PODS).headers

    assert script.asked[0][1]["Impersonate-User"] == "jane"
    assert headers == [
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "dev"),
        ("Impersonate-Group", "ops"),
        ("Impersonate-Extra-scopes%2Fx", "view"),
    ]


def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old\n")
    with serving({f"GET {PODS}": [Reply(body="{}"), Reply(401), Reply(body="{}")]}) as script:
        path = kubeconfig(tmp_path / "config", server=script.url, user={"tokenFile": "token", "token": "other"})
        with closing(api(path)) as asked:
            asked.get(PODS)
            (tmp_path / "token").write_text("new\n")
            asked.get(PODS)

    sent = [headers["Authorization"] for _, headers in script.asked]
    assert sent == ["Bearer old", "Bearer old", "Bearer new"]


def test_no_output_shows_what_a_kubeconfig_and_its_plugin_hold(tmp_path: Path) -> None:
    program = (
        'import json; print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", '
        '"status": {"token": "plugin-token-1"}}))'
    )
    given = plugin(tmp_path, program)
    given["exec"] |= {"env": [{"name": "OIDC_SECRET", "value": "of-the-plugin"}]}  # type: ignore[operator]
    key = b64encode(b"key-of-the-user").decode()
    users = [{"token": "token-of-the-file"}, {"client-key-data": key, "client-certificate-data": "x"}, given]
    texts = ["token-of-the-file", "key-of-the-user", key, "of-the-plugin", "plugin-token-1", "proxy-word"]

    with serving({f"GET {PODS}": [Reply(body="{}")]}) as script:
        for user in users:
            cluster = {"proxy-url": "http://me:proxy-word@127.0.0.1:1"} if "token" in user else {}
            path = kubeconfig(tmp_path / "config", server=script.url, user=user, cluster=cluster)
            with closing(api(path)) as asked, contextlib.suppress(ClientError, ConfigError):
                asked.get(PODS)

    assert [text for text in texts if redacted(f"saw {text} there") != "saw *** there"] == []


PLUGIN = """
import json, os, sys
count = open(sys.argv[1], "a+"); count.write("x"); count.seek(0)
status = {"token": "token-%d" % len(count.read()), "expirationTimestamp": sys.argv[2]}
version = json.loads(os.environ["KUBERNETES_EXEC_INFO"])["apiVersion"]
print(json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status}))
"""


def plugin(folder: Path, program: str, *arguments: str) -> dict[str, object]:
    """A user whose credentials a program gives."""
    (folder / "plugin.py").write_text(program)
    argv = [str(folder / "plugin.py"), *arguments]
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": argv}}


@pytest.mark.parametrize(
    ("ends", "sent"),
    [
        ("2999-01-01T00:00:00Z", ["token-1", "token-1"]),
        ("2020-01-01T00:00:00Z", ["token-1", "token-2"]),
    ],
)
def test_a_plugin_is_run_again_once_its_credentials_end(tmp_path: Path, ends: str, sent: list[str]) -> None:
    with serving({f"GET {PODS}": [Reply(body="{}")]}) as script:
        path = kubeconfig(
            tmp_path / "config", server=script.url, user=plugin(tmp_path, PLUGIN, str(tmp_path / "count"), ends)
        )
        with closing(api(path)) as asked:
            asked.get(PODS)
            asked.get(PODS)

    assert [headers["Authorization"] for _, headers in script.asked] == [f"Bearer {token}" for token in sent]


def test_a_plugin_is_run_again_where_its_credentials_are_refused(tmp_path: Path) -> None:
    ends = "2999-01-01T00:00:00Z"
    with serving({f"GET {PODS}": [Reply(401), Reply(body="{}")]}) as script:
        path = kubeconfig(
            tmp_path / "config", server=script.url, user=plugin(tmp_path, PLUGIN, str(tmp_path / "count"), ends)
        )
        with closing(api(path)) as asked:
            asked.get(PODS)

    assert [headers["Authorization"] for _, headers in script.asked] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('please log in')", "failed: exec: process returned 1. please log in"),
        (
            'print(\'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "x", "status": {}}\')',
            "gave neither token nor certificate",
        ),
    ],
)
def test_a_plugin_that_fails_is_no_anonymous_request(tmp_path: Path, program: str, said: str) -> None:
    with serving({}) as script:
        path = kubeconfig(tmp_path / "config", server=script.url, user=plugin(tmp_path, program))
        with closing(api(path)) as asked, pytest.raises(ConfigError) as raised:
            asked.get(PODS)

    assert said in str(raised.value)
    assert script.asked == []


def test_a_plugin_that_is_not_there_is_told_with_its_own_hint(tmp_path: Path) -> None:
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin", "installHint": "ask"}
    }
    path = kubeconfig(tmp_path / "config", user=user)

    with closing(api(path)) as asked, pytest.raises(ConfigError) as raised:
        asked.get(PODS)

    assert "its credential plugin 'no-such-plugin' is not there (ask)" in str(raised.value)


def test_a_proxy_is_used_for_the_cluster_alone(tmp_path: Path) -> None:
    with serving({"GET http://cluster.example:1/api/v1/pods": [Reply(body=json.dumps({"seen": True}))]}) as script:
        path = kubeconfig(tmp_path / "config", server="http://cluster.example:1", cluster={"proxy-url": script.url})
        with closing(api(path)) as asked:
            answer = asked.get(PODS)
            proxy = asked.stream_headers_and_tls(PODS).proxy

    assert json.loads(answer) == {"seen": True}
    assert proxy == script.url


def test_a_proxy_is_told_who_asks(tmp_path: Path) -> None:
    with serving({"GET http://cluster.example:1/api/v1/pods": [Reply(body="{}")]}) as script:
        proxy = script.url.replace("://", "://jane:p%40ss@")
        path = kubeconfig(tmp_path / "config", server="http://cluster.example:1", cluster={"proxy-url": proxy})
        with closing(api(path)) as asked:
            asked.get(PODS)

    assert script.asked[0][1]["proxy-authorization"] == f"Basic {b64encode(b'jane:p@ss').decode()}"


@pytest.mark.skipif(find_spec("socks") is not None, reason="PySocks is installed")
def test_a_proxy_that_needs_another_library_says_so(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", cluster={"proxy-url": "socks5://127.0.0.1:1"})

    with closing(api(path)) as asked, pytest.raises(ConfigError) as raised:
        asked.get(PODS)

    assert "its proxy speaks socks5, and the package PySocks is not installed" in str(raised.value)


def test_the_environments_proxy_is_not_for_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serving({f"GET {PODS}": [Reply(body="{}")]}) as script:
        near = kubeconfig(tmp_path / "near", server=script.url)
        far = kubeconfig(tmp_path / "far", server="http://cluster.example:1")
        with closing(api(near)) as asked, closing(api(far)) as other:
            answer = asked.get(PODS)
            proxies = asked.stream_headers_and_tls(PODS).proxy, other.stream_headers_and_tls(PODS).proxy

    assert (answer, proxies) == (b"{}", ("", "http://127.0.0.1:1"))


@pytest.mark.parametrize("token", ["hunter2\n", "hun\r\nX-Other: ter2", "hünter2", "hunter2\x00"])
@pytest.mark.parametrize("given", ["token", "as"])
def test_what_no_header_can_hold_is_not_shown_and_not_sent(tmp_path: Path, given: str, token: str) -> None:
    user = {"token": "x", given: token}
    with serving({f"GET {PODS}": [Reply(body="{}")]}) as script:
        path = kubeconfig(tmp_path / "config", server=script.url, user=user)
        for ask in (Api.get, Api.stream_headers_and_tls):  # either way out
            with pytest.raises(ConfigError) as raised, closing(api(path)) as asked:
                ask(asked, PODS)

            texts = [str(one) + repr(one) for one in chain(raised.value)]
            assert [text for text in texts if "ter2" in text] == []

    assert script.asked == []
