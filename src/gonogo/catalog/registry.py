"""What there is: components from ``deploy/*/component.toml``, criteria, profiles and waivers from ``reports/``.

Read once, from one's own folder and from what is built in (docs/repository.md); all problems reported together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from gonogo.catalog import signatures
from gonogo.catalog.clashes import clashes, ways_out
from gonogo.catalog.kinds import kinds
from gonogo.catalog.signatures import ADDRESS_KEY, GENERIC, Signature
from gonogo.core.content import CRITERIA, SETTINGS, WAIVERS, Content, Folder, alone
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import converted, nearest, parse_toml, salvaged_toml, suggestion
from gonogo.core.outcomes import Level, Struct
from gonogo.results.model import Cause, VoidWaiver, Waiver

PROVIDERS = ("embedded", "helm")
"""Providers that deploy a component from a file ``<provider>.toml`` in its folder."""

PLACES = ("scheme", "host", "port", "service", "authority", "proxy")
"""What the address of a Service may hold. ``host`` and ``port`` are as they are reached from here; ``service`` is
its name and port within the cluster, ``authority`` the same as a Host header; ``proxy`` the SOCKS5 server behind
which such names are known, empty where they are known without one."""

PLACE = re.compile(r"\{([a-z]+)\}")

COMPONENT = "component.toml"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CRITERION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")

SHARED = "*."
"""Begins the id of a claim that many components make: ``*.account``."""

_SHARED = re.compile(re.escape(SHARED) + r"[a-z0-9_]+")


_T = TypeVar("_T", bound=Struct)


class Login(Struct, frozen=True, kw_only=True):
    """A way to log in, ``auth = "…"``: its own required keys, and those required ones that it is ``instead_of``."""

    required: tuple[str, ...] = ()
    instead_of: tuple[str, ...] = ()


class EndpointKeys(Struct, frozen=True, kw_only=True):
    """The endpoint keys of a component; ``secret`` names those that are secret.

    A secret inside a table of settings has a dotted key: ``security.ssl_password``. ``service`` says what each
    address becomes where it is a Service of a cluster: ``"{scheme}://{host}:{port}"``, see :data:`PLACES`. ``auth``
    are the ways to log in besides the plain one.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    service: dict[str, str] = msgspec.field(default_factory=dict)
    auth: dict[str, Login] = msgspec.field(default_factory=dict)

    @property
    def all(self) -> tuple[str, ...]:
        """Every key, required ones first."""
        return self.required + self.optional


class TlsPort(Struct, frozen=True, kw_only=True):
    """Whether a component is asked with TLS: where an endpoint key has a value that fits ``when``'s expression.

    ``perhaps``: where the value of a key, nothing where it is not given, leaves that to client and server.
    ``starttls`` names what is said before, as ``openssl s_client`` calls it.
    """

    when: dict[str, str]
    perhaps: dict[str, str] = msgspec.field(default_factory=dict)
    starttls: Literal["", "postgres"] = ""

    def spoken(self, value: Callable[[str], object]) -> bool | None:
        """Whether it is, by the value of each key (of a table: dotted); None where a value is told only later."""
        values = {key: value(key) for key in self.when}
        if any(re.search(form, one) for key, form in self.when.items() if isinstance(one := values[key], str)):
            return True
        if any(re.search(form, one) for key, form in self.perhaps.items() if isinstance(one := value(key) or "", str)):
            return None
        return None if any(isinstance(one, Mapping) for one in values.values()) else False


class Members(Struct, frozen=True, kw_only=True):
    """Other custom resources that tell of one: those of its namespace whose ``label`` has its name."""

    resource: str
    label: str


