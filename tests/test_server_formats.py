"""What gonogo writes in place of a product's own tools is what these would have written."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recipe import ROOT

from gonogo.catalog.registry import Registry
from gonogo.providers.embedded.fetch import Fetched
from gonogo.providers.embedded.recipe import Recipe, Rendering, generate, render
from gonogo.providers.embedded.spec import load

FOLDER = Path("/data/gg-1/ein Ordner")
HOME = Path("/home/" + "h" * 150)


def rendered(name: str) -> Recipe:
    """The recipe of a real component, with ports as they come and programs that are nowhere."""
    component = Registry.load(ROOT).components[name]
    spec = load(component.folder)
    ports = {n.name: {p: 20000 + 10 * i + j for j, p in enumerate(n.ports)} for i, n in enumerate(spec.nodes)}
    fetched = Fetched({one: HOME / "programs" / one for one in spec.programs}, [HOME / "maven/a.jar"], HOME)
    return render(spec, component, Rendering("run", FOLDER / name, ports, generate(spec), {}), fetched)


class Stream:
    """Elasticsearch's ``StreamInput``, as far as it is needed to read ``ServerArgs``."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def take(self, count: int) -> bytes:
        """The next bytes."""
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def number(self) -> int:
        """``readVInt``."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    def text(self) -> str:
        """``readString``: characters are counted, not bytes."""
        found = ""
        for _ in range(self.number()):
            first = self.take(1)
            found += (first + self.take(0 if first[0] < 0x80 else 1 if first[0] < 0xE0 else 2)).decode()
        return found

    def value(self) -> Any:
        """``readGenericValue`` of a text, or of a list of such."""
        kind = self.take(1)[0]
        assert kind in (0, 7)
        return self.text() if kind == 0 else [self.value() for _ in range(self.number())]


@pytest.mark.parametrize("node", [0, 1, 2])
def test_an_elasticsearch_server_is_told_what_its_launcher_would_tell_it(node: int) -> None:
    recipe = rendered("elasticsearch")
    one, first = recipe.nodes[node], recipe.nodes[0]

    told = Stream(bytes.fromhex(one.command.stdin))

    assert told.take(3) == bytes(3)  # no daemon, not quiet, no file with its pid
    assert told.text() == "org.elasticsearch.common.settings.KeyStoreWrapper"
    assert told.take(8) == bytes([0, 0, 0, 6, 0, 0, 0, 0])
    settings = {told.text(): told.value() for _ in range(told.number())}
    assert (told.text(), told.text(), told.rest) == (one.folder, f"{one.folder}/logs", b"")
    assert settings["node.roles"] == ["master" if node == 0 else "data"]
    assert settings["path.home"] == str(HOME / "programs" / "home")
    assert settings["path.data"] == f"{one.folder}/data"
    assert settings["http.port"] == str(one.ports["http"])
    assert settings["discovery.seed_hosts"] == [f"127.0.0.1:{first.ports['transport']}"]
    assert settings["xpack.security.enabled"] == "true"
    assert settings["cluster.routing.allocation.disk.watermark.flood_stage"] == "500mb"
    assert one.command.fed


def test_a_path_of_other_letters_is_counted_in_characters() -> None:
    component = Registry.load(ROOT).components["elasticsearch"]
    spec = load(component.folder)
    ports = {n.name: {p: 20000 + i for i, p in enumerate(n.ports)} for n in spec.nodes}
    fetched = Fetched({"java": Path("/j"), "home": Path("/größe")}, [], Path("/h"))
    recipe = render(spec, component, Rendering("run", FOLDER, ports, generate(spec), {}), fetched)
    assert "\0\6/größe".encode() in bytes.fromhex(recipe.nodes[0].command.stdin)


def crc32c(data: bytes) -> int:
    """The checksum of a batch of records (Castagnoli)."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def batches(data: bytes) -> Iterator[bytes]:
    """The batches of a Kafka log segment, each with a checksum that is right."""
    while data:
        (length,) = struct.unpack(">i", data[8:12])
        batch, data = data[: 12 + length], data[12 + length :]
        assert struct.unpack(">I", batch[17:21])[0] == crc32c(batch[21:])
        yield batch


def test_a_broker_finds_its_folder_formatted() -> None:
    recipe = rendered("kafka")

    (step,) = recipe.nodes[0].prepare
    written = list(batches(base64.b64decode(step.stdin)))

    assert step.argv == ("sh", "-c", "base64 -d > data/bootstrap.checkpoint")
    assert len(written) == 3  # the header of a snapshot, its records, its footer
    features = {b"metadata.version": 29, b"eligible.leader.replicas.version": 1, b"group.version": 1}
    features |= {b"share.version": 1, b"streams.version": 1, b"transaction.version": 2}
    for name, level in features.items():
        assert name + struct.pack(">h", level) in written[1]


def test_each_broker_has_an_identity_of_its_own_in_one_cluster() -> None:
    recipe = rendered("kafka")

    written = [dict(line.split("=", 1) for line in node.files["data/meta.properties"].split()) for node in recipe.nodes]

    assert [one["node.id"] for one in written] == ["1", "2", "3"]
    assert {one["cluster.id"] for one in written} == {recipe.generated["cluster_id"]}
    assert len({one["directory.id"] for one in written}) == 3
    assert {one["version"] for one in written} == {"1"}


@pytest.mark.parametrize("name", ["kafka", "elasticsearch", "neo4j"])
def test_a_java_server_names_its_archive_and_verifies_as_whoever_made_it(name: str) -> None:
    recipe = rendered(name)

    archive = recipe.class_data

    assert archive is not None
    assert archive.root.startswith(f"{HOME}/programs/{name}-classes-")
    verifying = {"-XX:-BytecodeVerificationRemote", "-XX:+UseSerialGC"}
    for node in recipe.nodes:
        assert node.command.argv.count(archive.option) == 1
        assert verifying <= {*node.command.argv} & {*archive.argv}
