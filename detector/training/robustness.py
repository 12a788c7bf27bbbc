"""Robustness: the same texts set differently, or lightly disguised, and what that does to verdicts."""

from __future__ import annotations

import html
import math
import re
import textwrap
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from detector.article import Article
from detector.model import Array
from detector.training.evaluate import HeldOut, auroc, decide_all, select, threshold_at
from detector.training.figures import Figure
from detector.training.scores import Integers, Thresholds
from detector.training.table import UNKNOWN, tabulate
from detector.training.variants import Variant

Dice = np.random.Generator
Score = Callable[[Sequence[str]], tuple[Array, Array, Integers]]  # texts -> origin (n, 3), ai (n,), labels called

SAMPLE = {"human": 300, "machine": 300, "aggregated": 150}

_RESIDUE = (
    "Read next", "Storm closes coast road for a second day", "Share this article", "Subscribe to our newsletter",
    "Accept all cookies", "Leave a comment", "Most read", "All rights reserved.",
)  # fmt: skip
_LOOKALIKES = str.maketrans("aeopcxy", "аеорсху")
_SYNONYMS = dict(
    pair.split(":")
    for pair in (
        "important:major big:large large:big quick:fast fast:quick begin:start start:begin began:started help:aid "
        "helps:aids show:reveal shows:reveals showed:revealed use:employ uses:employs used:employed make:create "
        "makes:creates made:created need:require needs:requires needed:required buy:purchase bought:purchased "
        "get:obtain gets:obtains got:obtained many:numerous often:frequently also:too but:yet because:since "
        "about:around nearly:almost almost:nearly hard:difficult difficult:hard easy:simple simple:easy "
        "small:little little:small huge:vast vast:huge end:finish ended:finished children:kids house:home "
        "home:house job:post work:labour area:region region:area city:town answer:reply answered:replied "
        "asked:inquired tell:inform told:informed think:believe thinks:believes thought:believed said:stated "
        "says:states however:still therefore:thus happy:glad sad:unhappy angry:furious whole:entire "
        "entire:whole current:present enough:sufficient several:various various:several rise:climb rose:climbed "
        "fall:drop fell:dropped increase:growth increased:grew decrease:decline crucial:vital vital:crucial "
        "key:central significant:marked highlights:stresses highlight:stress ensure:secure ensures:secures "
        "provide:offer provides:offers provided:offered support:backing allow:let allows:lets"
    ).split()
)
_WORD = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class Change:
    """A way to change a text. `formatting` alters nothing that a reader reads; the others are disguises."""

    name: str
    apply: Callable[[str, Dice], str]
    formatting: bool = True


def _share(text: str, dice: Dice, rate: float, change: Callable[[str], str]) -> str:
    """Some of the words changed, drawn by dice."""
    return _WORD.sub(lambda m: change(m[0]) if dice.random() < rate else m[0], text)


def _curl(text: str, dice: Dice) -> str:
    text = re.sub(r'(^|[\s(\[])"', r"\1“", text).replace('"', "”")
    return re.sub(r"(^|[\s(\[“])'", r"\1‘", text).replace("'", "’")


def _straighten(text: str, dice: Dice) -> str:
    return text.translate(str.maketrans("“”‘’", "\"\"''"))


def _wrap(text: str, dice: Dice) -> str:
    lines = (textwrap.wrap(line, 72, break_long_words=False, break_on_hyphens=False) for line in text.split("\n"))
    return "\n".join("\n".join(line) for line in lines)


def _space_out(text: str, dice: Dice) -> str:
    return text.replace("\n", "\n\n")


def _hide(text: str, dice: Dice) -> str:
    return _share(text, dice, 0.1, lambda w: f"{w[:1]}\u200b{w[1:]}")


def _tab(text: str, dice: Dice) -> str:
    return "\n".join("\t" + line if line.strip() else line for line in text.split("\n")).replace(". ", ".\t")


def _escape(text: str, dice: Dice) -> str:
    marks = {"“": "&ldquo;", "”": "&rdquo;", "‘": "&lsquo;", "’": "&rsquo;", "—": "&mdash;", "–": "&ndash;"}
    text = html.escape(text)
    for mark, entity in marks.items():
        text = text.replace(mark, entity)
    return text


def _shout(text: str, dice: Dice) -> str:
    head, line, rest = text.partition("\n")
    return head.upper() + line + rest if len(head.split()) <= 20 else text


def _furnish(text: str, dice: Dice) -> str:
    return text.rstrip() + "\n\n" + "\n".join(_RESIDUE)


def _replace(word: str) -> str:
    other = _SYNONYMS.get(word.lower())
    return word if other is None else other.capitalize() if word[0].isupper() else other


def _misspell(word: str) -> str:
    return word[:2] + word[3] + word[2] + word[4:] if len(word) > 4 else word


def shuffle(text: str, dice: Dice) -> str:
    """The text's sentences in another order; what stands between them keeps its place."""
    article = Article(text)
    places = [article.span(*s) for s in article.sentences]
    parts, at = [], 0
    order = dice.permutation(len(places))
    for place, i in zip(places, order, strict=True):
        parts += [text[at : place.start], text[places[i].start : places[i].end]]
        at = place.end
    return "".join(parts) + text[at:]