class Discovery(Struct, frozen=True, kw_only=True):
    """How a component is recognised on a cluster: by a custom resource, or by a plain Service and its pods.

    ``resource`` is ``plural.group/version``, with the ``service`` and ``port`` that its operator makes for it. Without
    one, a Service with one of ``ports`` (its own or its pods', by number or name) is meant whose pods' image or label,
    or whose own name, fits the expression ``name``. Endpoint keys come from ``set``, from ``secrets``
    (``name#key``), and from ``env``: variables of the pods, of which the first that is there counts. ``tls``
    tells that it is spoken, ``product`` which of the component's products it is. ``otherwise`` is what the server takes
    where none of its pods' variables says so, and ``named_by`` finds a key, by an expression with one group, in what
    the pods of components that need this one are started with. ``expect`` is what is to be expected of it.
    ``apart``: it is a product with servers of its own, as a database, which are not the platform's.

    In all texts ``{…}`` is JMESPath; one that finds nothing leaves its key out. It is asked of the resource, with its
    ``members``, or of the Service with its ``port``; either with ``env``, the variables of the pods that are no
    secrets, and ``replicas``, how many of them their workloads desire. That of ``otherwise`` is asked of the keys.
    """

    resource: str = ""
    service: str = ""
    port: str = ""
    name: str = ""
    ports: tuple[str, ...] = ()
    tls: str = ""
    set: dict[str, str] = msgspec.field(default_factory=dict)
    secrets: dict[str, str] = msgspec.field(default_factory=dict)
    env: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    members: Members | None = None
    otherwise: dict[str, str] = msgspec.field(default_factory=dict)
    named_by: dict[str, str] = msgspec.field(default_factory=dict)
    expect: dict[str, str] = msgspec.field(default_factory=dict)
    product: str = ""
    apart: bool = False


class Bound(Struct, frozen=True, kw_only=True):
    """What an expectation may be, so that a check can fail: from ``least`` to ``most``, and not ``empty``.

    Without ``least`` a number is more than 0.
    """

    least: float | None = None
    most: float | None = None
    empty: bool = False


class Product(Struct, frozen=True, kw_only=True):
    """Another server with a component's API: its ``title``, and what it lacks, criterion = reason.

    What deploys it lies in a folder of its name in the component's own: ``deploy/<c>/<product>/embedded.toml``.
    """

    title: str
    unsupported: dict[str, str] = msgspec.field(default_factory=dict)


class PlanLine(Struct, frozen=True, kw_only=True):
    """A line of the plan's rollback, and what it really does."""

    says: str
    does: str


class ComponentFile(Struct, frozen=True, kw_only=True):
    """``deploy/<c>/component.toml``. ``capabilities`` are names of its own that a target may declare.

    ``bounds`` say of keys of ``expect`` what their values may be.

    ``claims`` are those of ``*.<claim>`` in ``reports/criteria.toml`` that this component makes too, each with the
    line of the plan that it comes from.

    ``cluster``: it is asked through the target's ``[kubernetes]``, and has no address of its own; ``reads`` are the
    kinds of objects that its client lists there, ``explains`` those that only tell why something is not green. One that
    requires keys is there where the target gives them; with the key ``namespace`` what it ``reads`` is of that one.
    ``dry_runs`` are kinds that are sent in every mode with dryRun=All, ``makes`` those of which it makes objects.
    ``enters``: it runs commands in pods of the target's namespaces, where the target has the capability ``exec``.
    ``anywhere``: it also asks what needs no cluster, so that every target holds it.

    ``products`` are other servers that have its API; a target names one by ``product``.
    ``tls`` says when it is asked with TLS; without, it never is, as far as anybody knows.
    ``rollback`` are the plan's own lines for undoing it, for `gonogo rollback` to compare with.

    ``override``: it is one's own, and counts in place of the built-in one of that name.
    """

    title: str
    override: bool = False
    cluster: bool = False
    anywhere: bool = False
    reads: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    dry_runs: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    enters: bool = False
    needs: tuple[str, ...] = ()
    concurrency: int = 4
    capabilities: tuple[str, ...] = ()
    endpoints: EndpointKeys = EndpointKeys()
    tls: TlsPort | None = None
    discover: tuple[Discovery, ...] = ()
    expect: dict[str, Any] = msgspec.field(default_factory=dict)
    bounds: dict[str, Bound] = msgspec.field(default_factory=dict)
    claims: dict[str, str] = msgspec.field(default_factory=dict)
    products: dict[str, Product] = msgspec.field(default_factory=dict)
    signatures: dict[str, Signature] = msgspec.field(default_factory=dict)
    rollback: tuple[PlanLine, ...] = ()

    def encrypted(self, values: Mapping[str, Any]) -> bool | None:
        """Whether it is asked with TLS, by the values of its endpoint keys; None where nobody can tell."""
        if self.tls is None:
            return None
        return self.tls.spoken(lambda key: _inner(values, key))

    def unfailing(self, key: str, value: object) -> str:
        """Why no check could fail by this value of an expectation; empty where one can."""
        return _unfailing(value, self.bounds.get(key, Bound()))


