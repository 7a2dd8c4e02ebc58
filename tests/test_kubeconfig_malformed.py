"""Kubeconfigs as damage, tools and other people leave them: a sentence, never a traceback, and never less safe."""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from odd_values import mutants
from scripted import Reply, serving

from gonogo import cli
from gonogo.catalog.target import Kubernetes
from gonogo.cluster.api import KINDS
from gonogo.cluster.kubeconfig import chosen, configured
from gonogo.core.errors import ClientError, ConfigError
from tests.kubeconfigs import api

WHOLE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "one",
    "preferences": {},
    "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "data", "extensions": []}}],
    "clusters": [
        {
            "name": "c",
            "cluster": {
                "server": "http://127.0.0.1:1",
                "insecure-skip-tls-verify": False,
                "tls-server-name": "x",
                "certificate-authority-data": "eA==",
                "proxy-url": "http://127.0.0.1:1",
            },
        }
    ],
    "users": [
        {
            "name": "u",
            "user": {
                "token": "secret-token",
                "username": "jane",
                "password": "secret-password",
                "client-certificate-data": "eA==",
                "client-key-data": "eA==",
                "as": "jane",
                "as-uid": "7",
                "as-groups": ["dev"],
                "as-user-extra": {"scopes": ["view"]},
                "auth-provider": {"name": "oidc", "config": {"idp-issuer-url": "x"}},
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": "/nowhere/plugin",
                    "args": ["x"],
                    "env": [{"name": "A", "value": "b"}],
                    "installHint": "ask",
                    "provideClusterInfo": True,
                    "interactiveMode": "Never",
                },
            },
        }
    ],
}

FILES: dict[str, bytes] = {
    "nothing": b"",
    "only a mark": b"\xef\xbb\xbf",
    "no UTF-8": b"contexts: \xff\xfe\n",
    "NUL": b"a: \0",
    "UTF-16": json.dumps(WHOLE).encode("utf-16"),
    "a list": b"[]",
    "a text": b"hello",
    "several documents": b"{}\n---\n{}\n",
    "1e400": b"current-context: 1e400\n",
    "digits": b"current-context: " + b"9" * 5000,
    "digits of a name": b"contexts: [{name: " + b"9" * 5000 + b"}]",
    "deep flow": b"contexts: " + b"[" * 50_000,
    "deep block": b"- " * 50_000,
    "deep and whole": b"contexts: " + b"[" * 900 + b"]" * 900,
    "an alias bomb": b"a0: &a0 [x, x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 20)) for n in range(1, 8)),
    "a tag": b"contexts: !!python/object/apply:os.system [id]\n",
    "no int": b"contexts: !!int ''\n",
    "tabs": b"contexts:\n\t- name: x\n",
    "an open quote": b'contexts: "',
    "a key that is a list": b"{[a]: b}",
    "binary": bytes(range(256)) * 10,
}


