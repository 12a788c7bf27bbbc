"""Evaluation: labelled files read or refused, figures that are what they are called, pages made again from scores."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import run
from hypothesis import given
from hypothesis import strategies as st
from labelled_texts import make, write
from sklearn.metrics import f1_score, roc_auc_score

from detector.errors import CorpusError
from detector.model import models_folder
from detector.training import account, assess, evaluate, labelled, plots, publish, robustness
from detector.training.figures import area, figures, macro_f1, mean, share
from detector.training.scores import Scores

needs_model = pytest.mark.skipif(not (models_folder() / "CURRENT").is_file(), reason="no model is published in models/")

# ---- labelled files


def test_columns_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("id,text,ai,origin,group,model\n7,Some text,yes,,g,gpt\n,Other,0,Original,,\n,Third,,,,\n", "utf-8")
    first, second = labelled.read(path)
    assert (first.id, first.ai, first.origin, first.group, first.generator) == ("7", True, None, "g", "gpt")
    assert (second.id, second.ai, second.origin, second.unit) == ("2", False, "original", "mine")
    assert second.surely_human
    assert not first.surely_human


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "", "a.csv is empty"),
        ("a.jsonl", "\n\n", "a.jsonl is empty"),
        ("a.csv", "body,ai\nx,1\n", "a.csv, line 2 has no `text`"),
        ("a.csv", "text,other\nx,1\n", "no label in any of 1 rows"),
        ("a.csv", "text,ai\nx,1\n\ny,maybe\n", "line 3 has an unknown value in `ai`"),
        ("a.csv", "text,origin\nx,copied\n", "line 2 has an unknown origin: use original, rewritten, aggregated"),
        ("a.csv", "text,ai\n  ,1\n", "line 2 has an empty text"),
        ("a.csv", 'text,ai\n"x\ny",1\nz,1,2\n', "line 4 has more fields than the header"),
        ("a.csv", 'text,ai\n"x,1\n', "is not CSV"),
        ("a.jsonl", '{"text": "x", "ai": true}\n{', "line 2 is not JSON"),
        ("a.jsonl", "[1]", "line 1 is JSON but no object"),
        ("a.jsonl", '{"text": 3, "ai": true}', "line 1 has an empty text"),
        ("a.jsonl.gz", "plain", "not a gzip file"),
    ],
)
def test_useless_file_is_refused_in_a_sentence(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(CorpusError, match=re.escape(sentence)):
        labelled.read(tmp_path / name)


def test_other_encodings_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("text,ai\ncafé,1\n".encode("latin-1"))
    with pytest.raises(CorpusError, match="not UTF-8"):
        labelled.read(tmp_path / "a.csv")
    with pytest.raises(CorpusError, match="cannot be read"):
        labelled.read(tmp_path / "b.csv")


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)


@given(st.lists(st.tuples(texts, st.booleans()), min_size=1, max_size=8), st.booleans())
def test_jsonl_and_csv_say_the_same(tmp_path_factory: pytest.TempPathFactory, rows: list[Any], packed: bool) -> None:
    folder = tmp_path_factory.mktemp("x")
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerows([("text", "ai"), *rows])
    lines = "".join(json.dumps({"text": t, "ai": a}) + "\n" for t, a in rows)
    for name, content in (("a.csv", table.getvalue()), ("a.jsonl", lines)):
        data = content.encode()
        (folder / f"{name}.gz").write_bytes(gzip.compress(data)) if packed else (folder / name).write_bytes(data)
    end = ".gz" if packed else ""
    by_csv, by_json = labelled.read(folder / f"a.csv{end}"), labelled.read(folder / f"a.jsonl{end}")
    assert [(r.text, r.ai) for r in by_csv] == [(r.text, r.ai) for r in by_json] == rows


# ---- figures

scores = st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9, 1.0]), min_size=1, max_size=30)


@given(scores, scores)
def test_area_is_auroc_and_its_interval_holds_it(positive: list[float], negative: list[float]) -> None:
    told = area(np.array(positive), np.array(negative))
    truth = [1] * len(positive) + [0] * len(negative)
    assert told["value"] == pytest.approx(roc_auc_score(truth, positive + negative))
    assert 0 <= told["low"] <= told["high"] <= 1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=10, max_size=40))
def test_macro_f1_is_the_usual_one(pairs: list[tuple[int, int]]) -> None:
    truth, called = np.array(pairs).T
    if len(set(truth) | set(called)) == 3:
        expected = f1_score(truth, called, average="macro", zero_division=0)
        assert macro_f1(truth, called, np.ones(len(truth)), 3) == pytest.approx(expected)


def test_an_abstention_is_a_miss() -> None:
    truth = np.array([0, 0, 1, 1])
    assert macro_f1(truth, np.array([0, -1, 1, 1]), np.ones(4), 2) == pytest.approx((2 / 3 + 1) / 2)


@given(st.lists(st.booleans(), min_size=1))
def test_intervals_hold_their_share(hits: list[bool]) -> None:
    told = share(np.array(hits))
    assert told["low"] <= told["value"] + 1e-9
    assert told["high"] >= told["value"] - 1e-9
    assert told["n"] == len(hits)


def test_nothing_has_no_figure() -> None:
    assert np.isnan(share(np.array([]))["value"])
    assert np.isnan(mean([])["value"])
    assert np.isnan(area(np.array([]), np.array([1.0]))["value"])


def scored(n: int = 60, wrong: int = 0) -> Scores:
    """Half people and half machines, told apart but for some people."""
    ai = np.repeat([0, 1], n // 2)
    p = np.where(ai == 1, 0.9, 0.1) + np.linspace(0, 0.05, n)
    p[:wrong] = 0.96
    origin = np.where(ai == 1, 1, 0)
    probabilities = np.stack([1 - p, p * 0.9, p * 0.1], axis=1)
    called = probabilities.argmax(axis=1)
    words = np.full(n, "x")
    return Scores(
        about={"how": "own", "folds": "f", "model": "m", "corpus": "c", "rows": n, "units": 1, "seed": 0}
        | {"thresholds": {}, "min_words": 50},
        unit=words, kind=words, generator=words, domain=words, writer=np.full(n, "non-native"),
        hard=np.zeros(n, dtype=bool), surely_human=ai == 0, band=np.zeros(n, dtype=np.int64),
        n_words=np.full(n, 300), origin=origin, ai=ai, by_origin={"model": probabilities}, by_ai={"model": p},
        by_label={"model": called}, crossed=called,
    )  # fmt: skip


def test_a_perfect_judge_has_perfect_figures() -> None:
    told = figures(scored())
    full = told["ai"]["bands"]["full"]["model"]
    assert full["auroc"]["value"] == full["tpr_at_1"]["value"] == full["macro_f1"]["value"] == 1
    assert told["origin"]["names"]["model"]["recall"]["rewritten"]["value"] == 1
    assert told["origin"]["summary"]["originals called rewritten"]["value"] == 0


def test_wronged_people_are_counted_by_group() -> None:
    told = figures(scored(wrong=6))
    writers = {w["writer"]: w for w in told["origin"]["writers"]}
    assert writers["non-native"]["rewritten"] == pytest.approx(0.2)
    assert told["ai"]["bands"]["full"]["model"]["tpr_at_1"]["value"] == 0
    assert told["ai"]["bands"]["full"]["model"]["recall"]["human"]["value"] == pytest.approx(0.8)


@pytest.mark.parametrize("ai", [-1, 0, 1])
@pytest.mark.parametrize("origin", [-1, 0, 2])
def test_one_class_has_pages_without_ranks(tmp_path: Path, ai: int, origin: int) -> None:
    one = scored()
    one = replace(one, ai=np.full_like(one.ai, ai), origin=np.full_like(one.origin, origin))
    told = assess.publish(replace(one, surely_human=one.ai == 0), tmp_path / "e.md", lambda _: None)
    assert ("ai" in told) == (ai >= 0)
    assert "ai" not in told or told["ai"]["bands"]["full"]["model"]["auroc"]["value"] is None
    assert "NaN" not in (tmp_path / "e" / "figures.json").read_text("utf-8")


def test_scores_come_back_as_stored(tmp_path: Path) -> None:
    scored().save(tmp_path / "s.npz")
    assert figures(Scores.load(tmp_path / "s.npz")) == figures(scored())


def test_other_file_in_their_place_is_named(tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04", b"x" * 100):
        (tmp_path / "s.npz").write_bytes(content)
        with pytest.raises(CorpusError, match="delete it"):
            Scores.load(tmp_path / "s.npz")


def test_plots_are_the_same_bytes(tmp_path: Path) -> None:
    told = figures(scored())
    drawn = plots.draw(told, tmp_path / "a")
    assert plots.draw(told, tmp_path / "b") == drawn
    assert {"roc", "length", "reliability"} <= set(drawn)
    assert all((tmp_path / "a" / f"{n}.svg").read_bytes() == (tmp_path / "b" / f"{n}.svg").read_bytes() for n in drawn)


def test_page_has_a_row_for_every_slice() -> None:
    page = account.page(figures(scored()), "e", ["roc"])
    assert "| non-native | full | 30 |" in page
    assert "](e/roc.svg)" in page
    assert "length.svg" not in page


# ---- the whole way


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a few texts are changed."""
    monkeypatch.setattr(robustness, "SAMPLE", {"human": 4, "machine": 4, "aggregated": 2})