CHANGES = (
    Change("curly quotes", _curl),
    Change("straight quotes", _straighten),
    Change("lines wrapped at 72", _wrap),
    Change("extra blank lines", _space_out),
    Change("NFC", lambda text, _: unicodedata.normalize("NFC", text)),
    Change("NFD", lambda text, _: unicodedata.normalize("NFD", text)),
    Change("NFKC", lambda text, _: unicodedata.normalize("NFKC", text)),
    Change("zero-width characters in 10% of words", _hide),
    Change(
        "homoglyphs in 10% of words", lambda text, dice: _share(text, dice, 0.1, lambda w: w.translate(_LOOKALIKES))
    ),
    Change("tabs", _tab),
    Change("HTML entities", _escape),
    Change("title in capitals", _shout),
    Change("lower case", lambda text, _: text.lower(), False),
    Change("one line", lambda text, _: " ".join(text.split()), False),
    Change("trailing residue", _furnish, False),
    Change("homoglyphs in every word", lambda text, _: text.translate(_LOOKALIKES), False),
    Change("synonyms", lambda text, _: _WORD.sub(lambda m: _replace(m[0]), text), False),
    Change("3% of words misspelt", lambda text, dice: _share(text, dice, 0.03, _misspell), False),
    Change("10% of words misspelt", lambda text, dice: _share(text, dice, 0.1, _misspell), False),
    Change("sentences shuffled", shuffle, False),
)
# Nothing is hidden by these; both sides of a comparison are changed. The others an evader does to machine text.
BOTH_SIDES = frozenset(c.name for c in CHANGES if c.formatting) | {"lower case", "one line", "trailing residue"}


def compare(texts: Sequence[str], origin: Integers, ai: Integers, score: Score, seed: int) -> Figure:
    """What each change does to verdicts on some texts, of which `origin` and `ai` are known or UNKNOWN."""
    human = (ai == 0) & (origin != 2)
    machine, aggregated = ai == 1, origin == 2
    _, p, called = score(texts)
    cut = threshold_at(p[human], np.ones(int(human.sum())), 0.01) if human.any() else math.inf
    lines = []
    for change in CHANGES:
        dice = np.random.default_rng(seed)
        changed = [change.apply(text, dice) for text in texts]
        _, p2, called2 = score(changed)
        scored = ~np.isnan(p) & ~np.isnan(p2)
        m, h = machine & scored, human & scored
        other = p2[h] if change.name in BOTH_SIDES else p[h]
        accused = (called2[h] > 0) & (called[h] <= 0)
        lines.append(
            {
                "change": change.name,
                "kind": "formatting" if change.formatting else "form" if change.name in BOTH_SIDES else "disguise",
                "n": len(texts),
                "altered": float(np.mean([a != b for a, b in zip(texts, changed, strict=True)])),
                "agreement": float((called == called2).mean()),
                "accused": float(accused.mean()) if h.any() else math.nan,
                "auroc_drop": auroc(p[m], p[h]) - auroc(p2[m], other),
                "tpr_drop": float((p[m] >= cut).mean() - (p2[m] >= cut).mean()) if m.any() and h.any() else math.nan,
                "recall_drop": float((called[aggregated] == 2).mean() - (called2[aggregated] == 2).mean())
                if aggregated.any()
                else math.nan,
            }
        )
    n = {"human": int(human.sum()), "machine": int(machine.sum()), "aggregated": int(aggregated.sum())}
    return {
        "n": n,
        "changes": [
            {k: None if isinstance(v, float) and math.isnan(v) else round(v, 4) if isinstance(v, float) else v
             for k, v in line.items()} for line in lines
        ],
    }  # fmt: skip


def choose(origin: Integers, ai: Integers, possible: np.ndarray[tuple[int], np.dtype[np.bool_]], seed: int) -> Integers:
    """The indices of a sample of some possible texts: people's originals, machine-written and aggregated ones."""
    dice = np.random.default_rng(seed)
    kinds = {"human": (ai == 0) & (origin != 2), "machine": ai == 1, "aggregated": origin == 2}
    chosen: set[int] = set()
    for name, mask in kinds.items():
        rows = np.flatnonzero(mask & possible)
        chosen |= {int(i) for i in dice.choice(rows, min(SAMPLE[name], len(rows)), replace=False)}
    return np.array(sorted(chosen), dtype=np.int64)


def compare_held_out(
    out: HeldOut, thresholds: Thresholds, vocabulary: Sequence[str], min_words: int, seed: int, jobs: int
) -> Figure:
    """`compare` on held-out whole texts, each scored by the model that never saw its dataset."""
    table = out.table
    rows = choose(table.origin, table.ai, (out.band == 0) & (table.n_words >= min_words), seed)
    variants = [table.variants[i] for i in rows]

    def score(texts: Sequence[str]) -> tuple[Array, Array, Integers]:
        listed = [Variant(v.row, text) for v, text in zip(variants, texts, strict=True)]
        measured = tabulate(listed, vocabulary, jobs)
        place = {id(v): i for i, v in enumerate(listed)}
        where = np.array([place[id(v)] for v in measured.variants], dtype=np.int64)
        origin, ai = np.full((len(listed), 3), np.nan), np.full(len(listed), np.nan)
        called = np.full(len(listed), UNKNOWN)
        fold = out.fold[rows][where]
        for k in np.unique(fold):
            own = np.flatnonzero(fold == k)
            origin[where[own]], ai[where[own]] = out.judges[k].probabilities(select(measured, own))
        enough = measured.n_words >= min_words
        called[where] = np.where(enough, decide_all(origin[where], thresholds), UNKNOWN)
        return origin, ai, called

    return compare([v.text for v in variants], table.origin[rows], table.ai[rows], score, seed)