def _inner(values: Mapping[str, Any], key: str) -> object:
    outer, _, inner = key.partition(".")
    value = values.get(outer)
    return value.get(inner) if inner and isinstance(value, Mapping) else value


def _unfailing(value: object, bound: Bound) -> str:
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return "must be a number that can be reached"
        if bound.least is None and value <= 0:
            return "must be more than 0: no check could fail by it"
        if bound.least is not None and value < bound.least:
            return f"must be {bound.least:g} or more: no check could fail by it"
        if bound.most is not None and value > bound.most:
            return f"must be {bound.most:g} or less: no check could fail by it"
        return ""
    if isinstance(value, str | list | dict) and not value:
        return "" if bound.empty else "must not be empty: no check could fail by it"
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, (_unfailing(one, Bound()) for one in inner)), "")


class Component(ComponentFile, frozen=True, kw_only=True):
    """One system of the platform; ``providers`` are those that its folder holds a file for."""

    name: str
    folder: Folder
    providers: tuple[str, ...] = ()

    def as_product(self, name: str) -> Component:
        """The component as that product is deployed; as it is where its name is none of another product's."""
        if name not in self.products:
            return self
        folder = self.folder / name
        return replace(self, title=self.products[name].title, folder=folder, providers=_providers(folder))


def _providers(folder: Folder) -> tuple[str, ...]:
    return tuple(p for p in PROVIDERS if (folder / f"{p}.toml").is_file())


class _SharedTable(Struct, frozen=True, kw_only=True):
    level: Level
    claim: str
    override: bool = False


class _CriterionTable(_SharedTable, frozen=True, kw_only=True):
    plan: str = ""


class Criterion(Struct, frozen=True, kw_only=True):
    """One reviewed claim; ``component`` is the first part of its id."""

    id: str
    level: Level
    claim: str
    plan: str = ""

    @property
    def component(self) -> str:
        """A component's name, or that of a suite without a component of its own."""
        return self.id.partition(".")[0]


