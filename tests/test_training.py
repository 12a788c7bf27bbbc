"""Training: folds that leak nothing, figures that are what they are called, and a model out of a small corpus."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import Detector
from detector.errors import CorpusError, UsageError
from detector.model import calibrate
from detector.training import corpus, evaluate, publish, robustness, variants
from detector.training.corpus import Row
from detector.training.evaluate import auroc, calibration_error, threshold_at
from detector.training.fit import (
    DOUBT,
    SELF_NAMING,
    Weights,
    find_knots,
    find_lift,
    fit_calibration,
    hat_matrix,
    tell_apart,
    tell_from_sources,
    weigh,
)
from detector.training.table import Table
from detector.training.variants import Variant
from detector.trees import Trees

SEEDS = Path(__file__).parents[1] / "seeds"
TRUTH = json.loads((SEEDS / "labels.json").read_text("utf-8"))["articles"]


def row(unit: str, n: int, origin: str | None = "original", ai: bool | None = False, group: str = "") -> Row:
    text = f"Text {n} of {unit}. " + "It was a long and quiet day in the valley, and nobody came. " * 4
    return Row(f"{unit}{n}", text, origin, ai, unit, "human", "", "news", group, True, False, None)


# ---- folds


ROWS = [
    row(unit, n, origin, ai)
    for unit, origin, ai in (
        ("sheepdog", "rewritten", True),
        ("llmfake", "rewritten", True),
        ("digests:a", "aggregated", None),
        ("digests:b", "aggregated", None),
        ("human_sites:a", "original", False),
        ("human_sites:b", "original", False),
        ("x_pages", "original", False),
        ("x_main", "original", False),
        ("bbc_2004", "original", False),
    )
    for n in range(6)
]


def test_units_and_families_are_never_split() -> None:
    folds = corpus.assign_folds(ROWS, 4)
    of = {r.unit: {int(f) for r2, f in zip(ROWS, folds, strict=True) if r2.unit == r.unit} for r in ROWS}
    assert all(len(f) == 1 for f in of.values())
    assert of["sheepdog"] == of["llmfake"]
    assert of["x_pages"] == of["x_main"]
    assert len(set(folds.tolist())) == 4


def test_rows_that_share_a_group_with_the_held_out_do_not_train() -> None:
    rows = [row("a", 0, group="g"), row("a", 1), row("b", 0, group="g"), row("b", 1, group="h")]
    mask = corpus.training_mask(rows, np.array([0, 0, 1, 1]), 0)
    assert mask.tolist() == [False, False, False, True]


def test_sample_is_capped_and_without_copies() -> None:
    rows = [row("a", n) for n in range(30)] + [row("a", 0)]
    chosen = corpus.sample(rows, 10, seed=1)
    assert len(chosen) == len({r.text for r in chosen}) == 10
    assert chosen == corpus.sample(rows, 10, seed=1)


def test_guessed_origin_is_left_out() -> None:
    record = {"id": 1, "text": "x", "dataset": "d", "source": "s", "origin": "aggregated", "weak": True, "ai": None}
    assert corpus.parse(record).origin is None


def test_origin_of_a_mislabelled_digest_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {
        "id": "a:1",
        "text": "x",
        "dataset": "d",
        "source": "s",
        "origin": "original",
        "ai": False,
        "kind": "human",
    }
    assert (corpus.parse(record).origin, corpus.parse(record).kind) == ("original", "human")
    monkeypatch.setattr(corpus, "MISLABELLED", {hashlib.blake2b(b"a:1", digest_size=6).hexdigest()})
    aside = corpus.parse(record)
    assert (aside.origin, aside.ai, aside.kind) == (None, False, corpus.MISLABELLED_KIND)


@pytest.mark.parametrize("content", [b"{", b'{"id": 1}', b'{"id": 1, "text": "x", "dataset": "d", "origin": "other"}'])
def test_bad_corpus_line_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "d.jsonl.gz").write_bytes(gzip.compress(content))
    with pytest.raises(CorpusError, match=r"d\.jsonl\.gz, line 1"):
        list(corpus.read(tmp_path))


def test_missing_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no corpus in"):
        list(corpus.read(tmp_path))


# ---- variants


def test_preamble_and_cut_end_are_dropped() -> None:
    r = Row("1", "Sure, here is a rewritten version:\n\nThe roof fell on Monday morning. Nobody was in. The cou",
            "rewritten", True, "u", "k", "m", "news", "", False, False, None)  # fmt: skip
    assert variants.clean(r, np.random.default_rng(0)) == "The roof fell on Monday morning. Nobody was in."


@given(st.integers(0, 2**32 - 1), st.integers(20, 200))
def test_crop_is_whole_sentences_of_the_text(seed: int, n_words: int) -> None:
    from detector import Article

    article = Article((SEEDS / "bridge-hearing.txt").read_text("utf-8"))
    piece = variants.crop(article, n_words, np.random.default_rng(seed))
    assert piece in article.text
    assert abs(Article(piece).n_words - n_words) <= 60


def test_same_dice_same_variants() -> None:
    def made() -> list[str]:
        return [v.text for r in ROWS for v in variants.vary(r, np.random.default_rng(3))]

    assert made() == made()


def story(name: str, domain: str = "news") -> Row:
    text = (SEEDS / name).read_text("utf-8")
    return Row(name, text, "original", False, name, "human", "", domain, "", True, False, None)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_round_up_is_made_of_its_parts_and_of_nothing_unfilled(seed: int) -> None:
    parts = [story(n) for n in ("bridge-hearing.txt", "signal-box.txt", "second-hive.txt", "cold-water-swimming.txt")]
    made = variants.round_up(parts, parts[0], np.random.default_rng(seed))
    assert not set("{}") & set(made)
    assert made == variants.round_up(parts, parts[0], np.random.default_rng(seed))
    words = set(made.lower().split())
    assert all(len(words & set(p.text.lower().split())) >= 3 for p in parts)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_brief_credits_outlets_and_leaves_out_who_speaks(seed: int) -> None:
    made = variants.brief(story("marathon-wire.txt"), np.random.default_rng(seed))
    assert made is not None
    assert not set("{}") & set(made)
    named = [o for o in variants._MORE_OUTLETS if o.removeprefix("The ").lower() in made.lower()]
    assert named
    assert not variants._NOT_TOLD.search(variants._QUOTATION.sub("", made))


def test_a_story_of_ones_own_makes_no_brief() -> None:
    mine = replace(story("second-hive.txt"), text="I went to the hive and we opened it with my brother today. " * 30)
    assert variants.brief(mine, np.random.default_rng(0)) is None


# ---- numbers


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_hats_share_out_one(values: list[float]) -> None:
    column = np.array(values)[:, None]
    knots = find_knots(column)
    assert (np.diff(knots) > 0).all()
    shares = hat_matrix(column, knots).toarray()
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)
    clipped = np.clip(column[:, 0], knots[0, 0], knots[0, -1])
    spread = max(1.0, float(np.abs(knots).max()))
    assert shares @ knots[0] / spread == pytest.approx(clipped / spread, abs=1e-4)


def test_undefined_has_no_share() -> None:
    column = np.array([[1.0], [np.nan], [3.0]])
    assert hat_matrix(column, find_knots(column)).toarray()[1].sum() == 0


def test_rare_presence_has_a_knot() -> None:
    column = np.array([[0.0]] * 95 + [[1.0], [2.0], [2.0], [3.0], [4.0]])
    knots = find_knots(column)[0]
    assert knots[0] == 0
    assert 0.9 < knots[1] < 2


def test_a_short_text_is_a_persons_in_doubt() -> None:
    """The same sums say no more of a machine on a short text, although as many short texts of either kind have them."""
    rng = np.random.default_rng(0)
    n = 4000
    ai, n_words = rng.integers(0, 2, n), np.where(rng.random(n) < 0.5, 50, 400)
    total = rng.normal(0, 1, (n, 4))
    total[:, 3] += 2.0 * ai - 1.0
    units = np.arange(n).astype(str)
    calibration = fit_calibration(total, n_words, rng.integers(0, 3, n), ai, units)
    asked = np.tile(np.array([[0.0, 0.0, 0.0, 0.0]]), (2, 1))
    _, (short, long) = calibrate(calibration, asked, np.array([50, 400]), np.zeros(2, dtype=bool))
    assert long == pytest.approx(0.5, abs=0.03)
    assert short == pytest.approx(1 / (1 + DOUBT), abs=0.03)


def test_lift_is_what_held_out_rows_have_beyond_their_sums() -> None:
    rng = np.random.default_rng(0)
    n = 6000
    sums, ways, n_words = rng.normal(0, 2, (n, 4)), rng.integers(0, 3, n) * 1.0, rng.integers(300, 2000, n)
    true = np.array([-1.0, 0.0, 1.5])
    odds = sums[:, :3] + ways[:, None] * true + rng.gumbel(size=(n, 3))
    lift = find_lift(sums, ways, n_words, odds.argmax(axis=1), np.arange(n).astype(str))
    assert lift - lift.mean() == pytest.approx(true - true.mean(), abs=0.3)
    idle = find_lift(sums, rng.permutation(ways), n_words, odds.argmax(axis=1), np.arange(n).astype(str))
    assert np.abs(idle - idle.mean()).max() < 0.3


def test_who_wrote_a_digest_does_not_tell_what_it_is() -> None:
    """Ten times as many digests by people as by machines, and machines' sums differ: both are told by the same rule."""
    rng = np.random.default_rng(0)
    n = 4000
    origin = rng.integers(1, 3, n)
    ai = np.where(origin == 1, 1, rng.random(n) < 0.1).astype(np.int64)
    total = rng.normal(0, 1, (n, 4))
    total[:, 2] += 3.0 * (origin == 2)
    total[:, 1] += 1.5 * ai
    n_words = np.full(n, 400)
    told = tell_apart(total, n_words, origin, ai, np.arange(n).astype(str))
    odds = total[:, :3] @ told[:-1] + told[-1]
    found = [(odds[(origin == 2) & (ai == k)] > 0).mean() for k in (0, 1)]
    assert min(found) > 0.85
    counted = tell_apart(total, n_words, origin, np.zeros_like(ai), np.arange(n).astype(str))
    by_machine = (origin == 2) & (ai == 1)
    assert found[1] > (total[by_machine, :3] @ counted[:-1] + counted[-1] > 0).mean()


