"""The plugin, seen from outside: pytest in a content repository of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import msgspec
import pytest
from repositories import Content

from gonogo.results.model import Results

Outcomes = Callable[[], dict[str, str]]


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("suites/", *arguments)


def test_everything_right_is_go(pytester: pytest.Pytester, content: Content, outcomes: Outcomes) -> None:
    done = run(pytester, "--mode", "write")

    assert done.ret == 0
    assert set(outcomes().values()) == {"passed"}
    assert "GO on there" in done.stdout.str()


def test_read_is_the_default_and_what_it_leaves_out_is_counted(
    pytester: pytest.Pytester, content: Content, outcomes: Outcomes
) -> None:
    done = run(pytester)

    assert done.ret == 0
    assert outcomes()["store.keeps"] == "skipped"
    done.stdout.fnmatch_lines(["GO on there, read only: 3 of 4 critical criteria; 1 needs --mode write"])


def test_a_false_claim_fails_with_its_cause_and_hint(pytester: pytest.Pytester, content: Content) -> None:
    content.mood("store", "sad")

    done = run(pytester, "--mode", "write")

    said = ["failed: store.unhappy: expected happy, saw sad", "*Cheer it up.*", "*cat */mood*"]
    done.stdout.fnmatch_lines(said)
    assert done.ret == 1


def test_what_pytest_shows_and_hands_to_others_holds_no_secret(pytester: pytest.Pytester, content: Content) -> None:
    target = content.target()
    target.write_text(target.read_text() + 'password = { env = "SHOP_SECRET" }\n')
    content.write(
        "suites/store/test_store.py",
        """
        import pytest
        from fixtures.store import Store

        SECRETS = ["canary-9Xq7Zp4L", "password=hunter2hunter2"]

        @pytest.mark.criterion("store.answers")
        def test_store_answers(store: Store, shop) -> None:
            print("seen", *SECRETS)
            raise ValueError(f"Invalid header value {SECRETS}")

        @pytest.mark.criterion("store.keeps")
        def test_store_keeps(store: Store) -> None:
            pytest.skip(f"left out with {SECRETS[1]}")

        @pytest.mark.criterion("store.mood")
        @pytest.mark.parametrize("value", [1])
        def test_store_mood(store: Store, value: int) -> None:
            assert SECRETS == ["other"]
        """,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_SECRET", "canary-9Xq7Zp4L")
        done = run(pytester, "--mode", "write", "-ra", "-vv", "--junitxml=pytest.xml", "--showlocals")

    folders = [content.root / "reports" / "out", content.root / ".gonogo"]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    shown = [str(done.stdout), str(done.stderr), *(file.read_text() for file in [*files, content.root / "pytest.xml"])]
    assert "Invalid header value" in shown[0]
    assert len(files) > 8
    for text in shown:
        assert "canary-9Xq7Zp4L" not in text
        assert "hunter2hunter2" not in text


def test_a_component_that_refuses_fails_and_blocks_what_needs_it(
    pytester: pytest.Pytester, content: Content, outcomes: Outcomes
) -> None:
    content.mood("store", None)

    done = run(pytester, "--mode", "write")

    assert done.ret == 1
    assert outcomes() == {
        "store.answers": "failed",
        "store.keeps": "blocked",
        "store.mood": "blocked",
        "shop.answers": "blocked",
        "shop.sells": "blocked",
    }
    assert "store.connection_refused" in done.stdout.str()


def test_a_hung_component_is_asked_once_and_is_broken(
    pytester: pytest.Pytester, content: Content, outcomes: Outcomes
) -> None:
    content.mood("store", "hung")

    done = run(pytester, "--mode", "write")

    assert done.ret == 1
    assert content.asked("store") == 1
    assert outcomes()["store.answers"] == "broken"
    assert outcomes()["shop.answers"] == "blocked"
    assert "could not tell" in done.stdout.str()


def test_a_narrowed_run_has_no_verdict_and_keeps_the_exit_code_of_pytest(
    pytester: pytest.Pytester, content: Content
) -> None:
    done = run(pytester, "-k", "shop")

    assert done.ret == 0
    done.stdout.fnmatch_lines(["no verdict: 2 of 4 critical criteria asked"])


def test_a_level_is_no_narrowing(pytester: pytest.Pytester, content: Content) -> None:
    done = run(pytester, "-m", "critical", "--mode", "write")

    done.assert_outcomes(passed=4, deselected=1)
    assert "GO on there" in done.stdout.str()


def test_collecting_asks_nobody(pytester: pytest.Pytester, content: Content) -> None:
    content.mood("store", "hung")

    done = run(pytester, "--collect-only", "-q")

    assert done.ret == 0
    assert content.asked("store") == 0
    assert not (content.root / "reports/out").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--target", "their"), "*there*"),
        (("--mode", "wriet"), "*wriet*read, write, disrupt*"),
        (("--criterion", "store.keep"), "*store.keep*store.keeps*"),
        (("--out", "pyproject.toml/report"), "*--out: *pyproject.toml is no folder (*"),
        (("-m", "critical and not wriets"), "*-m wriets: no such marker (nearest known: 'writes')*"),
    ],
)
def test_wrong_use_is_a_sentence_and_exit_4(
    pytester: pytest.Pytester, content: Content, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run(pytester, *arguments)

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([sentence])
    assert "Traceback" not in done.stderr.str() + done.stdout.str()


def test_an_unknown_criterion_in_a_suite_fails_collection(pytester: pytest.Pytester, content: Content) -> None:
    suite = content.root / "suites/store/test_store.py"
    suite.write_text(suite.read_text().replace("store.mood", "store.moood"))

    done = run(pytester)

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*store.moood*store.mood*"])


def test_reports_that_cannot_be_written_are_an_error_beside_the_verdict(
    pytester: pytest.Pytester, content: Content
) -> None:
    (content.root / "out/report.html").mkdir(parents=True)

    done = run(pytester, "--mode", "write", "--out", "out")

    assert done.ret == pytest.ExitCode.INTERNAL_ERROR
    done.stdout.fnmatch_lines(["GO on there*", "ERROR: *report.html*: cannot be written: Is a directory*"])
    assert "Report:" not in done.stdout.str()
    assert "Traceback" not in done.stdout.str() + done.stderr.str()


def test_a_disk_that_fills_up_stops_no_check(pytester: pytest.Pytester, content: Content, outcomes: Outcomes) -> None:
    pytester.makeconftest(
        """
        import gonogo.results.events

        class Full(gonogo.results.events.Events):
            def add(self, event):
                if event.planned is None:
                    raise OSError(28, "No space left on device", "events.jsonl")

        gonogo.results.events.Events = Full
        """
    )

    done = run(pytester, "--mode", "write")

    assert set(outcomes().values()) == {"passed"}
    done.stdout.fnmatch_lines(["ERROR: events.jsonl: cannot be written: No space left on device*"])


def test_lines_come_in_order_where_both_streams_go_to_one_file(
    pytester: pytest.Pytester, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)

    command = [sys.executable, "-m", "pytest", "suites/"]

    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)

    said = [done.stdout.index(text) for text in ("collected", "store          ready", "suites/store", "GO on there")]
    assert said == sorted(said)


def test_a_suite_that_cannot_be_collected_stops_before_anything_is_asked(
    pytester: pytest.Pytester, content: Content
) -> None:
    content.write("suites/shop/test_broken.py", "import nothing_of_that_name")
    content.mood("store", "hung")

    done = run(pytester)

    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert content.asked("store") == 0
    assert "GO" not in done.stdout.str()


def test_the_first_failure_stops_a_run_with_x(pytester: pytest.Pytester, content: Content, outcomes: Outcomes) -> None:
    content.mood("shop", "angry")
    suite = content.root / "suites/shop/test_shop.py"
    suite.write_text(suite.read_text().replace("expect(shop.answers(), something()", "expect(shop.answers(), []"))

    done = run(pytester, "-x", "--mode", "write")

    done.assert_outcomes(failed=1)
    assert outcomes()["store.answers"] == "missing"


def test_an_interrupted_run_reports_what_was_seen(
    pytester: pytest.Pytester, content: Content, outcomes: Outcomes
) -> None:
    suite = content.root / "suites/store/test_store.py"
    interrupt = """
