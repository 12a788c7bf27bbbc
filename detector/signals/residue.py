"""Residue: page and feed furniture that reached the text: comment forms, share rows, lists of other stories, notices.

Source: Kohlschütter, Fankhauser & Nejdl, Boilerplate Detection using Shallow Text Features (2010), whose link-free
features (length, capitals, neighbours) are the ones used here; Pomikálek, jusText (2011), for context between good
blocks; phrases in residue.toml and residue_context.toml. A small network, trained by detector/training/residue.py on
pages whose main text is known, says for each line how likely it is furniture; residue_lines.json holds its numbers.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from detector.article import Article
from detector.lexicon import Match
from detector.signals.reading import Feature, Reading, Span

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FEATURES = (
    Feature("residue_line_share", "share of lines, 0..1", "high: scraped with its page"),
    Feature("residue_char_share", "share of characters, 0..1", "high: scraped with its page"),
    Feature("comment_prompts_log", "log(1 + number)", "high: the page asks for comments"),
    Feature("related_lists_log", "log(1 + number)", "high: the page points to other stories"),
    Feature("feed_notices_log", "log(1 + number)", "high: a feed speaks about itself"),
    Feature("time_stamped_items_log", "log(1 + number)", "high: the page carries other stories, by the hour"),
    Feature("title_repeats_log", "log(1 + number)", "high: the headline stands twice"),
)

FAMILIES = (
    "comment_form", "related_list", "feed_notice", "share_row", "subscribe_box", "cookie_or_ad", "photo_credit",
    "legal", "navigation",
)  # fmt: skip
SHORT = 20  # words; a line beyond is no label, and its wording is not looked at
_FAR = 50  # lines
_STAMP = re.compile(
    r"\d{1,2}[:.]\d\d\b|\bago\b|\b(?:am|pm|min|mins|minutes?|hours?)\b|\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}|\d(?:st|nd|rd|th)\b|"
    r"\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\b.{0,12}\d"
)
_CLOCK = re.compile(r"(?:[01]?\d|2[0-3])[:.][0-5]\d(?: ?[ap]\.?m\.?)?(?: [a-z]{2,4})?|\d{1,2} (?:min|minute|hour|day)s? ago")
_MARKS = np.zeros(256, dtype=np.uint8)  # 1 ends a sentence, 2 stands between links or before a handle
_MARKS[[ord(c) for c in ".!?"]] = 1
_MARKS[[ord(c) for c in "|>@©"]] = 2


def line_features(article: Article, words: dict[str, float]) -> dict[str, Floats]:
    """What each line looks like, by feature name, one value a line; `words` are log-odds for the words of labels."""
    lines, folded, lowered = article.lines, article.folded, article.lowered
    n = len(lines)
    starts, ends = np.array(lines, dtype=np.int64).T
    codes, kinds = article._folding.codes, article._folding.kinds
    i = np.arange(n)
    length = (ends - starts).astype(float)

    def count(mask: Mask) -> Floats:
        sums = _sums(mask)
        return sums[ends] - sums[starts]

    upper, letter_before = (kinds & 8) != 0, np.append(False, (kinds[:-1] & 16) != 0)
    after_blank = np.append(False, codes[:-1] == 32)
    n_words = count(codes == 32) + 1
    digits, marks = count((kinds & 2) != 0), count((kinds & 4) != 0)
    capitals, glued, n_upper = count(upper & after_blank), count(upper & letter_before), count(upper)
    stops = count(np.append((codes[:-1] == 46) & (codes[1:] == 32), False)) if len(codes) else np.zeros(n)
    separators = count((codes < 256) & (_MARKS[codes & 255] == 2))
    last, first = codes[ends - 1], codes[starts]
    stopped = (_MARKS[last & 255] == 1) & (last < 256) | ((last == 34) & (length > 20))
    stamp, repeated, told, least, most, opening, closing = np.zeros((7, n))
    short = np.flatnonzero(n_words <= SHORT).tolist()
    texts = [lowered[starts[j] : ends[j]] for j in short]
    seen = Counter(texts)
    for j, text in zip(short, texts, strict=True):
        if digits[j] or text.endswith("ago"):
            stamp[j] = _STAMP.search(text) is not None
        repeated[j] = seen[text] > 1
        odds = [words.get(w, 0.0) for w in text.split()]
        told[j], least[j], most[j] = sum(odds) / len(odds), min(odds), max(odds)
        opening[j], closing[j] = odds[0], odds[-1]
    families = {name: np.zeros(n) for name in FAMILIES}
    covered, sure, label = np.zeros((3, n))
    matches = article.matches["residue"] + article.matches["residue_context"]
    for m, j in zip(matches, (np.searchsorted(starts, [m.start for m in matches], "right") - 1).tolist(), strict=True):
        covered[j] += min(m.end, ends[j]) - m.start
        if m.entry.where == "anywhere":
            sure[j] = families[m.entry.name][j] = 1
        elif n_words[j] <= SHORT:
            label[j] = families[m.entry.name][j] = 1
    cued = np.maximum(sure, label)

    prose = ((n_words >= 14) & stopped) | (n_words >= 35)
    at = np.flatnonzero(prose)
    since = until = np.full(n, float(_FAR))
    before = after = np.zeros(n)
    if at.size:
        k, m_ = np.searchsorted(at, i, "left") - 1, np.searchsorted(at, i, "right")
        since = np.where(k >= 0, np.minimum(i - at[k], _FAR), _FAR).astype(float)
        until = np.where(m_ < at.size, np.minimum(at[np.minimum(m_, at.size - 1)] - i, _FAR), _FAR).astype(float)
        before, after = (i < at[0]).astype(float), (i > at[-1]).astype(float)
    read = _sums(prose * np.minimum(length, 600))
    passed = read[:-1] / max(read[-1], 1)
    case = float(article.has_case)
    title_case = case * capitals / np.maximum(n_words - 1, 1)
    cue_sum = _sums(cued * (n_words <= 30))

    def around(values: Floats, k: int) -> Floats:
        sums = _sums(values)
        low, high = np.maximum(i - k, 0), np.minimum(i + k + 1, n)
        result: Floats = (sums[high] - sums[low]) / (high - low)
        return result

    capped, stopped_ = np.minimum(length, 400) / 400, stopped.astype(float)
    brief = (n_words <= 6).astype(float)
    return {
        "words_2": np.minimum(n_words, 2) / 2, "words_5": np.minimum(n_words, 5) / 5,
        "words_12": np.minimum(n_words, 12) / 12, "words_30": np.minimum(n_words, 30) / 30,
        "words_80": np.minimum(n_words, 80) / 80, "word_length": np.minimum(length / n_words, 15) / 10,
        "stopped": stopped_, "colon": (last == 58) * 1.0, "comma": (last == 44) * 1.0, "question": (last == 63) * 1.0,
        "inner_stops": np.minimum(stops, 3), "bullet": np.isin(first, (8226, 45, 42)) * 1.0,
        "digit_first": (kinds[starts] & 2) / 2.0, "lower_first": case * ((kinds[starts] & 16) / 16.0),
        "mark_first": (kinds[starts] & 4) / 4.0, "digits": digits / length, "marks": marks / length,
        "separators": np.minimum(separators, 3), "glued": np.minimum(glued, 4) * case, "title_case": title_case,
        "title_case_long": title_case * np.minimum(n_words, 12) / 12, "all_caps": case * (n_upper > 0.6 * length),
        "stamp": stamp, "stamp_brief": stamp * brief, "number": (digits + marks + n_words - 1 >= length) * 1.0,
        "repeated": repeated, "covered": np.minimum(covered / length, 1), "label": label, "sure": sure,
        "sure_short": sure * (n_words <= SHORT), "told": told, "told_least": least, "told_most": most,
        "told_first": opening, "told_last": closing, "told_before": _shift(told, 1), "told_after": _shift(told, -1),
        "told_2": around(told, 2), "told_6": around(told, 6), "before": before, "after": after,
        "since": np.log1p(since), "until": np.log1p(until),
        "run": np.where(prose, 0, np.log1p(since + until - 1)), "after_prose": (since == 1) * 1.0,
        "before_prose": (until == 1) * 1.0, "passed": passed, "passed_squared": passed**2,
        "head": np.exp(-i / 3), "tail": np.exp(-(n - 1 - i) / 5), "lines": np.full(n, math.log(n)),
        "prose": prose * 1.0, "n_prose": np.full(n, math.log1p(at.size)), "prose_share": np.full(n, at.size / n),
        "length_2": around(capped, 2), "length_5": around(capped, 5), "length_15": around(capped, 15),
        "stopped_3": around(stopped_, 3), "stopped_8": around(stopped_, 8), "cued_2": around(cued, 2),
        "cued_5": around(cued, 5), "cued_12": around(cued, 12), "stamp_3": around(stamp, 3),
        "stamp_10": around(stamp, 10), "repeated_3": around(repeated, 3), "brief_3": around(brief, 3),
        "brief_8": around(brief, 8), "length_before": _shift(capped, 1), "length_after": _shift(capped, -1),
        "cued_before": _shift(cued, 1), "cued_after": _shift(cued, -1), "stamp_before": _shift(stamp, 1),
        "stamp_after": _shift(stamp, -1), "cues_before": np.minimum(cue_sum[:-1] / 5, 2),
        "cues_after": np.minimum((cue_sum[-1] - cue_sum[:-1]) / 5, 2), **families,
    }  # fmt: skip


def _sums(values: npt.NDArray[np.generic]) -> Floats:
    sums = np.zeros(len(values) + 1)
    np.cumsum(values, out=sums[1:])
    return sums


def _shift(values: Floats, by: int) -> Floats:
    """`values` of the line before (by = 1) or after (by = -1); 0 where there is none."""
    moved = np.zeros_like(values)
    if by > 0:
        moved[1:] = values[:-1]
    else:
        moved[:-1] = values[1:]
    return moved


@dataclass(frozen=True)
class Network:
    """A trained line network: one hidden layer of rectified units over `features`, and the words it knows."""

    features: tuple[str, ...]
    words: dict[str, float]
    inner: Floats
    inner_bias: Floats
    outer: Floats
    outer_bias: float

    def to_json(self) -> str:
        """Its numbers as a table: a line a feature."""
        rows = {name: [float(f"{v:.3g}") for v in row] for name, row in zip(self.features, self.inner, strict=True)}
        table = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
        return (
            f'{{"source": "detector/training/residue.py",\n"inner": {{\n{table}\n}},\n'
            f'"inner_bias": {json.dumps([float(f"{v:.3g}") for v in self.inner_bias])},\n'
            f'"outer": {json.dumps([float(f"{v:.3g}") for v in self.outer])},\n'
            f'"outer_bias": {self.outer_bias:.3g},\n'
            f'"words": {json.dumps(self.words, ensure_ascii=False)}}}\n'
        )

    @classmethod
    def from_json(cls, text: str) -> Network:
        data = json.loads(text)
        inner = np.array(list(data["inner"].values()))
        return cls(
            tuple(data["inner"]), data["words"], inner, np.array(data["inner_bias"]), np.array(data["outer"]),
            data["outer_bias"],
        )  # fmt: skip


@lru_cache(maxsize=1)
def _network() -> Network:
    return Network.from_json((resources.files("detector") / "lexicons" / "residue_lines.json").read_text("utf-8"))


def line_scores(article: Article, network: Network | None = None) -> Floats:
    """How likely each of `article.lines` is furniture, 0..1."""
    if not article.lines:
        return np.zeros(0)
    network = network or _network()
    x = np.array(list(line_features(article, network.words).values()))
    hidden = np.maximum(network.inner.T @ x + network.inner_bias[:, None], 0)
    scores: Floats = 1 / (1 + np.exp(-np.clip(network.outer @ hidden + network.outer_bias, -50, 50)))
    return scores


THRESHOLD = 0.5
_ITEM_REACH = 3  # lines within which a second clock time makes the first a feed item
_NOTES = {
    "related_list": "pointer to other stories",
    "time": "time stamp of a feed",
    "title": "the headline again",
    "line": "page furniture, by its shape and place",
}


def furniture(article: Article) -> tuple[bool, ...]:
    """For each of `article.lines`, whether it is furniture."""
    return tuple(_decide(article).tolist())


def _decide(article: Article) -> Mask:
    chosen: Mask = line_scores(article) > THRESHOLD
    chosen[_title_repeats(article)] = True
    return chosen


def _title_repeats(article: Article) -> list[int]:
    """The lines near the start that say the first line, of four words or more, again."""
    lines, lowered = article.lines, article.lowered
    if len(lines) < 3:
        return []
    title = lowered[slice(*lines[0])].strip(" .")
    if not 3 <= title.count(" ") <= 30:
        return []
    return [i for i, line in enumerate(lines[1:6], 1) if lowered[slice(*line)].strip(" .") == title]


def measure(article: Article) -> Reading:
    """How much of the text is furniture; spans are its lines, and what stands within a paragraph."""
    lines, lowered = article.lines, article.lowered
    if not lines:
        return Reading({f.name: math.nan for f in FEATURES})
    chosen = _decide(article)
    titles = set(_title_repeats(article))
    picked = np.flatnonzero(chosen).tolist()
    clock = [i for i in picked if lines[i].end - lines[i].start <= 20 and _CLOCK.fullmatch(lowered[slice(*lines[i])])]
    notes = {i: _NOTES["line"] for i in picked}
    notes |= dict.fromkeys(clock, _NOTES["time"]) | dict.fromkeys(titles, _NOTES["title"])
    kinds: Counter[str] = Counter()
    inline = []
    starts = np.array(lines)[:, 0]
    for m in _phrases(article):
        i = int(np.searchsorted(starts, m.start, "right")) - 1
        if chosen[i]:
            notes[i] = m.entry.note
        elif m.entry.lexicon == "residue" or _is_label(article, m):
            inline.append(Span(m.start, m.end, m.entry.note))
        else:
            continue
        kinds[m.entry.name] += 1
    n_chars = sum(end - start for start, end in lines)
    n_furniture = sum(lines[i].end - lines[i].start for i in picked) + sum(s.end - s.start for s in inline)
    values = {
        "residue_line_share": len(picked) / len(lines),
        "residue_char_share": n_furniture / n_chars,
        "comment_prompts_log": math.log1p(kinds["comment_form"]),
        "related_lists_log": math.log1p(kinds["related_list"]),
        "feed_notices_log": math.log1p(kinds["feed_notice"]),
        "time_stamped_items_log": math.log1p(len(clock)),
        "title_repeats_log": math.log1p(len(titles)),
    }
    spans = [Span(lines[i].start, lines[i].end, note) for i, note in notes.items()]
    return Reading(values, sorted(spans + inline))


def _phrases(article: Article) -> list[Match]:
    return sorted((*article.matches["residue"], *article.matches["residue_context"]), key=lambda m: m.start)


def _is_label(article: Article, m: Match) -> bool:
    """Whether a phrase within a paragraph stands as a label does: capitalised between two sentences."""
    folded = article.folded
    if not article.has_case or " " not in folded[m.start : m.end] or m.entry.where != "anywhere":
        return False
    before, after = folded[max(0, m.start - 2) : m.start], folded[m.end : m.end + 2]
    opens = not before or before[-1] in "\n[" or (before[-1] == " " and before[0] in ".!?\"])")
    closes = not after or after[0] in "\n:]" or (after[0] == " " and not after[1:].islower() and after[1:] != "(")
    return folded[m.start].isupper() and opens and closes
