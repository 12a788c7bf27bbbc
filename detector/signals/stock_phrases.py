"""Stock phrases: wording that language models overuse, in tiers by how rarely people write it.

Source: Kobak et al. (2024) on excess vocabulary, Juzek & Ward (2025), Wikipedia's "Signs of AI writing"; each phrase's
rate was measured on human and machine texts of twelve paired datasets (see the lexicon). One phrase proves nothing.
"""

from __future__ import annotations

import math
from collections import Counter

from detector.article import Article
from detector.signals.reading import Feature, Reading, Span

_PER_1K = "per 1000 words"
_TIERS = {
    "strong": ("strong_stock_phrases_per_1k_words", "high: phrases that people rarely write"),
    "vocabulary": ("machine_vocabulary_per_1k_words", "high: words that people rarely write"),
    "participle_tail": ("participle_tails_per_1k_words", "high: sentences end in ', highlighting ...'"),
    "connective": ("formal_connectives_per_1k_words", "high: 'Additionally,', 'Furthermore,'"),
    "closer": ("closing_phrases_per_1k_words", "high: 'In conclusion', 'remains to be seen'"),
    "filler": ("filler_phrases_per_1k_words", "high: 'It is important to note that'"),
    "contrast": ("contrast_frames_per_1k_words", "high: 'not just X but Y'"),
    "common": ("common_stock_phrases_per_1k_words", "high: commonplaces of machine text"),
}
FEATURES = (
    *(Feature(name, _PER_1K, direction) for name, direction in _TIERS.values()),
    Feature("stock_phrases_per_1k_words", _PER_1K, "high: the phrases of all tiers but the common"),
    Feature("stock_phrase_kinds_log", "log(1 + number)", "high: many different strong phrases and words"),
)

_SHOWN = frozenset(("strong", "closer", "filler"))


def measure(article: Article) -> Reading:
    """Rates of each tier and how many different phrases there are; spans are the strong phrases and fillers."""
    n = article.n_words
    if not n:
        return Reading({f.name: math.nan for f in FEATURES})
    low = article.lowered
    matches = article.matches["stock_phrases"]
    tiers = Counter(m.entry.name for m in matches)
    kinds = {low[m.start : m.end] for m in matches if m.entry.name in ("strong", "vocabulary")}
    values = {name: tiers[tier] * 1000 / n for tier, (name, _) in _TIERS.items()}
    values["stock_phrases_per_1k_words"] = (len(matches) - tiers["common"]) * 1000 / n
    values["stock_phrase_kinds_log"] = math.log1p(len(kinds))
    spans = [Span(m.start, m.end, m.entry.note) for m in matches if m.entry.name in _SHOWN]
    return Reading(values, spans)
