"""Tracing: an index keeps and finds its sources, a rewrite is traced to its source, independent reports are not."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from pathlib import Path

import pytest
from command import run
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from detector.article import Article
from detector.batch.documents import Fields, read_documents
from detector.errors import InputError, SourceIndexError, UsageError
from detector.scoring import Detector
from detector.sources import Failure
from detector.trace import Document, Index, append, build, trace
from detector.trace.alignment import FEATURES, align
from detector.trace.derivation import shared_facts
from detector.trace.reading import read

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = Draft202012Validator(json.loads((ROOT / "docs" / "wire-schema.json").read_text()))
SEEDS = {p.stem: p.read_text("utf-8") for p in sorted((ROOT / "seeds").glob("*.txt"))}

FERRY = """\
The ferry Halcyon ran aground on the Dunmore sandbank at 06:40 on Tuesday with 212 passengers aboard. Harbour \
master Elsie Tarrant said the pilot had swerved to avoid a fishing boat that carried no lights. Two lifeboats \
from Port Ansel took off 57 children before the tide turned. “We sang to them until our voices went,” said Marta \
Quill, a school teacher who was on the lower deck. Nobody was badly hurt, although nine people were treated for \
cold at St Bride hospital. The company, Calder Lines, will hold an inquiry and has suspended the morning sailing \
until Friday. Divers found a gash of four metres below the waterline, and a tug is expected from Hallam tonight. \
The Halcyon was built in 1988 and passed its last inspection in March."""

FERRY_REWRITTEN = """\
On Tuesday at 06:40 the ferry Halcyon, which had 212 passengers aboard, ran aground on the Dunmore sandbank. \
According to harbour master Elsie Tarrant, its pilot swerved in order to avoid an unlit fishing boat. Before the \
tide turned, 57 children were taken off by two lifeboats from Port Ansel. Marta Quill, a teacher on the lower \
deck, said: “We sang to them until our voices went.” While nobody was badly hurt, nine people were treated for \
cold at St Bride hospital. Calder Lines has suspended its morning sailing until Friday and is going to hold an \
inquiry. A gash of four metres was found below the waterline by divers, and a tug from Hallam is expected \
tonight. Built in 1988, the Halcyon had passed its last inspection in March."""

FERRY_BY_ANOTHER = """\
I was buying bread on Quay Street when the siren went. By the time I reached the slipway half of Port Ansel \
stood there in dressing gowns, looking at the Halcyon, which sat on the Dunmore bank like a house that had been \
put down in the wrong place. Osric Bell, who has fished these waters for forty years, told me the channel has \
moved since the winter gales and no chart shows it. A girl in a school blazer came up the steps wrapped in foil \
and asked me whether her recorder could be fetched. Calder Lines would answer no questions at its office. Later \
in the afternoon the council's transport chair, Pim Aldous, spoke of cuts to dredging, and was booed."""

ORCHARD = """\
Growers in the Wenlow valley lost two thirds of their plums to the frost of 3 May, the co-operative said. \
Chairman Tobias Renn put the damage at 4.2 million crowns and asked the province for loans without interest. \
Smudge pots were lit on 140 farms, but the wind dropped after midnight and the smoke rose straight up. At Lower \
Sedge the Hask family covered 900 trees with bed sheets and saved about half of them. Pickers who come each \
August from the islands have been told to look elsewhere. The price of a crate in Hallam market has risen from \
18 to 31 crowns since Monday."""

ORCHARD_REWRITTEN = """\
The co-operative says growers in the Wenlow valley lost two thirds of their plums to the frost of 3 May. Damage \
was put at 4.2 million crowns by chairman Tobias Renn, who asked the province for loans without interest. On 140 \
farms smudge pots were lit, but after midnight the wind dropped and the smoke rose straight up. The Hask family \
at Lower Sedge covered 900 trees with bed sheets, saving about half of them. Pickers from the islands, who come \
each August, have been told to look elsewhere. In Hallam market the price of a crate has risen since Monday from \
18 to 31 crowns."""

SOURCES = [
    Document("ferry", FERRY, "2026-03-04"),
    Document("orchard", ORCHARD),
    *(Document(k, t) for k, t in SEEDS.items()),
]