def test_digests_are_told_from_retelling_where_all_texts_are_short() -> None:
    rng = np.random.default_rng(0)
    n = 400
    origin = rng.integers(1, 3, n)
    total = rng.normal(0, 1, (n, 4))
    total[:, 2] += 3.0 * (origin == 2)
    short = tell_apart(total, np.full(n, 60), origin, np.zeros(n, dtype=np.int64), np.arange(n).astype(str))
    assert ((total[:, :3] @ short[:-1] + short[-1] > 0) == (origin == 2)).mean() > 0.9


def test_lifted_weights_add_the_lift_for_each_way_of_naming_itself() -> None:
    knots = find_knots(np.array([[0.0]] * 95 + [[1.0]] * 2 + [[2.0]] + [[3.0]] * 2))
    plain = Weights((SELF_NAMING,), knots, np.zeros((1, knots.shape[1], 4)), {}, np.zeros(4), Trees.empty(4))
    values = np.array([[0.0], [1.0], [2.0], [3.0]])
    lift = np.array([-1.0, 0.0, 2.0])
    added = hat_matrix(values, knots) @ plain.lifted(lift).curves.reshape(-1, 4)
    assert added == pytest.approx(np.outer(np.arange(4), [*lift, 0.0]), abs=1e-4)
    assert not plain.curves.any()


