"""A content repository of two components whose servers are files: enough to see the machinery whole."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

STANDS_ALONE = "[content]\nbuiltin = false\n"
"""The ``gonogo.toml`` of a repository that nothing built in is added to."""

CLIENT = '''
    from collections.abc import Iterator
    from pathlib import Path
    from gonogo.checks.client import Leftover
    from gonogo.core.errors import Refused, TimedOut
    from gonogo.checks.journal import run_of
    from gonogo.core.endpoints import Endpoints

    class {title}:
        """A 'server' that is a file: its text is its mood, its absence is refusal."""

        kinds = ("thing",)

        def __init__(self, endpoints: Endpoints) -> None:
            self.endpoints, self.folder = endpoints, Path(endpoints["folder"])

        def mood(self) -> str:
            path = self.folder / "mood"
            if not path.exists():
                raise Refused("{name}", "connection refused")
            if path.read_text() == "hung":
                with (self.folder / "asked").open("a") as file:
                    file.write("x")
                raise TimedOut("{name}", "no answer within 1 s")
            return path.read_text()

        def answers(self) -> str:
            return self.mood()

        def version(self) -> str:
            return "1.2.3"

        def identity(self) -> str:
            return "id-of-{name}"

        def close(self) -> None:
            pass

        def leftovers(self) -> list[Leftover]:
            self.mood()
            found = self.folder.glob("pv-*")
            return [Leftover("thing", path.name, run_of(path.name) or "") for path in found]

        def remove(self, kind: str, name: str) -> None:
            (self.folder / name).unlink(missing_ok=True)

        def put(self, text: str) -> str:
            with self.endpoints.scope.owns("thing", self) as name:
                self.endpoints.sends(len(text))
                (self.folder / name).write_text(text)
                return (self.folder / name).read_text()
'''

CRITERIA = """
    [profiles.default]
    include = ["*"]

    [store.answers]
    level = "critical"
    claim = "The store answers"

    [store.keeps]
    level = "critical"
    claim = "The store keeps what it is given"

    [store.mood]
    level = "important"
    claim = "The store is in a good mood"

    [shop.answers]
    level = "critical"
    claim = "The shop answers"

    [shop.sells]
    level = "critical"
    claim = "The shop sells from the store"
"""

STORE_SUITE = '''
    import pytest
    from fixtures.store import Store
    from gonogo import expect, something

    @pytest.mark.criterion("store.answers")
    def test_store_answers(store: Store) -> None:
        """The store answers."""
        expect(store.answers(), something(), cause="store.silent")

    @pytest.mark.criterion("store.keeps")
    @pytest.mark.writes
    def test_store_keeps(store: Store) -> None:
        """What was put is read."""
        expect(store.put("a"), "a", cause="store.lossy")

    @pytest.mark.criterion("store.mood")
    def test_store_is_happy(store: Store) -> None:
        """The store is happy."""
        mood = store.mood()

        expect(mood, "happy", cause="store.unhappy")
'''

SHOP_SUITE = '''
    import pytest
    from fixtures.shop import Shop
    from gonogo import expect, something

    @pytest.mark.criterion("shop.answers")
    def test_shop_answers(shop: Shop) -> None:
        """The shop answers."""
        expect(shop.answers(), something(), cause="shop.silent")

    @pytest.mark.criterion("shop.sells")
    def test_shop_sells(shop: Shop) -> None:
        """The shop sells."""
        expect(shop.mood(), something(), cause="shop.silent")
'''

COMPONENT = """
    title = "{title}"
    needs = {needs}

    [endpoints]
    required = ["folder"]
    optional = ["password"]
    secret = ["password"]

    [expect]
    things = 3

    [signatures.unhappy]
    hint = "Cheer it up."
    by_hand = "cat {{folder}}/mood"

    [signatures.silent]
    hint = "Speak to it."
    by_hand = "ls {{folder}}"

    [signatures.lossy]
    hint = "Look for leaks."
    by_hand = "ls {{folder}}"
"""


class Content:
    """The content repository, and the moods of its two servers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("gonogo.toml", STANDS_ALONE)
        self.write("pyproject.toml", '[tool.pytest]\nstrict = true\naddopts = ["--import-mode=importlib"]\n')
        self.write("reports/criteria.toml", CRITERIA)
        for name, needs in (("store", "[]"), ("shop", '["store"]')):
            title = name.title()
            self.write(f"deploy/{name}/component.toml", dedent(COMPONENT).format(title=title, needs=needs))
            self.write(f"fixtures/{name}.py", dedent(CLIENT).format(name=name, title=title))
            self.mood(name, "happy")
        self.write("suites/store/test_store.py", STORE_SUITE)
        self.write("suites/shop/test_shop.py", SHOP_SUITE)
        self.target()

    def write(self, path: str, text: str) -> Path:
        """A file of the repository, its text dedented."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
        return file

    def mood(self, name: str, mood: str | None) -> None:
        """What the server's file says; None takes the server away."""
        file = self.root / "servers" / name / "mood"
        file.parent.mkdir(parents=True, exist_ok=True)
        if mood is None:
            file.unlink()
        else:
            file.write_text(mood)

    def asked(self, name: str) -> int:
        """How often the hung server was asked."""
        file = self.root / "servers" / name / "asked"
        return len(file.read_text()) if file.exists() else 0

    def target(self, head: str = "", identity: str = 'identity = "id-of-store"') -> Path:
        """The target file ``there``, chosen by the environment."""
        return self.write(
            "deploy/targets/there.toml",
            f"""
[target]
name = "there"
provider = "existing"
modes = ["read", "write"]
{head}

[components.store]
folder = "{self.root}/servers/store"
{identity}

[components.shop]
folder = "{self.root}/servers/shop"
""",
        )
