"""Documents through Elasticsearch: indexed, found, added up, deleted, and kept when a data node is lost."""

from __future__ import annotations

import pytest

from fixtures.elasticsearch import Elasticsearch, Found
from gonogo import expect, nothing
from gonogo.checks.disturb import Disturb

DOCUMENTS = {
    "a": {"text": "The quick brown fox", "colour": "brown", "n": 1},
    "b": {"text": "jumps over the lazy dog", "colour": "grey", "n": 20},
    "c": {"text": "a brown dog, quick as ever", "colour": "brown", "n": 300},
    "d": {"text": "ночь, улица, фонарь ✓", "colour": "grey", "n": 4000},
}
ALL = Found(ids=["a", "b", "c", "d"], total=4, sums={"brown": (301, 2), "grey": (4020, 2)})
WITHOUT_A_AND_B = Found(ids=["c", "d"], total=2, sums={"brown": (300, 1), "grey": (4000, 1)})
EVERYTHING = {"match_all": {}}


@pytest.mark.criterion("elasticsearch.roundtrip")
@pytest.mark.writes
def test_documents_are_found_as_they_were_written(elasticsearch: Elasticsearch) -> None:
    """Documents written in bulk are read back, found by their words, added up, and gone once deleted."""
    with elasticsearch.index() as index:
        elasticsearch.add(index, DOCUMENTS)

        read = elasticsearch.get(index, "d")
        everything = elasticsearch.search(index, EVERYTHING)
        by_words = elasticsearch.search(index, {"match": {"text": {"query": "quick BROWN", "operator": "and"}}})
        elasticsearch.delete(index, "a", "b")
        rest = elasticsearch.search(index, EVERYTHING)

    expect(read, DOCUMENTS["d"], cause="elasticsearch.search_wrong")
    expect(everything, ALL, cause="elasticsearch.search_wrong")
    expect(by_words.ids, ["a", "c"], cause="elasticsearch.search_wrong", message="by words")
    expect(rest, WITHOUT_A_AND_B, cause="elasticsearch.search_wrong", message="after the deletion of two")


@pytest.mark.criterion("elasticsearch.defaults")
@pytest.mark.writes
def test_an_index_with_the_defaults_works(elasticsearch: Elasticsearch) -> None:
    """An index made with nothing overridden takes documents, and a search finds them."""
    with elasticsearch.default_index() as index:
        elasticsearch.add(index, {"a": DOCUMENTS["a"], "d": DOCUMENTS["d"]})

        read = elasticsearch.get(index, "d")
        found = elasticsearch.ids(index, {"match": {"text": "fox"}})

    expect(read, DOCUMENTS["d"], cause="elasticsearch.template_wrong")
    expect(found, ["a"], cause="elasticsearch.template_wrong", message="by a word")


@pytest.mark.criterion("elasticsearch.node_loss")
@pytest.mark.disrupts("kill", "elasticsearch", "data-2")
def test_a_lost_data_node_loses_no_document(elasticsearch: Elasticsearch, disturb: Disturb) -> None:
    """With a data node lost, every document is still found at once, and new ones too; after, every copy is back."""
    with elasticsearch.index(shards=2) as index:
        elasticsearch.add(index, {"a": DOCUMENTS["a"], "b": DOCUMENTS["b"], "c": DOCUMENTS["c"]})
        with disturb.kill("elasticsearch", "data-2"):
            survived = elasticsearch.search(index, EVERYTHING)
            elasticsearch.add(index, {"d": DOCUMENTS["d"]})
            written = elasticsearch.search(index, EVERYTHING)
        after = elasticsearch.search(index, EVERYTHING)
        health = elasticsearch.health()

    expect(survived.ids, ["a", "b", "c"], cause="elasticsearch.search_wrong", message="without the node")
    expect(written, ALL, cause="elasticsearch.search_wrong", message="written without the node")
    expect(after, ALL, cause="elasticsearch.search_wrong", message="with the node again")
    expect(health.unassigned, nothing(), cause="elasticsearch.shard_unassigned", message="unassigned shards")