def make(folder: Path, documents: list[Document]) -> Index:
    assert list(build(documents, folder))[-1] == len(documents)
    return Index.load(folder)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return make(tmp_path_factory.mktemp("trace") / "index", SOURCES)


# what tracing says


def test_rewrite_is_derived_from_its_source(index: Index):
    found = trace(Article(FERRY_REWRITTEN), index)
    assert (found.derivation, found.sources[0].id) == ("derived_from_one", "ferry")
    assert found.sources[0].share > 0.8
    assert not found.sources[0].same_article


def test_two_sources_are_several(index: Index):
    found = trace(Article(f"{FERRY_REWRITTEN}\n\n{ORCHARD_REWRITTEN}"), index)
    assert found.derivation == "derived_from_several"
    assert {s.id for s in found.sources} == {"ferry", "orchard"}
    assert 0.9 < sum(s.share for s in found.sources) <= 1


ORCHARD_TOLD = (
    "Smudge pots did little on 140 farms. One family, the Hasks, saved 900 trees under bed sheets. In the market at "
    "Hallam a crate now costs 31 crowns.",
    "Frost on 3 May cost growers in the Wenlow valley two thirds of their plums, and the co-operative reckons the "
    "damage is 4.2 million crowns.",
)


def test_doubtful_source_counts_beside_a_sure_one_and_never_alone(index: Index):
    first, rest = ORCHARD_TOLD
    beside = trace(Article(f"{first} {FERRY_REWRITTEN} {rest}"), index)
    assert [s.id for s in beside.sources] == ["ferry", "orchard"]
    assert beside.derivation == "derived_from_several"
    alone = trace(Article(f"{first} {FERRY_BY_ANOTHER} {rest}"), index)
    assert (alone.derivation, alone.sources) == ("independent", ())


def test_another_reporter_on_the_event_is_independent(index: Index):
    found = trace(Article(FERRY_BY_ANOTHER), index)
    assert (found.derivation, found.sources) == ("independent", ())


@pytest.mark.parametrize("name", [n for n in SEEDS if n not in ("morning-briefing", "friday-links")])
def test_seeds_are_independent_of_each_other_or_in_doubt(name: str, tmp_path: Path):
    others = make(tmp_path / "index", [d for d in SOURCES if d.id != name])
    assert trace(Article(SEEDS[name]), others).derivation in ("independent", None)


def test_article_itself_is_named_and_accuses_nobody(index: Index):
    found = trace(Article(FERRY), index)
    assert (found.derivation, found.sources[0].id) == ("independent", "ferry")
    assert found.sources[0].same_article
    assert (found.sources[0].share, found.sources[0].relation) == (1, "verbatim")


def test_sentence_lifted_word_for_word_is_verbatim_and_an_edited_one_is_not(tmp_path: Path):
    lifted = FERRY_REWRITTEN.replace(FERRY_REWRITTEN.split(". ")[0], FERRY.split(". ")[0])
    (found,) = trace(Article(lifted), make(tmp_path / "index", SOURCES[:2])).sources
    assert [m.relation for m in found.matches[:2]] == ["verbatim", "rephrased"]


def test_few_words_are_too_short(index: Index):
    for text in ("", "Word.", "🙂", "The ferry Halcyon ran aground."):
        found = trace(Article(text), index)
        assert (found.derivation, found.abstained_because, found.sources) == (None, "too_short", ())


def test_other_language_is_said(index: Index):
    french = "Le conseil municipal a voté hier soir la fermeture du pont aux poids lourds après un long débat public. "
    found = trace(Article(french * 3), index)
    assert (found.derivation, found.abstained_because) == (None, "other_language")


def test_one_source_is_enough(tmp_path: Path):
    alone = make(tmp_path / "index", SOURCES[:1])
    assert trace(Article(FERRY_REWRITTEN), alone).derivation == "derived_from_one"
    assert trace(Article(ORCHARD_REWRITTEN), alone).derivation == "independent"