@needs_model
@pytest.mark.usefixtures("few")
def test_a_labelled_file_is_measured(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", [r | {"dataset": ""} for r in make(21)])
    done = run("evaluate", path, "--output", tmp_path, "--robustness")
    assert done.code == 0, done.err
    told = json.loads((tmp_path / "evaluation" / "figures.json").read_text("utf-8"))
    assert told["ai"]["bands"]["full"]["model"]["auroc"]["value"] > 0.8
    assert {c["change"] for c in told["robustness"]["changes"]} >= {"NFKC", "synonyms", "sentences shuffled"}
    page = (tmp_path / "evaluation.md").read_text("utf-8")
    assert "## Robustness" in page
    assert all((tmp_path / link).exists() for link in re.findall(r"\]\(([^)]+\.svg)\)", page))
    assert run("evaluate", "--output", tmp_path, "--pin", tmp_path / "q.json").code == 0
    assert run("evaluate", "--output", tmp_path, "--check", tmp_path / "q.json").code == 0
    bounds = json.loads((tmp_path / "q.json").read_text("utf-8"))
    bounds["floors"]["ai/bands/full/model/auroc/value"] = 1.1
    (tmp_path / "q.json").write_text(json.dumps(bounds), "utf-8")
    done = run("evaluate", "--output", tmp_path, "--check", tmp_path / "q.json")
    assert done.code == 1
    assert "under its floor of 1.1" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "nothing to evaluate"),
        (["--check", "q.json"], 2, "holds no figures"),
        (["no-such-folder"], 3, "no corpus in"),
        (["none.csv"], 3, "cannot be read"),
        (["folder", "--model", "models/v1"], 2, "leave --model out"),
    ],
)
def test_senseless_call_is_refused(tmp_path: Path, arguments: list[str], code: int, sentence: str) -> None:
    done = run("evaluate", *arguments, "--output", tmp_path / "out")
    assert done.code == code
    assert sentence in done.err


@pytest.mark.usefixtures("few")
def test_a_corpus_is_scored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corpus").mkdir()
    rows = [r | {"source": "s", "kind": r["origin"], "pre_llm": True} for r in make(12)]
    rows = [r | {"dataset": f"{r['origin']} {i % 3}"} for i, r in enumerate(rows)]
    with gzip.open(tmp_path / "corpus" / "small.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(r) + "\n" for r in rows)
    monkeypatch.setattr(evaluate, "N_FOLDS", 3)
    monkeypatch.setattr(publish, "Recipe", partial(evaluate.Recipe, n_composed=20))
    said: list[str] = []
    first = publish.evaluate(tmp_path, tmp_path / "docs", 1, said.append)
    page = (tmp_path / "docs" / "evaluation.md").read_bytes()
    again = publish.evaluate(tmp_path, tmp_path / "docs", 1, said.append)
    assert [s for s in said if s.startswith("scores as kept")]
    assert again == first
    assert (tmp_path / "docs" / "evaluation.md").read_bytes() == page
    assert set(first["ai"]["bands"]["full"]) >= {"model", "n-grams", "signals", "length"}