@pytest.mark.criterion("store.mood")
def test_first_of_all(request) -> None:
    raise KeyboardInterrupt

"""
    suite.write_text(suite.read_text().replace("\n@pytest.mark", interrupt + "@pytest.mark", 1))

    done = run(pytester)

    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert outcomes()["store.answers"] == outcomes()["shop.sells"] == "passed"
    assert outcomes()["store.mood"] == "missing"
    assert outcomes()["store.keeps"] == "skipped"
    done.stderr.fnmatch_lines(["Interrupted: *"])


def test_workers_of_xdist_share_one_verdict(pytester: pytest.Pytester, content: Content, outcomes: Outcomes) -> None:
    done = run(pytester, "-n", "2", "--mode", "write")

    done.assert_outcomes(passed=5)
    assert set(outcomes().values()) == {"passed"}
    assert "GO on there" in done.stdout.str()


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_a_check_that_is_repeated_is_asked_anew_and_its_last_answer_counts(
    pytester: pytest.Pytester, content: Content, outcomes: Outcomes, workers: tuple[str, ...]
) -> None:
    content.mood("store", "sad")
    suite = content.root / "suites/store/test_store.py"
    cheer = 'mood = store.mood(); (store.folder / "mood").write_text("happy")'
    suite.write_text(suite.read_text().replace("mood = store.mood()", cheer))

    done = run(pytester, "--reruns", "1", "--mode", "write", *workers)

    assert done.ret == 0
    assert outcomes()["store.mood"] == "passed"
    results = msgspec.json.decode((content.root / "reports/out/results.json").read_bytes(), type=Results)
    assert {c.attempts for c in results.checks if c.criteria == ("store.mood",)} == {2}


def test_workers_of_xdist_are_asked_for_a_part(pytester: pytest.Pytester, content: Content) -> None:
    done = run(pytester, "-n", "2", "-m", "critical", "--mode", "write")

    done.assert_outcomes(passed=4)
    assert "GO on there" in done.stdout.str()
    assert "INTERNALERROR" not in done.stdout.str()


@pytest.mark.parametrize(
    "name", ["terminal", "xdist", "cacheprovider", "debugging", "setuponly", "setupplan", "skipping", "capture"]
)
def test_a_plugin_of_the_runner_may_be_missing(
    pytester: pytest.Pytester, content: Content, outcomes: Outcomes, name: str
) -> None:
    done = run(pytester, "-p", f"no:{name}", "--mode", "write")

    assert done.ret == 0
    assert set(outcomes().values()) == {"passed"}


@pytest.mark.parametrize("option", ["--setup-plan", "--collect-only"])
def test_planning_asks_nobody(pytester: pytest.Pytester, content: Content, option: str) -> None:
    content.mood("store", "hung")

    done = run(pytester, option)

    assert done.ret == 0
    assert content.asked("store") == 0


@pytest.mark.parametrize(("folder", "more"), [("servers", ()), (".", ("--rootdir", ".."))], ids=["folder", "rootdir"])
def test_a_run_from_elsewhere_reports_in_the_checkout(
    pytester: pytest.Pytester,
    content: Content,
    outcomes: Outcomes,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    more: tuple[str, ...],
) -> None:
    monkeypatch.chdir(content.root / folder)

    done = pytester.runpytest_subprocess(f"{content.root}/suites", "--mode", "write", *more)

    assert done.ret == 0
    assert set(outcomes().values()) == {"passed"}
    assert not (content.root / "servers/reports").exists()


def test_written_objects_are_journalled_and_gone(pytester: pytest.Pytester, content: Content) -> None:
    run(pytester, "--mode", "write")

    journal = (content.root / ".gonogo/journal.jsonl").read_text().splitlines()
    assert len(journal) == 2
    assert '"removed"' in journal[1]
    assert [f.name for f in (content.root / "servers/store").iterdir()] == ["mood"]


def test_writing_needs_an_identity(pytester: pytest.Pytester, content: Content) -> None:
    content.target(identity="")

    done = run(pytester, "--mode", "write")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*needs the identity of at least one component*"])


def test_a_wrong_identity_stops_the_run_before_anything_is_created(pytester: pytest.Pytester, content: Content) -> None:
    content.target(identity='identity = "id-of-production"')

    done = run(pytester, "--mode", "write")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*id-of-production*id-of-store*"])
    assert not (content.root / ".gonogo/journal.jsonl").exists()


def test_a_waived_failure_is_no_failure_of_pytest(
    pytester: pytest.Pytester, content: Content, outcomes: Outcomes
) -> None:
    content.mood("store", "sad")
    content.write(
        "reports/waivers.toml",
        """
        [[waiver]]
        criterion = "store.mood"
        owner = "ops"
        reason = "known since spring"
        expires = 2999-01-01
        """,
    )

    done = run(pytester, "--mode", "write")

    assert done.ret == 0
    assert outcomes()["store.mood"] == "waived"


def test_a_waiver_of_everything_waives_nothing_and_is_shown(
    pytester: pytest.Pytester, content: Content, outcomes: Outcomes
) -> None:
    content.mood("store", "sad")
    waiver = '[[waiver]]\ncriterion = "store.*"\nowner = "ops"\nreason = "known"\nexpires = 2999-01-01\n'
    content.write("reports/waivers.toml", waiver)

    done = run(pytester, "--mode", "write")

    assert done.ret == 1
    assert outcomes()["store.mood"] == "failed"
    done.stdout.fnmatch_lines(["waiver store.[*]: ops until 2999-01-01: known, too broad, *: it counts as none"])


@pytest.mark.parametrize(("today", "code", "said"), [("2019-12-31", 0, "waived"), ("2020-01-01", 1, "failed")])
def test_a_waiver_ends_for_pytest_when_it_ends_for_the_verdict(
    pytester: pytest.Pytester, content: Content, outcomes: Outcomes, today: str, code: int, said: str
) -> None:
    content.mood("store", "sad")
    waiver = '[[waiver]]\ncriterion = "store.mood"\nowner = "ops"\nreason = "known"\nexpires = 2019-12-31\n'
    content.write("reports/waivers.toml", waiver)
    pytester.makeconftest(f"import gonogo.core.times\ngonogo.core.times.stamp = lambda: '{today}T23:59:59.000Z'\n")

    done = run(pytester, "--mode", "write")

    assert done.ret == code
    assert outcomes()["store.mood"] == said
    done.assert_outcomes(passed=4, xfailed=1 - code, failed=code)


@pytest.mark.parametrize("arguments", [(), ("--maxfail", "9")], ids=["ahead", "in its turn"])
def test_whatever_is_raised_is_diagnosed_once(
    pytester: pytest.Pytester, content: Content, arguments: tuple[str, ...]
) -> None:
    content.mood("store", "sad")
    suite = content.root / "suites/shop/test_shop.py"
    suite.write_text(suite.read_text().replace("shop.mood()", "(shop.folder / 'mood').unlink() or shop.mood()"))
    shop = content.root / "deploy/shop/component.toml"
    shop.write_text(f"concurrency = 1\n{shop.read_text()}")  # so that its other check has been asked by then
    content.write(
        "conftest.py",
        """
        from gonogo.run import execution, platform, recording

        diagnosed, kept = execution.diagnosed, []

        def counted(error, component):
            kept.append(error)  # so that no other one gets its id
            with open("diagnosed", "a") as file:
                file.write(f"{type(error).__name__}-{id(error)}\\n")
            return diagnosed(error, component)

        for module in (execution, platform, recording):
            module.diagnosed = counted
        """,
    )

    done = run(pytester, "--mode", "write", *arguments)

    errors = (content.root / "diagnosed").read_text().split()
    assert done.ret == 1
    # the claim that is false, the shop that refuses its check, whoever doubts it then and asks at the end
    assert sorted(error.partition("-")[0] for error in errors) == ["Refused", "Refused", "Refused", "Wrong"]
    assert len({*errors}) == len(errors)


def test_a_run_leaves_the_filters_of_warnings_as_they_were(pytester: pytest.Pytester, content: Content) -> None:
    content.write(
        "conftest.py",
        """
        import warnings

        before = [*warnings.filters]

        def pytest_unconfigure():
            print("filters are", "changed" if before != [*warnings.filters] else "the same")
        """,
    )

    done = run(pytester, "-s")

    done.stdout.fnmatch_lines(["filters are the same"])


@pytest.mark.parametrize(("filters", "told"), [("", False), ("default::DeprecationWarning", True)])
def test_what_a_library_says_to_its_authors_is_shown_to_whoever_asks_for_it(
    pytester: pytest.Pytester, content: Content, monkeypatch: pytest.MonkeyPatch, filters: str, told: bool
) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", filters)
    suite = content.root / "suites/store/test_store.py"
    warns = "__import__('warnings').warn('old', DeprecationWarning); mood = store.mood()"
    suite.write_text(suite.read_text().replace("mood = store.mood()", warns))

    done = run(pytester, "--mode", "write")

    assert done.ret == 0
    assert ("DeprecationWarning: old" in done.stderr.str() + done.stdout.str()) == told


def test_suites_of_another_kind_are_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_plain(): assert True")

    done = pytester.runpytest_subprocess()

    done.assert_outcomes(passed=1)
    assert "verdict" not in done.stdout.str()


def test_a_target_file_elsewhere_does_not_hide_the_content(
    pytester: pytest.Pytester, content: Content, outcomes: Outcomes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "there.toml"
    elsewhere.write_text(content.target().read_text())
    content.write("suites/shop/test_same.py", "")
    content.write("suites/store/test_same.py", "")

    done = run(pytester, "--target", str(elsewhere), "--mode", "write")

    assert done.ret == 0
    assert set(outcomes().values()) == {"passed"}


def test_what_turns_out_not_to_be_askable_is_broken_and_never_unsupported(
    pytester: pytest.Pytester, content: Content, outcomes: Outcomes
) -> None:
    content.write(
        "suites/store/test_inside.py",
        '''
        import pytest
        from fixtures.store import Store
        from gonogo.core.errors import NotAskable

        @pytest.mark.criterion("store.inside")
        def test_inside(store: Store) -> None:
            """The store is happy inside."""
            raise NotAskable("store", "the image has no shell")
        ''',
    )
    with (content.root / "reports/criteria.toml").open("a") as file:
        file.write('[store.inside]\nlevel = "critical"\nclaim = "The store is happy inside"\n')

    done = run(pytester, "--mode", "write")

    assert done.ret == 1
    assert outcomes()["store.inside"] == "broken"
    done.stdout.fnmatch_lines(["*could not tell: store.inside broken: the image has no shell"])