def used(path: Path | str) -> Exception | None:
    """What comes of asking the cluster of a kubeconfig; raises what is no sentence."""
    try:
        access = chosen(Kubernetes(kubeconfig=str(path)), {})
        configured(access)
    except (ConfigError, ClientError) as error:
        return error
    return None


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_no_kubeconfig_is_a_sentence(what: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(FILES[what])

    told = used(path)

    assert isinstance(told, ConfigError)
    assert str(told).startswith(str(path))


def test_an_odd_value_anywhere_is_a_sentence_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config"
    told = 0
    for what, odd in mutants(WHOLE):
        path.write_text(json.dumps(odd))
        try:
            error = used(path)
        except Exception as raised:
            pytest.fail(f"{what}: {raised!r}")
        told += error is not None
        assert "secret-" not in str(error), what
    assert told > 200


def test_odd_values_of_one_way_to_log_in_are_a_sentence_or_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "config"
    with serving({"GET /api/v1/pods": [Reply(body="{}")]}) as script:
        whole = json.loads(json.dumps(WHOLE))
        whole["clusters"][0]["cluster"] = {"server": script.url}
        whole["users"][0]["user"] = {"token": "secret-token", "as": "jane", "as-user-extra": {"scopes": ["view"]}}
        for what, odd in mutants(whole):
            path.write_text(json.dumps(odd))
            told = ""
            try:
                with closing(api(path, check=1)) as asked:
                    asked.get(KINDS["Pod"].path())
            except (ConfigError, ClientError) as error:
                told = str(error)
            except Exception as raised:
                pytest.fail(f"{what}: {raised!r}")
            assert "secret-" not in told, what


@pytest.mark.parametrize("value", ["false", "true", "", 0, 1, [], {}])
def test_verification_is_only_switched_off_by_true(value: object, tmp_path: Path) -> None:
    path = tmp_path / "config"
    cluster = {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": value}
    path.write_text(json.dumps({**WHOLE, "clusters": [{"name": "c", "cluster": cluster}]}))

    with pytest.raises(ConfigError, match="insecure-skip-tls-verify must be true or false"):
        chosen(Kubernetes(kubeconfig=str(path)), {})


@pytest.mark.parametrize(("value", "verified"), [(True, False), (False, True), (None, True)])
def test_verification_is_as_the_file_says(value: bool | None, verified: bool, tmp_path: Path) -> None:
    path = tmp_path / "config"
    cluster = {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": value}
    users = [{"name": "u", "user": {"token": "x"}}]
    path.write_text(json.dumps({**WHOLE, "users": users, "clusters": [{"name": "c", "cluster": cluster}]}))

    settings, _ = configured(chosen(Kubernetes(kubeconfig=str(path)), {}))

    assert settings.verify_ssl is verified


@pytest.mark.parametrize("key", ["token", "username", "password", "as", "as-groups"])
def test_what_cannot_stand_in_a_header_is_not_printed_either(key: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    value: object = "hunter2\nInjected: yes"
    user = {"username": "x", "password": "y", key: [value] if key == "as-groups" else value}
    path.write_text(json.dumps({**WHOLE, "users": [{"name": "u", "user": user}]}))

    told = used(path)

    assert isinstance(told, ConfigError)
    assert "hunter2" not in str(told)


@pytest.mark.parametrize(
    "name", ["~nobody-of-that-name/config", "no/such/config", ".", "a\0b", "x" * 5000, "config:.", ""]
)
def test_a_name_that_is_no_file_is_a_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").write_text(json.dumps(WHOLE))

    assert isinstance(used(name), ConfigError)


def test_a_token_file_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps({**WHOLE, "users": [{"name": "u", "user": {"tokenFile": "/dev/zero"}}]}))

    assert "is larger than 1 MiB" in str(used(path))


STATUSES = [
    '{"token": 7}',
    '{"token": "a\\nb"}',
    '{"clientCertificateData": [], "clientKeyData": "x"}',
    '{"token": "x", "expirationTimestamp": "soon"}',
    '{"token": "x", "expirationTimestamp": 7}',
    "[]",
    "null",
    '"x"',
    "7",
]


@pytest.mark.parametrize("status", STATUSES)
def test_what_a_plugin_gives_may_be_odd(status: str, tmp_path: Path) -> None:
    version = "client.authentication.k8s.io/v1"
    said = f'{{"apiVersion": "{version}", "kind": "ExecCredential", "status": {status}}}'
    plugin = {"apiVersion": version, "command": sys.executable, "args": ["-c", f"print({said!r})"]}
    path = tmp_path / "config"
    path.write_text(json.dumps({**WHOLE, "users": [{"name": "u", "user": {"exec": plugin}}]}))

    assert isinstance(used(path), ConfigError)


def test_a_time_without_a_zone_is_utc(tmp_path: Path) -> None:
    version = "client.authentication.k8s.io/v1"
    status = {"token": "x", "expirationTimestamp": "2999-01-01T00:00:00"}
    said = json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})
    plugin = {"apiVersion": version, "command": sys.executable, "args": ["-c", f"print({said!r})"]}
    cluster = {"server": "https://127.0.0.1:1"}
    path = tmp_path / "config"
    path.write_text(
        json.dumps(
            {
                **WHOLE,
                "users": [{"name": "u", "user": {"exec": plugin}}],
                "clusters": [{"name": "c", "cluster": cluster}],
            }
        )
    )

    _, ends = configured(chosen(Kubernetes(kubeconfig=str(path)), {}))

    assert ends is not None
    assert ends.tzinfo is not None


@pytest.mark.parametrize("what", ["no UTF-8", "digits", "deep flow", "deep and whole", "no int", "a list"])
def test_the_verb_ends_with_wrong_use(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config"
    path.write_bytes(FILES[what])
    monkeypatch.setitem(os.environ, "KUBECONFIG", str(path))
    monkeypatch.delenv("GONOGO_TARGET", raising=False)
    monkeypatch.setattr(sys, "argv", ["gonogo", "health"])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 2
    assert "Traceback" not in capfd.readouterr().err