def test_against_its_source_a_text_shows_its_writer_and_not_its_topic() -> None:
    """People here write of topic 0 and machines of topic 1, but where both told one story, topics are the same."""
    rng = np.random.default_rng(0)
    n = 400
    ai = rng.integers(0, 2, n)
    told = rng.random(n) < 0.5  # from a source that the next row, the other's text, has too
    ai[told] = np.arange(told.sum()) % 2
    topic = ai.copy()
    topic[told] = np.repeat(rng.integers(0, 2, n), 2)[: told.sum()]
    group = np.full(n, "", dtype=object)
    group[told] = [f"story {i // 2}" for i in range(told.sum())]
    habit = np.where(rng.random(n) < 0.8, ai, 1 - ai)
    part = sp.csr_matrix(np.column_stack([topic == 0, topic == 1, habit == 0, habit == 1]).astype(float))
    variants = [Variant(row("u", i, ai=bool(a), group=g), "") for i, (a, g) in enumerate(zip(ai, group, strict=True))]
    labels = ai.astype(np.int64)
    table = Table(variants, np.zeros((n, 0)), part, np.full(n, 300), np.full(n, -1), labels)
    rows = np.arange(n)
    weights, offset = tell_from_sources(part, table, rows)
    by_people, by_machines = weights[2:, 0]
    assert by_machines > 1 > -1 > by_people
    assert np.abs(weights[:2]).max() < 0.1 * by_machines
    assert (part @ weights + offset).mean() == pytest.approx(0, abs=1e-9)
    alone = np.flatnonzero(~told)
    nothing, offset = tell_from_sources(part[alone], table, alone)
    assert (nothing.any(), offset) == (False, 0.0)


