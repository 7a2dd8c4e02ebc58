"""Pinned files of a Maven repository, and the settings that say where they come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gonogo.core.errors import ConfigError
from gonogo.providers.embedded.maven import Pin, read_pins
from gonogo.providers.embedded.repository import (
    Settings,
    local_repositories,
    mirrors_central,
    pip_setting,
    proxy,
    repository,
    trust,
)

SHA256 = "ab" * 32


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith(("_proxy", "_bundle", "cert_file")) or name.startswith("PIP_") or name == "M2_REPO":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("gonogo.providers.embedded.repository.site_config_path", lambda _: tmp_path / "nowhere")


def settings(tmp_path: Path, text: str) -> Settings:
    """A settings.xml with this inside."""
    path = tmp_path / "settings.xml"
    path.write_text(f'<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0">{text}</settings>')
    return Settings(path)


def mirror(of: str, url: str = "https://mirror.example/all/", name: str = "ours") -> str:
    """One mirror element."""
    return f"<mirror><id>{name}</id><mirrorOf>{of}</mirrorOf><url>{url}</url></mirror>"


@pytest.mark.parametrize(
    ("coordinates", "path"),
    [
        ("org.example:a_2.13:1.0", "org/example/a_2.13/1.0/a_2.13-1.0.jar"),
        ("org.example:a:1.0:zip", "org/example/a/1.0/a-1.0.zip"),
        ("org.example:a:1.0:jar:linux-x86_64", "org/example/a/1.0/a-1.0-linux-x86_64.jar"),
    ],
)
def test_coordinates_are_a_path(coordinates: str, path: str) -> None:
    assert str(Pin(coordinates, 1, SHA256).path) == path


@pytest.mark.parametrize("coordinates", ["a:b", "a:b:..", "a:/b:1", "a:b:1:jar:c:d", "a b:c:1"])
def test_what_is_no_coordinates_is_refused(coordinates: str) -> None:
    with pytest.raises(ValueError, match="is not group:artifact:version"):
        Pin(coordinates, 1, SHA256)


def test_all_bad_lines_of_a_list_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "maven.txt"
    path.write_text(f"# a comment\n\na:b:1 10 {SHA256}  # why\na:b:1 ten {SHA256}\na:b:1 10\na:b:1 10 short\n")

    with pytest.raises(ConfigError) as caught:
        read_pins(path)

    assert [one.where for one in caught.value.problems] == [f"{path}:{line}" for line in (4, 5, 6)]


def test_the_shipped_lists_are_well_formed_and_name_no_file_twice() -> None:
    lists = [read_pins(path) for path in (Path(__file__).parents[1] / "deploy").glob("*/maven.txt")]

    assert lists
    assert all(len({pin.path for pin in pins}) == len(pins) > 0 for pins in lists)


def test_without_settings_it_is_mavens_default_repository(tmp_path: Path) -> None:
    found = repository(Settings(tmp_path / "missing.xml"))

    assert found.url.startswith("https://")
    assert (found.setting, found.credentials, found.proxy) == ("Maven's default repository", None, None)


@pytest.mark.parametrize(
    ("of", "taken"),
    [
        ("*", True),
        ("central", True),
        ("external:*", True),
        ("external:http:*", False),
        ("other, central", True),
        ("*,!central", False),
        ("*,!other", True),
        ("other", False),
    ],
)
def test_mirrors_stand_for_what_they_name(of: str, taken: bool) -> None:
    assert mirrors_central(of, "https://repository.example/maven2") is taken


def test_the_mirror_that_names_the_repository_comes_before_patterns(tmp_path: Path) -> None:
    both = mirror("*", name="all", url="https://all.example") + mirror("central")

    found = repository(settings(tmp_path, f"<mirrors>{both}</mirrors>"))

    assert found.url == "https://mirror.example/all"
    assert found.setting == f"mirror ours in {tmp_path}/settings.xml"


def test_an_active_profile_may_name_the_repository(tmp_path: Path) -> None:
    place = "<repositories><repository><id>central</id><url>https://ours.example</url></repository></repositories>"
    profile = f"<profiles><profile><id>work</id>{place}</profile></profiles>"
    active = "<activeProfiles><activeProfile>work</activeProfile></activeProfiles>"

    assert repository(settings(tmp_path, profile + active)).url == "https://ours.example"
    assert repository(settings(tmp_path, profile)).setting == "Maven's default repository"


def test_credentials_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hidden")
    server = "<server><id>ours</id><username>me</username><password>${env.TOKEN}</password></server>"

    found = repository(settings(tmp_path, f"<mirrors>{mirror('*')}</mirrors><servers>{server}</servers>"))

    assert found.credentials == ("me", "hidden")
    assert "hidden" not in repr(found)


@pytest.mark.parametrize(
    ("password", "said"), [("${env.NOT_SET}", "NOT_SET is not set"), ("{COQLCE6DU6GtcS5P=}", "is encrypted")]
)
def test_credentials_that_cannot_be_read_are_one_sentence(tmp_path: Path, password: str, said: str) -> None:
    server = f"<server><id>central</id><username>me</username><password>{password}</password></server>"

    with pytest.raises(ConfigError, match=said):
        repository(settings(tmp_path, f"<servers>{server}</servers>"))


@pytest.mark.parametrize("text", ["<mirrors>", "<mirrors><mirror><mirrorOf>*</mirrorOf></mirror></mirrors>"])
def test_settings_that_cannot_be_used_are_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"settings\.xml"):
        repository(settings(tmp_path, text))


def test_mavens_proxy_comes_before_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://environment.example:1")
    ours = (
        "<proxies><proxy><active>true</active><protocol>http</protocol><host>maven.example</host><port>2</port>"
        "<username>me</username><password>p@ss</password><nonProxyHosts>*.inside|near</nonProxyHosts></proxy></proxies>"
    )

    assert proxy("https://far.example", settings(tmp_path, ours)) == "http://me:p%40ss@maven.example:2"
    assert proxy("https://a.inside", settings(tmp_path, ours)) == "http://environment.example:1"


def test_no_proxy_and_pips_proxy_are_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_PROXY", "pip.example:3")
    monkeypatch.setenv("NO_PROXY", ".inside")

    assert proxy("https://far.example", settings(tmp_path, "")) == "http://pip.example:3"
    assert proxy("https://a.inside", settings(tmp_path, "")) is None


def test_pips_configuration_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nproxy = http://file.example:4\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))

    assert pip_setting("proxy") == "http://file.example:4"


def test_a_ca_bundle_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURL_CA_BUNDLE", "/nowhere/ca.pem")

    with pytest.raises(ConfigError, match=r"CURL_CA_BUNDLE: /nowhere/ca\.pem cannot be used"):
        trust()


def test_local_repositories_are_where_maven_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [tmp_path / "by-variable", tmp_path / "by-settings", tmp_path / ".m2" / "repository"]
    for folder in wanted:
        folder.mkdir(parents=True)
    monkeypatch.setenv("M2_REPO", str(wanted[0]))

    found = settings(tmp_path, "<localRepository>${user.home}/by-settings</localRepository>")

    assert local_repositories(found) == wanted
