"""Hedges and boosters: how much a text commits itself to, and where in the text.

Source: Hyland, Metadiscourse (2005); the cue lists of CoNLL-2010's hedge detection task (Farkas et al.). Model-written
news hedges about consequences, above all towards its end ("could drastically alter"), and heightens importance;
people hedge what they saw or think ("I think", "sort of").
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

from detector.article import Article
from detector.lexicon import Match
from detector.signals.reading import Feature, Reading, Span

_PER_1K = "per 1000 words"
FEATURES = (
    Feature("hedges_per_1k_words", _PER_1K, "high: commits itself to little"),
    Feature("modal_hedges_per_1k_words", _PER_1K, "high: speculates about what may, might or could be"),
    Feature("conditionals_per_1k_words", _PER_1K, "high: talks of what would be"),
    Feature("epistemic_hedges_per_1k_words", _PER_1K, "high: leaves open whether things are so"),
    Feature("appearance_hedges_per_1k_words", _PER_1K, "high: reports appearances and opinions"),
    Feature("degree_hedges_per_1k_words", _PER_1K, "high: tones down, as personal writing does"),
    Feature("approximators_per_1k_words", _PER_1K, "high: gives rough figures"),
    Feature("hedged_sentence_share", "share of sentences, 0..1", "high: most sentences are hedged"),
    Feature("hedges_first_third_share", "share of hedges, 0..1", "high: hedges in the opening"),
    Feature("hedges_last_third_share", "share of hedges, 0..1", "high: hedges in the ending, as outlooks do"),
    Feature("boosters_per_1k_words", _PER_1K, "high: asserts with emphasis"),
    Feature("certainty_boosters_per_1k_words", _PER_1K, "high: asserts certainty, as opinion does"),
    Feature("emphatic_boosters_per_1k_words", _PER_1K, "high: heightens, as promotion and machine text do"),
    Feature("importance_boosters_per_1k_words", _PER_1K, "high: asserts importance, as machine text does"),
    Feature("boosted_sentence_share", "share of sentences, 0..1", "high: most sentences are emphatic"),
    Feature("boosters_last_third_share", "share of boosters, 0..1", "high: emphasis in the ending"),
    Feature("hedge_booster_log_ratio", "natural logarithm", "high: hedges outnumber boosters"),
)

_SHOWN = ("modal", "epistemic")


def measure(article: Article) -> Reading:
    """Rates, positions and balance of hedges and boosters; spans are the speculative hedges with what they hedge."""
    n = article.n_words
    if not n:
        return Reading({f.name: math.nan for f in FEATURES})
    hedges = [m for m in article.matches["hedges"] if not _is_month(article, m)]
    boosters = article.matches["boosters"]
    kinds = Counter(m.entry.name for m in (*hedges, *boosters))
    starts = article.sentence_starts.tolist()
    length = len(article.folded)
    per_1k = 1000 / n
    values = {
        "hedges_per_1k_words": len(hedges) * per_1k,
        "modal_hedges_per_1k_words": kinds["modal"] * per_1k,
        "conditionals_per_1k_words": kinds["conditional"] * per_1k,
        "epistemic_hedges_per_1k_words": kinds["epistemic"] * per_1k,
        "appearance_hedges_per_1k_words": kinds["appearance"] * per_1k,
        "degree_hedges_per_1k_words": kinds["degree"] * per_1k,
        "approximators_per_1k_words": kinds["approximator"] * per_1k,
        "hedged_sentence_share": _sentence_share(hedges, starts),
        "hedges_first_third_share": _share(hedges, 0, length / 3),
        "hedges_last_third_share": _share(hedges, 2 * length / 3, length),
        "boosters_per_1k_words": len(boosters) * per_1k,
        "certainty_boosters_per_1k_words": kinds["certainty"] * per_1k,
        "emphatic_boosters_per_1k_words": kinds["emphatic"] * per_1k,
        "importance_boosters_per_1k_words": kinds["importance"] * per_1k,
        "boosted_sentence_share": _sentence_share(boosters, starts),
        "boosters_last_third_share": _share(boosters, 2 * length / 3, length),
        "hedge_booster_log_ratio": math.log((len(hedges) + 1) / (len(boosters) + 1)),
    }
    spans = [Span(m.start, _clause_end(article.lowered, m.end), m.entry.note) for m in hedges if m.entry.name in _SHOWN]
    return Reading(values, spans)


# The month and not the modal: capital in running text, a figure after it, a preposition of time before it.
_AFTER_MONTH = re.compile(r",? \d")
_BEFORE_MONTH = re.compile(
    r"(?:\d(?:st|nd|rd|th)?|in|of|since|until|till|by|last|next|this|early|late|mid|from|to|during|before|after) $"
)


def _is_month(article: Article, m: Match) -> bool:
    if not article.lowered.startswith("may", m.start):
        return False
    if article.folded[m.start] == "M" or _AFTER_MONTH.match(article.lowered, m.start + 3):
        return True
    return not article.has_case and bool(_BEFORE_MONTH.search(article.lowered, max(0, m.start - 8), m.start))


# What is hedged: up to four words, ending before a mark or a word that opens another clause.
_HEDGED = re.compile(
    r"(?: (?!(?:and|or|but|that|which|who|if|when|while|because|as|for|so|since|though|although)\b)[\w'%$-]+){1,4}"
)
_DANGLING = re.compile(
    r"(?: (?:a|an|the|its|his|her|their|our|my|your|this|these|to|of|in|on|at|with|by|from|into|more|between|than))+$"
)


def _clause_end(lowered: str, end: int) -> int:
    hedged = _HEDGED.match(lowered, end)
    if hedged is None:
        return end
    dangling = _DANGLING.search(hedged.group())
    return hedged.end() - (len(dangling.group()) if dangling else 0)


def _sentence_share(matches: Iterable[Match], starts: list[int]) -> float:
    if not starts:
        return math.nan
    return len({bisect_right(starts, m.start) for m in matches}) / len(starts)


def _share(matches: Iterable[Match], start: float, end: float) -> float:
    inside = [start <= m.start < end for m in matches]
    return sum(inside) / len(inside) if inside else math.nan