def test_threshold_keeps_its_rate() -> None:
    scores = np.arange(1000) / 1000
    t = threshold_at(scores, np.ones(1000), 0.01)
    assert (scores >= t).mean() == pytest.approx(0.01)


def test_auroc() -> None:
    assert auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1
    assert np.isnan(auroc(np.array([]), np.array([1.0])))


def test_calibration_error() -> None:
    truth = np.array([True, False])
    assert calibration_error(np.array([1.0, 0.0]), truth, np.ones(2)) == 0
    assert calibration_error(np.array([0.0, 1.0]), truth, np.ones(2)) == 1


def test_units_weigh_the_root_of_their_size() -> None:
    w = weigh(np.array(["a"] * 100 + ["b"] * 4), np.zeros(104, dtype=np.int64))
    assert w[:100].sum() / w[100:].sum() == pytest.approx(5)


# ---- the whole way


@pytest.fixture(scope="module")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seeds' sentences, shuffled into ten units of six texts: enough to run on, too little to mean anything."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("data")
    (folder / "corpus").mkdir()
    with gzip.open(folder / "corpus" / "small.jsonl.gz", "wt", encoding="utf-8") as out:
        for u in range(10):
            origin = ("original", "rewritten", "aggregated")[u % 3]
            names = [n for n, t in TRUTH.items() if t["origin"] == origin]
            lines = [x for n in names for x in (SEEDS / n).read_text("utf-8").split("\n") if len(x) > 60]
            for n in range(6):
                text = "\n".join(lines[i] for i in rng.choice(len(lines), 8))
                record = {
                    "id": f"{u}-{n}",
                    "text": text,
                    "dataset": f"set{u}",
                    "source": "s",
                    "kind": origin,
                    "pre_llm": True,
                }
                record |= {"origin": origin, "ai": origin == "rewritten"}
                out.write(json.dumps(record) + "\n")
    return folder


def test_a_corpus_becomes_a_model(small_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "N_FOLDS", 2)
    monkeypatch.setattr(robustness, "SAMPLE", {"human": 3, "machine": 3, "aggregated": 2})
    monkeypatch.setattr(publish, "Recipe", partial(evaluate.Recipe, n_composed=20))
    said: list[str] = []
    publish.train(small_corpus, tmp_path / "next", tmp_path / "evaluation.md", 2, said.append)
    detector = Detector.load(tmp_path / "next")
    text = (SEEDS / "bridge-feed.txt").read_text("utf-8")
    assert detector.score(text).model.startswith("next@")
    assert detector.check_canaries() == 3
    assert "## `ai`" in (tmp_path / "evaluation.md").read_text("utf-8")
    assert said[-1].startswith("wrote ")


def test_a_published_model_is_never_overwritten(small_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="never edited"):
        publish.train(small_corpus, tmp_path, None, 1, print)
