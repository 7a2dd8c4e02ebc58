"""What a git repository says of itself and of its remote: clean, pushed, which revision. Nothing is changed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from gonogo.core.errors import GonogoError

_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_ASKPASS": "true", "LC_ALL": "C"}
"""Nobody is asked for a password, no index is written, and messages are in one language."""

_LOCAL = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"}
"""Variables that would make it another repository than the one in the folder, as in a hook of git."""

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class NoRepository(GonogoError):
    """There is no repository, no commit or no such remote; or git is not installed."""


class RemoteSilent(GonogoError):
    """The remote does not answer."""


class GitFailed(GonogoError):
    """git itself failed, or did not end in its time."""


class RepositoryState(NamedTuple):
    """A repository beside a branch of its remote. ``branch`` is empty where HEAD is detached.

    ``changed`` are paths with changes that are not committed; ``remote_head`` is empty where the remote has no such
    branch; ``ahead`` and ``behind`` count commits, None where the remote's commit is not here. ``address`` is the
    remote's, without credentials.
    """

    folder: str
    head: str
    branch: str
    changed: tuple[str, ...]
    remote_head: str
    ahead: int | None
    behind: int | None
    address: str


def state(folder: Path, remote: str, branch: str, within: float) -> RepositoryState:
    """Ask the repository that ``folder`` is in, and its remote, for at most ``within`` seconds a question.

    Raises ``NoRepository``, ``RemoteSilent`` and ``GitFailed``.
    """
    git = _Git(folder, within)
    if not folder.is_dir():
        raise NoRepository(f"git: there is no folder {folder}")
    top = git.line("rev-parse", "--show-toplevel", otherwise="it is in no repository")
    head = git.line("rev-parse", "--verify", "HEAD^{commit}", otherwise="the repository has no commit")
    named = git.run("symbolic-ref", "--quiet", "--short", "HEAD")
    entries = git.asked("status", "--porcelain=v1", "-z", "--untracked-files=normal").split("\0")
    known = git.asked("remote").split()
    if remote not in known:
        what = f"git: there is no remote {remote!r} (there are: {', '.join(known) or 'none'})"
        raise NoRepository(what)
    ref = f"refs/heads/{branch}"
    try:
        found = git.run("ls-remote", "--heads", "--", remote, ref)
    except GitFailed as error:
        raise RemoteSilent(f"git: remote {remote} does not answer: {error}") from error
    if found.returncode:
        raise RemoteSilent(f"git: remote {remote} does not answer")
    there = next((line.split("\t")[0] for line in found.stdout.splitlines() if line.endswith(f"\t{ref}")), "")
    ahead, behind = _apart(git, head, there)
    return RepositoryState(
        folder=top,
        head=head,
        branch=named.stdout.strip() if named.returncode == 0 else "",
        changed=tuple(one[3:] for one in entries if len(one) > 3 and one[2] == " "),
        remote_head=there if _SHA.fullmatch(there) else "",
        ahead=ahead,
        behind=behind,
        address=bare(git.run("remote", "get-url", remote).stdout.strip()),
    )


def _apart(git: _Git, head: str, there: str) -> tuple[int | None, int | None]:
    if not _SHA.fullmatch(there):
        return None, None
    counted = git.run("rev-list", "--left-right", "--count", f"{head}...{there}")
    parts = counted.stdout.split()
    if counted.returncode or len(parts) != 2:
        return None, None
    return int(parts[0]), int(parts[1])


def bare(address: str) -> str:
    """A repository's address as two of its spellings have in common: host and path, no credentials, no ``.git``."""
    if "://" not in address and re.match(r"[^/]+:", address):
        address = "ssh://" + address.replace(":", "/", 1)
    parts = urlsplit(address)
    host = parts.hostname or ""
    return f"{host}{parts.path}".rstrip("/").removesuffix(".git").lower() if host else parts.path.rstrip("/")


class _Git:
    """git in one folder."""

    def __init__(self, folder: Path, within: float) -> None:
        self._folder, self._within = folder, within

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """How it ended. Raises ``NoRepository`` where it cannot be started, ``GitFailed`` where it does not end."""
        given = {key: value for key, value in os.environ.items() if key not in _LOCAL}
        try:
            return subprocess.run(
                ["git", "-c", "core.fsmonitor=false", "-C", str(self._folder), *words],
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                env={**given, **_QUIET},
                timeout=self._within,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise GitFailed(f"git {words[0]}: not within {self._within:g} s") from None
        except OSError as error:
            why = f"git cannot be started: {error.strerror or error}"
            raise NoRepository(why) from error

    def asked(self, *words: str) -> str:
        """What it prints. Raises ``GitFailed`` where it fails."""
        done = self.run(*words)
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise GitFailed(f"git {words[0]}: {said[-1] if said else done.returncode}")
        return done.stdout

    def line(self, *words: str, otherwise: str) -> str:
        """The line that it prints. Raises ``NoRepository`` with ``otherwise`` where it fails."""
        done = self.run(*words)
        if done.returncode:
            said = done.stderr.strip().splitlines()
            told = f"git: {self._folder}: {otherwise}" + (f" ({said[-1]})" if said else "")
            raise NoRepository(told)
        return done.stdout.strip()
