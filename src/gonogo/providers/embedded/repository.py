"""Where Maven files come from, and how: by the settings that users of Maven and pip have already.

Repository, mirrors, credentials and proxies are read as Maven reads them
(https://maven.apache.org/settings.html, https://maven.apache.org/guides/mini/guide-mirror-settings.html);
proxy and CA variables as pip, curl and requests read them.
"""

from __future__ import annotations

import configparser
import os
import re
import ssl
import sys
import urllib.request
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from platformdirs import site_config_path, user_config_path

from gonogo.core.errors import ConfigError, Problem
from gonogo.core.loading import LOADING

CENTRAL = "central"  # the id that Maven gives its default repository
VARIABLE = re.compile(r"\$\{(env\.)?([^}]+)\}")
CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class Repository:
    """One repository. ``setting`` says, for people, which setting named it."""

    url: str
    setting: str
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Its host, and nothing secret."""
        return urlsplit(self.url).hostname or self.url


class Settings:
    """Maven's ``settings.xml``; a missing one is an empty one. Raises ``ConfigError`` where it does not parse."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._root = ElementTree.parse(path).getroot()
        except FileNotFoundError:
            self._root = ElementTree.Element("settings")
        except (OSError, ElementTree.ParseError) as error:
            raise ConfigError(Problem(str(path), f"cannot be read: {error}")) from error

    def local_repository(self) -> str:
        """The folder where Maven keeps what it fetched, or ""."""
        return self._text(self._root, "localRepository")

    def repository(self, default: str) -> tuple[str, str, str]:
        """Id, address and setting of what stands for the central repository, whose own address is ``default``."""
        address, setting = default, "Maven's default repository"
        for named in self._active_profiles():
            for repository in named.iterfind("{*}repositories/{*}repository"):
                if self._text(repository, "id") == CENTRAL and self._text(repository, "url"):
                    address = self._text(repository, "url")
                    setting = f"repository {CENTRAL} of profile {self._text(named, 'id')} in {self.path}"
        mirrors = [(self._text(one, "mirrorOf"), one) for one in self._root.iterfind("{*}mirrors/{*}mirror")]
        exact = [one for of, one in mirrors if of == CENTRAL]
        by_pattern = [one for of, one in mirrors if mirrors_central(of, address)]
        for mirror in (*exact, *by_pattern):
            name = self._text(mirror, "id")
            return name, self._text(mirror, "url"), f"mirror {name} in {self.path}"
        return CENTRAL, address, setting

    def credentials(self, server: str) -> tuple[str, str] | None:
        """User and password of the server with this id."""
        for one in self._root.iterfind("{*}servers/{*}server"):
            if self._text(one, "id") == server and self._text(one, "username"):
                user, password = self._text(one, "username"), self._text(one, "password")
                if password.startswith("{") and password.endswith("}"):
                    raise ConfigError(
                        Problem(
                            str(self.path),
                            f"the password of server {server} is encrypted, which only Maven itself can read",
                            "give it as ${env.NAME}",
                        )
                    )
                return user, password
        return None

    def proxy(self, url: str) -> str | None:
        """The active proxy for an address; one of Maven's speaks HTTP, whatever it carries."""
        where = urlsplit(url)
        active = [
            one
            for one in self._root.iterfind("{*}proxies/{*}proxy")
            if self._text(one, "active") in ("", "true") and self._text(one, "host")
        ]
        for protocol in (where.scheme, "http"):
            for one in active:
                passed_by = re.split(r"[|,]", self._text(one, "nonProxyHosts"))
                if (self._text(one, "protocol") or "http") != protocol or any(
                    fnmatch(where.hostname or "", pattern.strip()) for pattern in passed_by
                ):
                    continue
                user, password = quote(self._text(one, "username"), ""), quote(self._text(one, "password"), "")
                login = f"{user}:{password}@" if user else ""
                return f"http://{login}{self._text(one, 'host')}:{self._text(one, 'port') or 8080}"
        return None

    def _active_profiles(self) -> list[ElementTree.Element]:
        named = [(one.text or "").strip() for one in self._root.iterfind("{*}activeProfiles/{*}activeProfile")]
        return [
            one
            for one in self._root.iterfind("{*}profiles/{*}profile")
            if self._text(one, "id") in named or one.findtext("{*}activation/{*}activeByDefault", "").strip() == "true"
        ]

    def _text(self, element: ElementTree.Element, tag: str) -> str:
        def value(found: re.Match[str]) -> str:
            if not found[1]:
                return str(Path.home()) if found[2] == "user.home" else found[0]
            if found[2] not in os.environ:
                raise ConfigError(Problem(str(self.path), f"<{tag}> names {found[0]}, and {found[2]} is not set"))
            return os.environ[found[2]]

        return VARIABLE.sub(value, element.findtext(f"{{*}}{tag}", "").strip())