class Profile(Struct, frozen=True, kw_only=True):
    """Which criteria count: glob patterns on ids. ``override``: it is one's own, in place of the built-in one."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    override: bool = False

    def holds(self, criterion: str) -> bool:
        """Whether the criterion counts in this profile."""
        return any(fnmatchcase(criterion, p) for p in self.include) and not any(
            fnmatchcase(criterion, p) for p in self.exclude
        )


class _WaiverTable(Struct, frozen=True, kw_only=True):
    criterion: str
    owner: str
    reason: str
    expires: date
    link: str = ""


class _WaiversFile(Struct, frozen=True, kw_only=True):
    waiver: tuple[_WaiverTable, ...] = ()


@dataclass(frozen=True)
class Registry:
    """Everything that the files of ``content`` declare. ``waivers`` are keyed by criterion; ``void`` are those of none.

    ``shared`` maps each claim that components declare (``*.account``) to the criteria that it became;
    ``kinds`` are the rules of custom resources that components bring, by ``Kind.group``.
    """

    content: Content
    components: Mapping[str, Component]
    criteria: Mapping[str, Criterion]
    profiles: Mapping[str, Profile]
    waivers: Mapping[str, Waiver]
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    void: tuple[VoidWaiver, ...] = ()

    @property
    def root(self) -> Path:
        """The folder of whoever works here: what is written, and what is up, belongs to it."""
        return self.content.own

    @classmethod
    def load(cls, place: Content | Path) -> Registry:
        """Read ``deploy/`` and ``reports/`` of the content, or of a folder alone.

        Raises ``ConfigError`` with the problems of all files at once.
        """
        content = alone(place)
        if not any(content.all("deploy")) and not (content.own / SETTINGS).is_file():
            raise ConfigError(Problem(str(content.own), "has no folder deploy/", "run gonogo in a checkout"))
        problems: list[Problem] = []
        components = _components(content, problems)
        criteria, profiles, shared = _criteria(content, components, problems)
        problems += [
            Problem(str(one.folder / COMPONENT), f"products.{name}.unsupported: no such criterion", id)
            for one in components.values()
            for name, product in one.products.items()
            for id in product.unsupported
            if id not in criteria
        ]
        problems += clashes(content, {c.name for c in components.values() if c.override})
        waivers, void = _waivers(content, criteria, problems)
        rules: Mapping[str, Mapping[str, Any]] = {}
        try:
            rules = kinds(content, expressions=False)
        except ConfigError as error:
            problems += error.problems
        if problems:
            raise ConfigError(*problems)
        return cls(content, components, criteria, profiles, waivers, shared, rules, void)

    def ordered(self, names: Iterable[str]) -> list[str]:
        """The components and all they need, each after what it needs.

        Raises ``ConfigError`` for names that are no component, and where needs form a ring.
        """
        ordered: list[str] = []
        for name in self.known(names):
            _visit(name, self.components, ordered, ())
        return ordered

    def known(self, names: Iterable[str]) -> list[str]:
        """The names, all of components. Raises ``ConfigError`` for those that are none."""
        names = list(names)
        unknown = [Problem(n, "no such component", suggestion(n, self.components)) for n in names]
        if problems := [p for p in unknown if p.where not in self.components]:
            raise ConfigError(*problems)
        return names

    def signature(self, cause: Cause | str) -> Signature:
        """The catalogue's entry: the component's own, else the generic one, else one without a hint."""
        component, _, kind = (cause if isinstance(cause, str) else cause.signature).partition(".")
        own = self.components[component].signatures if component in self.components else {}
        return own.get(kind) or GENERIC.get(kind) or Signature(hint="")

    def unknown_criterion(self, id: str) -> Problem:
        """The problem of an id that is no criterion, with the nearest one."""
        return Problem(id, "no such criterion", suggestion(id, self.criteria))

    def profile(self, name: str) -> list[Criterion]:
        """The criteria that count in a profile, in the file's order. Raises ``ConfigError``."""
        if name not in self.profiles:
            raise ConfigError(Problem(name, "no such profile", suggestion(name, self.profiles)))
        return [c for c in self.criteria.values() if self.profiles[name].holds(c.id)]


def _visit(name: str, components: Mapping[str, Component], ordered: list[str], path: tuple[str, ...]) -> None:
    if name in path:
        ring = " → ".join((*path[path.index(name) :], name))
        raise ConfigError(Problem(str(components[name].folder), f"needs itself: {ring}"))
    if name in ordered:
        return
    for need in components[name].needs:
        _visit(need, components, ordered, (*path, name))
    ordered.append(name)


def _components(content: Content, problems: list[Problem]) -> dict[str, Component]:
    found: dict[str, Component] = {}
    paths = {path.parent.name: path for path in content.files("deploy/*/component.toml")}
    for name, path in paths.items():
        table = salvaged_toml(path, ComponentFile, problems)
        if table is not None:
            folder = content.folder(f"deploy/{name}")
            fields = {f: getattr(table, f) for f in ComponentFile.__struct_fields__}
            found[name] = Component(name=name, folder=folder, providers=_providers(folder), **fields)
    problems += [p for component in found.values() for p in _component_problems(component, paths)]
    problems += [p for component in found.values() for p in _override_problems(component, content)]
    if not problems:
        ordered: list[str] = []
        try:
            for name in found:
                _visit(name, found, ordered, ())
        except ConfigError as error:
            problems += error.problems
    return found