def test_spans_index_both_texts_as_given(tmp_path: Path):
    source, text = FERRY.replace("“", "🙂 “").replace(" ", "\u00a0", 5), "🙂 \u200b" + FERRY_REWRITTEN.replace("'", "’")
    (found,) = trace(Article(text), make(tmp_path / "index", [Document("s", source)])).sources
    assert len(found.matches) >= 6
    for m in found.matches:
        assert text[m.start : m.end] == m.text
        assert source[m.source_start : m.source_end] == m.source_text


def test_shared_facts_are_names_numbers_and_quotations():
    facts = shared_facts(
        "[This] Marta Quill said: “We sang to them” at 06:40 on Dunmore, where a U.S. tug and I lay. On Tuesday.",
        "This “We sang to them,” Marta Quill, on Tuesday 06:40, U.S., I, U",
    )
    assert facts == ("Marta Quill", "We sang to them", "06:40", "U.S.", "Tuesday")


@settings(max_examples=40)
@given(st.text(max_size=120), st.text(max_size=120))
def test_any_two_texts_align_within_bounds(a: str, b: str):
    found = align(read(Article(a)), read(Article(f"{b}. {FERRY}")))
    assert ((found.similarity >= 0) & (found.similarity <= 1)).all()
    assert found.features.shape == (len(FEATURES),)
    assert ((found.features >= -1) & (found.features <= 1)).all()
    assert (found.last >= found.first).all()


# the index


def test_index_keeps_texts_ids_and_dates(index: Index):
    assert list(index) == SOURCES
    assert [index.stored(i) for i in range(len(index))] == SOURCES


def test_appended_sources_are_found_and_old_files_untouched(tmp_path: Path):
    make(tmp_path, SOURCES[2:])
    before = {p.name: p.read_bytes() for p in tmp_path.glob("*.npy")}
    assert list(append(SOURCES[:2], tmp_path)) == [len(SOURCES)]
    assert all((tmp_path / name).read_bytes() == data for name, data in before.items())
    index = Index.load(tmp_path)
    assert len(index) == len(SOURCES)
    assert trace(Article(FERRY_REWRITTEN), index).sources[0].id == "ferry"


def test_appending_in_parts_or_at_once_finds_the_same(tmp_path: Path, index: Index):
    make(tmp_path, SOURCES[:7])
    list(append(SOURCES[7:], tmp_path))
    query = [read(Article(FERRY_REWRITTEN))]
    assert Index.load(tmp_path).search(query, 5) == index.search(query, 5)


@pytest.mark.parametrize("kind", ["terms", "postings", "weights", "texts", "blocks", "starts"])
def test_damaged_file_is_refused(tmp_path: Path, kind: str):
    make(tmp_path, SOURCES[:3])
    path = tmp_path / f"000000.{kind}.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(SourceIndexError, match=f"{kind}.npy is not the file that was indexed"):
        Index.load(tmp_path)


def test_missing_file_edited_manifest_and_other_format_are_refused(tmp_path: Path):
    make(tmp_path, SOURCES[:3])
    manifest = tmp_path / "manifest.json"
    given = manifest.read_text()
    for damage, sentence in (
        (given.replace('"size": 3', '"size": 2'), "was edited"),
        (given.replace('"format": 1', '"format": 9'), "format 9"),
        ("{", "not an index's manifest"),
        ("[]", "not an index's manifest"),
    ):
        manifest.write_text(damage)
        with pytest.raises(SourceIndexError, match=sentence):
            Index.load(tmp_path)
    manifest.write_text(given)
    (tmp_path / "000000.terms.npy").unlink()
    with pytest.raises(SourceIndexError, match=r"lacks .*terms\.npy"):
        Index.load(tmp_path)


def test_nothing_to_index_is_an_error(tmp_path: Path):
    with pytest.raises(InputError, match="nothing to index"):
        list(build([Document("a", ""), Document("b", "…")], tmp_path / "index"))


