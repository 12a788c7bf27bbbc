"""Clusters: articles on one story are grouped, unrelated ones are not, farms are marked, dates give the direction."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import run
from hypothesis import given, settings
from hypothesis import strategies as st
from test_trace import FERRY, FERRY_REWRITTEN, ORCHARD, SEEDS

from detector.errors import InputError
from detector.trace import Document
from detector.trace.cluster import cluster

FERRY_SIMPLE = """\
A ferry called Halcyon ran aground on the Dunmore sandbank on Tuesday at 06:40. There were 212 \
passengers aboard. \
The harbour master, Elsie Tarrant, said the pilot had swerved to avoid a fishing boat without lights. \
Two lifeboats from Port Ansel took off 57 children before the tide turned. “We sang to them until our voices went,” \
said school teacher Marta Quill. Nobody was badly hurt, but nine people were treated for cold at St Bride hospital. \
Calder Lines will hold an inquiry and has suspended the morning sailing until Friday."""
FARM = [
    Document("wire", FERRY, "2026-03-04T07:30:00Z"),
    Document("rewritten", FERRY_REWRITTEN, "2026-03-05"),
    Document("simple", FERRY_SIMPLE, "2026-03-06"),
]
UNRELATED = [Document(k, t) for k, t in SEEDS.items() if not k.startswith("bridge")]


def test_a_farm_is_one_cluster_among_unrelated_articles():
    (found,) = cluster([*UNRELATED[:5], *FARM, Document("orchard", ORCHARD), *UNRELATED[5:]])
    assert found.ids == ("wire", "rewritten", "simple")
    assert found.farm


def test_later_one_looks_derived_from_the_earlier():
    (found,) = cluster([*reversed(FARM), *UNRELATED])
    links = {(link.article, link.source) for link in found.links}
    assert {("rewritten", "wire"), ("simple", "wire")} <= links
    assert all(link.dated for link in found.links)


def test_without_dates_the_direction_is_left_open():
    (found,) = cluster([Document(d.id, d.text) for d in FARM])
    assert found.links
    assert not any(link.dated for link in found.links)


def test_unrelated_articles_make_no_cluster():
    assert cluster(UNRELATED) == []


def test_nothing_to_group_is_an_error():
    with pytest.raises(InputError, match="nothing to index"):
        cluster([])


@settings(max_examples=15)
@given(st.permutations(FARM + UNRELATED[:4]))
def test_order_of_input_does_not_matter(documents: list[Document]):
    (found,) = cluster(documents)
    assert found.ids == ("wire", "rewritten", "simple")


def test_the_five_articles_are_one_story_among_unrelated_ones(shared: Path):
    five = [Document(p.stem, p.read_text("utf-8")) for p in sorted((shared / "seeds").glob("*.txt"))]
    assert len(five) == 5
    others = [Document(k, t) for k, t in SEEDS.items()]
    together = [c for c in cluster([*others[::2], *five, *others[1::2]]) if set(c.ids) & {d.id for d in five}]
    assert [set(c.ids) for c in together] == [{d.id for d in five}]


def test_command_gives_the_clusters(tmp_path: Path):
    records = tmp_path / "crawl.jsonl"
    records.write_text(
        "".join(json.dumps({"url": d.id, "text": d.text, "when": d.date}) + "\n" for d in FARM + UNRELATED)
    )
    arguments = ("cluster", records, "--id-field", "url", "--date-field", "when")
    (row,) = run(*arguments, "--format", "jsonl").rows
    assert row["ids"] == ["wire", "rewritten", "simple"]
    assert json.loads(run(*arguments, "--format", "json").out) == [row]
    assert "rewrite farm" in run(*arguments).out