def _override_problems(component: Component, content: Content) -> Iterator[Problem]:
    """An override of nothing; and one that drops a claim which the built-in component makes."""
    if not component.override:
        return
    where, name = str(component.folder / COMPONENT), f"deploy/{component.name}/{COMPONENT}"
    theirs = [path for path in content.all(name) if not content.is_own(path)]
    if not theirs:
        known = [path.parent.name for path in (content.builtin or content.own).glob(f"deploy/*/{COMPONENT}")]
        yield Problem(where, "override: there is no built-in component of this name", suggestion(component.name, known))
        return
    told = salvaged_toml(theirs[0], ComponentFile, [])
    for claim in told.claims if told else ():
        if claim not in component.claims:
            hint = "a target says what it cannot hold: `unsupported`"
            yield Problem(where, f"override: {theirs[0]} also makes the claim {claim!r}", hint)


def _component_problems(component: Component, known: Iterable[str]) -> Iterator[Problem]:
    where, keys = str(component.folder / COMPONENT), component.endpoints
    if not _NAME.fullmatch(component.name):
        yield Problem(where, f"the folder's name {component.name!r} must be lower-case letters, digits and '_'")
    if component.concurrency < 1:
        yield Problem(where, f"concurrency must be 1 or more, is {component.concurrency}")
    for need in component.needs:
        if need not in known:
            yield Problem(where, f"needs: unknown component {need!r}", suggestion(need, known))
    for key in keys.secret:
        if key.partition(".")[0] not in keys.all:
            yield Problem(where, f"endpoints.secret: unknown endpoint key {key!r}", suggestion(key, keys.all))
    for name, login in keys.auth.items():
        for key in (*login.required, *login.instead_of, "auth"):
            if key not in keys.all:
                hint = suggestion(key, keys.all)
                yield Problem(where, f"endpoints.auth.{name}: unknown endpoint key {key!r}", hint)
    for key, form in keys.service.items():
        if key not in keys.all:
            yield Problem(where, f"endpoints.service: unknown endpoint key {key!r}", suggestion(key, keys.all))
        for place in PLACE.findall(form):
            if place not in PLACES:
                yield Problem(where, f"endpoints.service.{key}: unknown {{{place}}}", suggestion(place, PLACES))
    for key in component.tls.when if component.tls else ():
        if key.partition(".")[0] not in keys.all:
            hint = suggestion(key, keys.all)
            yield Problem(where, f"tls.when: unknown endpoint key {key!r}", hint)
    for key in component.bounds:
        if key not in component.expect:
            yield Problem(where, f"bounds: unknown expectation {key!r}", suggestion(key, component.expect))
    for key, value in component.expect.items():
        if why := component.unfailing(key, value):
            yield Problem(where, f"expect.{key} {why}, is {value!r}")
    for number, rule in enumerate(component.discover):
        for key in (*rule.set, *rule.secrets, *rule.env, *rule.otherwise, *rule.named_by):
            if key.partition(".")[0] not in keys.all:
                hint = suggestion(key, keys.all)
                yield Problem(where, f"discover[{number}]: unknown endpoint key {key!r}", hint)
        for key in rule.expect:
            if key not in component.expect:
                hint = suggestion(key, component.expect)
                yield Problem(where, f"discover[{number}].expect: unknown expectation {key!r}", hint)
        if rule.product and rule.product not in component.products:
            hint = suggestion(rule.product, component.products)
            yield Problem(where, f"discover[{number}]: unknown product {rule.product!r}", hint)
        if bool(rule.resource) == bool(rule.name and rule.ports):
            yield Problem(where, f"discover[{number}] needs either a resource, or name and ports")
    for name, product in component.products.items():
        if name == component.name:
            yield Problem(where, f"products.{name}: another product needs another name", "")
        for criterion, reason in product.unsupported.items():
            if criterion.partition(".")[0] != component.name or not reason.strip():
                yield Problem(where, f"products.{name}.unsupported.{criterion}: a criterion of its own, and why", "")
    for name, signature in component.signatures.items():
        if not signatures.NAME.fullmatch(name):
            yield Problem(where, f"signatures: {component.name}.{name} is not <component>.<snake_case>")
        known = (*keys.all, *signature.facts, *signatures.PLACES)
        for part in ("hint", "by_hand", "attached"):
            for key in ADDRESS_KEY.findall(getattr(signature, part)):
                if key in keys.secret:
                    yield Problem(where, f"signatures.{name}.{part} must not show the secret {{{key}}}")
                elif key not in known:
                    hint = suggestion(key, known)
                    yield Problem(where, f"signatures.{name}.{part}: unknown endpoint key {{{key}}}", hint)