def test_folder_in_use_is_refused(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(SourceIndexError, match="not an empty folder"):
        list(build(SOURCES, tmp_path))


@settings(max_examples=25)
@given(texts=st.lists(st.text(st.characters(), min_size=1, max_size=60), min_size=1, max_size=20))
def test_any_text_comes_back_from_an_index(texts: list[str], tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("any") / "index"
    documents = [Document(str(i), f"{t} harbour {i}") for i, t in enumerate(texts)]
    list(build(documents, folder))
    assert list(Index.load(folder)) == documents
    shutil.rmtree(folder)


# reading sources


def test_readers_agree(tmp_path: Path):
    rows = [{"id": d.id, "text": d.text, "date": d.date or ""} for d in SOURCES[:4]]
    lines = "".join(json.dumps(r) + "\n" for r in rows)
    for name in ("a.jsonl", "a.json", "a.ndjson"):
        (tmp_path / name).write_text(lines)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    for name, separator in (("a.csv", ","), ("a.tsv", "\t")):
        with (tmp_path / name).open("w", newline="") as f:
            writer = csv.DictWriter(f, ["id", "text", "date"], delimiter=separator)
            writer.writeheader()
            writer.writerows(rows)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 6
    for path in files:
        assert list(read_documents(str(path), None, print, Fields())) == SOURCES[:4], path
    assert list(read_documents("-", io.BytesIO(lines.encode()), print, Fields())) == SOURCES[:4]


def test_parquet_is_read_or_asks_for_pyarrow(tmp_path: Path):
    path = str(tmp_path / "a.parquet")
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        with pytest.raises(UsageError, match="pip install"):
            list(read_documents(path, None, print, Fields()))
        return
    pq.write_table(pa.table({"id": ["x"], "text": [FERRY]}), path)
    assert list(read_documents(path, None, print, Fields())) == [Document("x", FERRY)]


def test_bad_records_are_told_and_left_out(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a"}\n[]\n{bad\n{"id": 4, "text": "fine"}\n')
    found = list(read_documents(str(path), None, print, Fields()))
    assert [f.code for f in found if isinstance(f, Failure)] == ["missing_field", "malformed_json", "malformed_json"]
    assert found[-1] == Document("4", "fine")


def test_archive_that_breaks_off_is_not_taken_for_a_whole_one(tmp_path: Path):
    path = tmp_path / "a.jsonl.gz"
    lines = "".join(json.dumps({"id": d.id, "text": d.text}) + "\n" for d in SOURCES)
    path.write_bytes(gzip.compress(lines.encode())[:-400])
    result = run("index", path, "--output", tmp_path / "ix")
    assert (result.code, result.err.count("\n")) == (3, 1)
    assert str(path) in result.err
    assert not (tmp_path / "ix" / "manifest.json").exists()


# library, commands, wire format


def test_detector_merges_trace_and_style(index: Index):
    plain, traced = Detector.load(), Detector.load(sources=index)
    verdict, style = traced.score(FERRY_REWRITTEN), plain.score(FERRY_REWRITTEN)
    assert (verdict.label, verdict.style_label) == ("rewritten", style.label)
    assert verdict.probabilities == style.probabilities
    assert verdict.derivation == "derived_from_one"
    assert verdict.sources
    SCHEMA.validate(verdict.to_dict())
    assert "sources" not in style.to_dict()
    assert style.sources is style.derivation is None


def test_independent_leaves_the_style_verdict(index: Index):
    verdict = Detector.load(sources=index).score(FERRY_BY_ANOTHER)
    assert verdict.label == verdict.style_label == Detector.load().score(FERRY_BY_ANOTHER).label


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "sources").mkdir()
    for d in SOURCES[:5]:
        (tmp_path / "sources" / f"{d.id}.txt").write_text(d.text, "utf-8")
    (tmp_path / "article.txt").write_text(FERRY_REWRITTEN, "utf-8")
    return tmp_path


def test_commands_trace_a_folder_and_an_index_alike(place: Path):
    assert run("index", place / "sources", "--output", place / "ix").code == 0
    by_folder = run("trace", place / "article.txt", "--sources", place / "sources", "--format", "jsonl")
    by_index = run("trace", place / "article.txt", "--sources", place / "ix", "--format", "json")
    assert by_folder.rows == json.loads(by_index.out)
    (row,) = by_folder.rows
    SCHEMA.validate(row)
    assert row["derivation"] == "derived_from_one"
    assert row["sources"][0]["matches"][0]["shared"]


def test_score_and_explain_take_an_index(place: Path):
    run("index", place / "sources", "--output", place / "ix")
    (row,) = run("score", place / "article.txt", "--sources", place / "ix", "--format", "jsonl").rows
    SCHEMA.validate(row)
    assert row["label"] == "rewritten"
    out = run("explain", place / "article.txt", "--sources", place / "ix").out
    assert "sources: derived_from_one" in out
    assert "Elsie Tarrant" in out


def test_append_by_command(place: Path):
    run("index", place / "sources", "--output", place / "ix")
    (place / "more.jsonl").write_text(json.dumps({"id": "more", "text": ORCHARD_REWRITTEN}) + "\n")
    assert run("index", place / "more.jsonl", "--output", place / "ix", "--append").err.endswith("6 sources indexed\n")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["trace", "article.txt", "--sources", "missing"], 3, "no such file"),
        (["trace", "article.txt", "--sources", "missing.jsonl"], 3, "no such file"),
        (["trace", "article.txt", "--sources", "other.csv"], 3, "no column 'text' (its columns: a, b)"),
        (["trace", "article.txt", "--sources", "empty"], 3, "nothing to index"),
        (["trace", "missing.txt", "--sources", "sources"], 3, "no such file"),
        (["trace", "-", "--sources", "-"], 2, "read only once"),
        (["score", "article.txt", "--sources", "sources"], 4, "no index in"),
        (["index", "sources", "--output", "sources"], 4, "not an empty folder"),
        (["index", "sources", "--output", "empty", "--append"], 4, "no index in"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_what_goes_wrong_is_one_sentence(
    place: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, sentence: str
):
    (place / "empty").mkdir()
    (place / "empty" / "a.txt").write_text("…")
    (place / "other.csv").write_text("a,b\n1,2\n3,4\n")
    monkeypatch.chdir(place)
    result = run(*arguments)
    assert (result.code, result.out) == (code, "")
    assert sentence in result.err
    assert code == 2 or result.err.count("\n") == 1


def test_copy_is_one_line_for_a_reader_and_whole_in_json(place: Path):
    copy = place / "sources" / "ferry.txt"
    assert "copy of it" in run("trace", copy, "--sources", place / "sources").out.splitlines()[-1]
    (row,) = run("trace", copy, "--sources", place / "sources", "--format", "jsonl").rows
    assert len(row["sources"][0]["matches"]) == 8


def test_corrupted_index_ends_the_command_with_its_sentence(place: Path):
    run("index", place / "sources", "--output", place / "ix")
    (place / "ix" / "000000.postings.npy").write_bytes(b"")
    result = run("trace", place / "article.txt", "--sources", place / "ix")
    assert result.code == 4
    assert "is not the file that was indexed" in result.err


# in batches


def test_batch_traces_every_record_with_any_number_of_jobs(tmp_path: Path):
    make(tmp_path / "index", SOURCES)
    given, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    given.write_text("".join(json.dumps({"id": f"r{i}", "text": FERRY_REWRITTEN}) + "\n" for i in range(6)))
    command = ("batch", given, "--output", out, "--sources", tmp_path / "index", "--chunk", "2")
    assert run(*command).code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(r["id"], r["derivation"], r["sources"][0]["id"]) for r in rows] == [
        (f"r{i}", "derived_from_one", "ferry") for i in range(6)
    ]
    alone = out.read_bytes()
    out.unlink()
    assert run(*command, "--jobs", "2").code == 0
    assert out.read_bytes() == alone


def test_parquet_holds_sources(tmp_path: Path):
    pq = pytest.importorskip("pyarrow.parquet")
    make(tmp_path / "index", SOURCES)
    given, out = tmp_path / "in.jsonl", tmp_path / "out.parquet"
    given.write_text(json.dumps({"id": "r", "text": FERRY_REWRITTEN}) + "\n")
    assert run("batch", given, "--output", out, "--sources", tmp_path / "index").code == 0
    (row,) = pq.read_table(out).to_pylist()
    assert row["derivation"] == "derived_from_one"
    assert row["sources"][0]["matches"][0]["source_text"]
    assert row["score"]["origin"].keys() == {"original", "rewritten", "aggregated"}