def mirrors_central(of: str, address: str) -> bool:
    """Whether a mirror's ``mirrorOf`` takes in the central repository at ``address``.

    Source of the rule: class ``DefaultMirrorSelector`` of Maven's resolver.
    """
    where = urlsplit(address)
    external = where.scheme != "file" and where.hostname not in ("localhost", "127.0.0.1")
    patterns = [one.strip() for one in of.split(",")]
    if f"!{CENTRAL}" in patterns:
        return False
    return any(
        one in (CENTRAL, "*")
        or (one == "external:*" and external)
        or (one == "external:http:*" and external and where.scheme == "http")
        for one in patterns
    )


def user_settings() -> Settings:
    """The user's ``~/.m2/settings.xml``."""
    return Settings(Path.home() / ".m2" / "settings.xml")


def repository(settings: Settings) -> Repository:
    """Where to fetch from. The default address is the one that PyPI's ``jgo`` knows.

    Raises ``ConfigError`` where ``jgo`` is missing or the settings name no usable address.
    """
    try:
        with LOADING:
            from jgo.constants import MAVEN_CENTRAL_URL
    except ImportError as error:
        raise ConfigError(
            Problem("Maven files", f"need the Python package jgo: {error}", f"{sys.executable} -m pip install jgo")
        ) from error
    name, url, setting = settings.repository(MAVEN_CENTRAL_URL)
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(Problem(setting, "its address does not begin with http:// or https://", "correct its <url>"))
    return Repository(url.rstrip("/"), setting, settings.credentials(name), proxy(url, settings))


def proxy(url: str, settings: Settings) -> str | None:
    """The proxy for an address: Maven's, else that of HTTPS_PROXY and its kin, else pip's."""
    where = urlsplit(url)
    found = settings.proxy(url)
    if not found and not urllib.request.proxy_bypass(where.hostname or ""):
        known = urllib.request.getproxies()
        found = known.get(where.scheme) or known.get("all") or pip_setting("proxy")
    return found if not found or "://" in found else f"http://{found}"


def pip_setting(name: str) -> str | None:
    """A setting as pip reads it: environment variable, else the configuration files, the nearest first.

    Source: https://pip.pypa.io/en/stable/topics/configuration/
    """
    if value := os.environ.get(f"PIP_{name.upper()}"):
        return value
    files = [
        Path(os.environ.get("PIP_CONFIG_FILE", os.devnull)),
        Path(sys.prefix) / "pip.conf",
        user_config_path("pip") / "pip.conf",
        Path.home() / ".pip" / "pip.conf",
        site_config_path("pip") / "pip.conf",
        Path("/etc/pip.conf"),
    ]
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise ConfigError(Problem(str(file), f"cannot be read: {error}")) from error
        for section in ("install", "global"):
            if value := parser.get(section, name, fallback=None):
                return value
    return None


def trust() -> ssl.SSLContext:
    """The system's and the well-known certificate authorities, and those that the user's settings add.

    Raises ``ConfigError`` where a setting names a file that is not there or holds no certificate.
    """
    import httpx

    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    named = [(os.environ.get(one), one) for one in CA_VARIABLES] + [(pip_setting("cert"), "pip's setting cert")]
    for value, setting in {value: setting for value, setting in named if value}.items():
        try:
            is_folder = Path(value).is_dir()
            context.load_verify_locations(capath=value) if is_folder else context.load_verify_locations(cafile=value)
        except OSError as error:
            raise ConfigError(
                Problem(setting, f"{value} cannot be used as CA bundle: {error}", "correct or unset it")
            ) from error
    return context


def local_repositories(settings: Settings) -> list[Path]:
    """Where Maven may have fetched the same files before."""
    named = (os.environ.get("M2_REPO"), settings.local_repository(), str(Path.home() / ".m2" / "repository"))
    return [Path(one) for one in named if one and Path(one).is_dir()]