class _Reviewed:
    """The lists ``reports/criteria.toml`` of all layers, read one after the other, the built-in one first."""

    def __init__(self, content: Content, problems: list[Problem]) -> None:
        self.criteria: dict[str, Criterion] = {}
        self.shared: dict[str, _SharedTable] = {}
        self.profiles: dict[str, Profile] = {"default": Profile()}
        self.where: dict[str, Path] = {}
        """Criterion, shared claim or ``profiles.<name>`` to the file that it is from."""
        self._content, self._problems = content, problems
        suites = {path.name for path in content.files("suites/*") if path.is_dir()}
        self._places = {*suites, *(path.parent.name for path in content.files(f"deploy/*/{COMPONENT}"))}
        for path in reversed([*content.all(CRITERIA)]):
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            data = parse_toml(path)
        except ConfigError as error:
            self._problems += error.problems
            return
        named = data.pop("profiles", {})
        for name, table in (named if isinstance(named, dict) else {"": named}).items():
            key = f"profiles.{name}"
            if (profile := self._table(table, Profile, path, key)) is not None and self._counts(profile, path, key):
                self.profiles[name] = profile
        try:
            tables = [*_leaves(data)]
        except RecursionError:
            self._problems.append(Problem(str(path), "its tables are nested too deeply"))
            tables = []
        for id, table in tables:
            if self._content.is_own(path) or id.partition(".")[0] not in self._content.hidden:
                self._one(id, table, path)

    def _one(self, id: str, table: Any, path: Path) -> None:
        if _SHARED.fullmatch(id):
            claim = self._table(table, _SharedTable, path, id)
            if claim is None or self._counts(claim, path, id):
                self.shared[id] = claim or _SharedTable(level=Level.OPTIONAL, claim="")
            return
        if not _CRITERION.fullmatch(id):
            self._problems.append(Problem(str(path), f"{id!r} is no criterion id", "write [<component>.<claim>]"))
            return
        component = id.partition(".")[0]
        if component not in self._places:
            near = suggestion(component, self._places)
            self._problems.append(Problem(str(path), f"{id}: no component {component!r}", near))
        row = self._table(table, _CriterionTable, path, id)
        if row is None:
            # Stands in, so that a waiver for it is not a second mistake.
            self.criteria[id] = Criterion(id=id, level=Level.OPTIONAL, claim="")
        elif self._counts(row, path, id):
            self.criteria[id] = Criterion(id=id, level=row.level, claim=row.claim, plan=row.plan)

    def _table(self, table: Any, kind: type[_T], path: Path, key: str) -> _T | None:
        try:
            return converted(table, kind, str(path), key)
        except ConfigError as error:
            self._problems += error.problems
            return None

    def _counts(self, table: _SharedTable | Profile, path: Path, key: str) -> bool:
        """Whether the table counts in place of one of the same name, if there is one; else it is a problem."""
        before = self.where.get(key)
        if before is not None and not table.override:
            what = f"{key} is built in too, in {before}"
            self._problems.append(Problem(str(path), what, ways_out(f"[{key}]")))
            return False
        if before is None and table.override:
            near = suggestion(key, self.where)
            self._problems.append(Problem(str(path), f"{key}: override: there is no built-in one of this name", near))
        self.where[key] = path
        return True


def _criteria(
    content: Content, components: Mapping[str, Component], problems: list[Problem]
) -> tuple[dict[str, Criterion], dict[str, Profile], dict[str, tuple[str, ...]]]:
    reviewed = _Reviewed(content, problems)
    criteria, profiles = reviewed.criteria, reviewed.profiles
    made = {
        id: tuple(_made(id, table, components, criteria, reviewed.where.get(id), content, problems))
        for id, table in reviewed.shared.items()
    }
    known = [id.removeprefix(SHARED) for id in reviewed.shared]
    problems += [
        Problem(
            str(maker.folder / COMPONENT),
            f"claims: criteria.toml has no [{SHARED}{claim}]",
            suggestion(claim, known),
        )
        for maker in components.values()
        for claim in maker.claims
        if claim not in known
    ]
    if not problems:
        problems += [
            Problem(str(path), f"profiles.{name}.include: {pattern!r} holds no criterion", _like(pattern, criteria))
            for name, profile in profiles.items()
            if (path := reviewed.where.get(f"profiles.{name}")) is not None
            for pattern in profile.include
            if pattern != "*"
            if content.is_own(path) or not content.hidden
            if not any(fnmatchcase(id, pattern) for id in criteria)
        ]
    first = {c.component: n for n, c in reversed([*enumerate(criteria.values())])}
    ordered = sorted(criteria, key=lambda id: first[criteria[id].component])
    return {id: criteria[id] for id in ordered}, profiles, made


def _made(
    id: str,
    table: _SharedTable,
    components: Mapping[str, Component],
    criteria: dict[str, Criterion],
    path: Path | None,
    content: Content,
    problems: list[Problem],
) -> Iterator[str]:
    """The criteria that a shared claim becomes, one for each component that declares it."""
    claim = id.removeprefix(SHARED)
    makers = [component for component in components.values() if claim in component.claims]
    where = str(path)
    if not makers and (path is None or content.builtin is None or content.is_own(path)):
        problems.append(Problem(where, f"{id}: no component declares it in [claims]"))
    for component in makers:
        own = f"{component.name}.{claim}"
        if own in criteria:
            problems.append(Problem(where, f"{own} stands there, and {component.name} also declares {id}"))
        told = table.claim.replace("{title}", component.title)
        criteria[own] = Criterion(id=own, level=table.level, claim=told, plan=component.claims[claim])
        yield own


def _like(pattern: str, criteria: Iterable[str]) -> str:
    near = nearest(pattern.removesuffix(".*"), {*criteria, *(c.partition(".")[0] for c in criteria)})
    return f"nearest known: {near!r}" if near else ""


def _leaves(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of every table that does not only hold further tables."""
    for key, value in tables.items():
        if isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _waivers(
    content: Content, criteria: Mapping[str, Criterion], problems: list[Problem]
) -> tuple[dict[str, Waiver], tuple[VoidWaiver, ...]]:
    """Those that count, by criterion, and those that name no criterion or more than one."""
    path = content.own / WAIVERS
    if content.own not in content.layers or not path.exists():
        return {}, ()
    file = salvaged_toml(path, _WaiversFile, problems)
    waivers: dict[str, Waiver] = {}
    void = []
    for n, table in enumerate(file.waiver if file else ()):
        name = table.criterion
        if name in waivers:
            problems.append(Problem(str(path), f"waiver[{n}]: {name} is waived twice"))
        problems += [
            Problem(str(path), f"waiver[{n}].{key} is empty", "a waiver needs a person and a reason")
            for key in ("owner", "reason")
            if not getattr(table, key).strip()
        ]
        waiver = Waiver(owner=table.owner, reason=table.reason, expires=table.expires.isoformat(), link=table.link)
        if name in criteria:
            waivers[name] = waiver
        else:
            void.append(VoidWaiver(criterion=name, waiver=waiver, reason=_void(name, criteria)))
    return waivers, tuple(void)


def _void(name: str, criteria: Mapping[str, Criterion]) -> str:
    """Why nobody can waive that."""
    if any(fnmatchcase(one, name) or one.startswith(f"{name}.") for one in criteria):
        return "too broad, as it names more than one criterion"
    hint = suggestion(name, criteria)
    return "no such criterion" + (f" ({hint})" if hint else "")
