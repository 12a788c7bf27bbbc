"""Residue: page and feed furniture that reached the text: comment forms, share rows, lists of other stories, notices.

Source: Kohlschütter, Fankhauser & Nejdl, Boilerplate Detection using Shallow Text Features (2010), whose features
(lengths, capitals, neighbours) are the ones used here; Pomikálek, jusText (2011), for context between good blocks;
phrases in residue.toml (furniture wherever they stand) and residue_context.toml (where the line says so too). A few
shallow trees, grown by detector/training/residue.py on pages whose main text is known, say how likely a line is
furniture; residue_lines.json holds them.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import chain, pairwise, repeat

import numpy as np
import numpy.typing as npt

from detector.article import DIGIT, LOWER, MARK, STOP, UPPER, Article
from detector.lexicon import Match
from detector.signals.reading import Feature, Reading, Span
from detector.trees import Trees

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Gram = str | tuple[str, ...]

FEATURES = (
    Feature("residue_line_share", "share of lines, 0..1", "high: scraped with its page"),
    Feature("residue_char_share", "share of characters, 0..1", "high: scraped with its page"),
    Feature("comment_prompts_log", "log(1 + number)", "high: the page asks for comments"),
    Feature("related_lists_log", "log(1 + number)", "high: the page points to other stories"),
    Feature("feed_notices_log", "log(1 + number)", "high: a feed speaks about itself"),
    Feature("time_stamped_items_log", "log(1 + number)", "high: the page carries other stories, by the hour"),
    Feature("title_repeats_log", "log(1 + number)", "high: the headline stands twice"),
)

SHORT = 20  # words; a longer line is no label
_LABEL = 3  # words
_LABEL_ODDS = 3.0  # log-odds by its wording; below, a short line does not by itself make one look at the others
_READ = 40  # words of a line that its wording is judged by
THRESHOLD = 0.33  # caution: F1 by characters is best at 0.2 (news) to 0.3 (any page), but articles lose more there
CERTAIN = 0.84
_STAMP = re.compile(
    r"\d{1,2}[:.]\d\d\b|\bago\b|\b(?:am|pm|min|mins|minutes?|hours?)\b|\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}|"
    r"\d(?:st|nd|rd|th)\b|"
    r"\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\b.{0,12}\d"
)
_CLOCK = re.compile(
    r"(?:[01]?\d|2[0-3])[:.][0-5]\d(?: ?[ap]\.?m\.?)?(?: [a-z]{2,4})?|\d{1,2} (?:min|minute|hour|day)s? ago"
)
_SEPARATORS = tuple(map(ord, "|>@©"))
_FUNCTION_WORDS = frozenset(
    "the of and to a in that is was for it on as with he be at by had not but from have his her i you they we are were "
    "this which or an their she has been will would who what when there more no if out so up said can about into than "
    "them then its our also could my one all him over some after two do did just because how those these only even "
    "most where before through while being may such should any your me us".split()
)


def furniture(article: Article, judge: LineJudge | None = None) -> tuple[bool, ...]:
    """For each of `article.lines`, whether it is furniture."""
    return tuple(_decide(article, line_scores(article, judge)).tolist())


def certain(article: Article, judge: LineJudge | None = None) -> Mask:
    """For each of `article.lines`, whether it is furniture beyond doubt, so that it may be taken out of the text."""
    return _sure(article, line_scores(article, judge))


def _sure(article: Article, scores: Floats) -> Mask:
    sure = scores > CERTAIN
    sure[_title_repeats(article)] = True
    sure[list(_labels(article, whole=True))] = True
    return _decide(article, scores) & sure


def line_scores(article: Article, judge: LineJudge | None = None) -> Floats:
    """How likely each of `article.lines` is furniture, 0..1; 0 for all where no line has a phrase or a label of it."""
    judge = judge or _judge()
    features = line_features(article, judge.words)
    if features is None:
        return np.zeros(len(article.lines))
    return judge.predict(features)


def wording(line: str) -> list[Gram]:
    """The words of a line in lower case and their pairs, its ends included; every digit is a 0."""
    plain = line[: 10 * _READ].encode().translate(_ZEROS).decode()
    words = _TOKEN.findall(plain)[:_READ]
    return [*words, *pairwise(["^", *words, "$"])]


_CONTENT = re.compile(r"[^\W\d_]{4,}")
_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)  # of bytes, for a string's translate() looks up each character
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|[^\w\s]|\d+")


def line_features(article: Article, words: Mapping[Gram, float]) -> dict[str, Floats] | None:
    """What each line looks like, by feature name; None if no line has a phrase or a label of furniture.

    `words` weigh the wording of a line: above 0 for furniture.
    """
    spaces = article.line_spaces.tolist()
    n = len(spaces)
    if not n:
        return None
    cover, cues = [0.0] * n, [False] * n
    for m, i, share in _covering(article, _phrases(article)):
        cover[i] = share
        cues[i] |= m.entry.lexicon == "residue" or (spaces[i] < SHORT and share >= 0.3)
    texts = article.lowered.split("\n")

    def told(text: str) -> float:
        grams = wording(text)
        return sum(map(words.get, grams, repeat(0.0))) / math.sqrt(len(grams))

    if True not in cues and not any(told(t) > _LABEL_ODDS for t, k in zip(texts, spaces, strict=True) if k < _LABEL):
        return None
    bounds, codes, kinds = article.line_bounds, article.codes, article.kinds
    starts, ends = bounds[:, 0], bounds[:, 1]
    length = (ends - starts).astype(float)

    def count(mask: Mask) -> Floats:
        places = np.searchsorted(np.flatnonzero(mask), bounds)
        counts: Floats = (places[:, 1] - places[:, 0]).astype(float)
        return counts

    n_words = article.line_spaces + 1.0
    covered, cued = np.array(cover), np.array(cues, dtype=float)
    said = np.array(list(map(told, texts)))
    copies = Counter(texts)
    content = [set(_CONTENT.findall(text)) - _FUNCTION_WORDS for text in texts]
    repeats = np.array([copies[text] for text in texts], dtype=float)
    function = np.array([sum(map(_FUNCTION_WORDS.__contains__, text.split())) for text in texts], dtype=float)
    digits = count((kinds & DIGIT) != 0)
    stamp = np.zeros(n)
    dated = np.flatnonzero((n_words <= SHORT) & ((digits > 0) | (codes[ends - 1] == 111)))  # 111: the o of "ago"
    stamp[dated] = [_STAMP.search(texts[i]) is not None for i in dated.tolist()]
    upper = (kinds & UPPER) != 0
    separators = np.logical_or.reduce([codes == code for code in _SEPARATORS])
    case = float(article.has_case)
    last, first = ends - 1, starts
    stopped = ((kinds[last] & STOP) != 0) | ((codes[last] == 34) & (length > 20))
    prose = ((n_words >= 14) & stopped) | (n_words >= 35)
    index = np.arange(n)
    body = np.flatnonzero(prose)
    shared, topical = _of_the_article(content, prose)
    since = np.minimum(index - np.append(body, -50)[np.searchsorted(body, index, "right") - 1], 50)
    until = np.minimum(np.append(body, n + 50)[np.searchsorted(body, index, "left")] - index, 50)
    read = _sums(prose * np.minimum(length, 600))
    cued_before = _sums(cued * (n_words <= 30))
    capped = np.minimum(length, 400)
    function_share = function / n_words
    title_case = case * count(np.append(False, upper[1:] & (codes[:-1] == 32))) / np.maximum(n_words - 1, 1)
    local = {
        "said": said,
        "length": capped,
        "stopped": stopped * 1.0,
        "brief": (n_words <= 6) * 1.0,
        "cued": cued,
        "stamp": stamp,
        "function": function_share,
        "title_case": title_case,
        "repeated": (repeats > 1) * 1.0,
    }
    around = _means_around(np.array(list(local.values())), _REACHES)
    beside = {name: local[name] for name in ("said", "length", "stopped", "function")}
    return {
        "words": n_words,
        "chars": length,
        "colon": (codes[last] == 58) * 1.0,
        "question": (codes[last] == 63) * 1.0,
        "bullet": np.isin(codes[first], (8226, 45, 42)) * 1.0,
        "mark_first": ((kinds[first] & MARK) != 0) * 1.0,
        "marks": count((kinds & MARK) != 0) / length,
        "digits": digits / length,
        "upper": count(upper) / length,
        "separators": count(separators),
        "glued": case * count(np.append(False, upper[1:] & ((kinds[:-1] & LOWER) != 0))),
        "covered": covered,
        "n_function": function,
        "repeats": np.minimum(repeats, 20),
        "shared": shared,
        "topical": topical,
        "line": np.minimum(index, 20.0),
        "lines_left": np.minimum(n - 1 - index, 60.0),
        "n_lines": np.full(n, min(n, 300.0)),
        "n_prose": np.full(n, min(body.size, 100.0)),
        "prose_share": np.full(n, body.size / n),
        "passed": read[:-1] / max(read[-1], 1),
        "prose_left": np.minimum(read[-1] - read[1:], 5000.0),
        "since": since * 1.0,
        "until": until * 1.0,
        "run": np.where(prose, 0.0, since + until),
        "cues_before": np.minimum(cued_before[:-1], 10),
        "cues_after": np.minimum(cued_before[-1] - cued_before[:-1], 10),
        **local,
        **{f"{name}_before": np.append(0.0, values[:-1]) for name, values in beside.items()},
        **{f"{name}_after": np.append(values[1:], 0.0) for name, values in beside.items()},
        **{
            f"{name}_{reach}": mean
            for name, means in zip(local, around, strict=True)
            for reach, mean in zip(_REACHES, means, strict=True)
        },
    }


def _of_the_article(content: Sequence[set[str]], prose: Mask) -> Floats:
    """What share of each line's words the paragraphs of the article have too, and how many: a teaser has others.

    The second is the mean of log(1 + number), 1 for words of every paragraph. A paragraph is compared with the rest.
    """
    paragraphs = [words for words, is_prose in zip(content, prose.tolist(), strict=True) if is_prose]
    often = Counter(chain.from_iterable(paragraphs))
    scale = math.log1p(max(len(paragraphs), 1))
    elsewhere = {word: math.log1p(k) / scale for word, k in often.items()}
    besides = {word: math.log(k) / scale for word, k in often.items() if k > 1}  # for a paragraph: but for itself
    shares = np.zeros((2, len(content)))
    for i, (words, is_prose) in enumerate(zip(content, prose.tolist(), strict=True)):
        if words:
            weights = besides if is_prose else elsewhere
            found = [weights[word] for word in words & weights.keys()]
            shares[:, i] = len(found) / len(words), math.fsum(found) / len(words)  # exact: a set has no order
    return shares


def _sums(values: Floats) -> Floats:
    return np.append(0.0, np.cumsum(values))


_REACHES = (2, 5, 12)


def _means_around(rows: Floats, reaches: tuple[int, ...]) -> Floats:
    """For each row and reach, the mean over so many lines before, the line itself and so many lines after."""
    n = rows.shape[1]
    sums = np.zeros((len(rows), n + 1))
    np.cumsum(rows, axis=1, out=sums[:, 1:])
    index, reach = np.arange(n), np.array(reaches)[:, None]
    low, high = np.maximum(index - reach, 0), np.minimum(index + reach + 1, n)
    means: Floats = (sums.take(high, axis=1) - sums.take(low, axis=1)) / (high - low)
    return means


@dataclass(frozen=True, eq=False)
class LineJudge:
    """What the wording of a line weighs, and trees over its features, that weight among them."""

    features: tuple[str, ...]
    words: dict[Gram, float]
    base: float  # the log-odds of furniture before a line is looked at
    trees: Trees

    def predict(self, looks: Mapping[str, Floats]) -> Floats:
        """How likely each line is furniture, by what `line_features` says of it."""
        x = np.stack([looks[name] for name in self.features], axis=1)
        scores: Floats = 1 / (1 + np.exp(-(self.base + self.trees.roots + self.trees.sums(x))))
        return scores[:, 0]

    def to_json(self) -> str:
        """Its numbers; of each node the feature, threshold, two next nodes and value."""
        t = self.trees
        trees = [
            [
                [int(f), float(f"{at:.5g}"), *map(int, following), float(f"{v:.4g}")]
                for f, at, following, v in zip(*tree, strict=True)
            ]
            for tree in zip(t.feature, t.threshold, t.next, t.value[:, :, 0], strict=True)
        ]
        words = {gram if isinstance(gram, str) else " ".join(gram): weight for gram, weight in self.words.items()}
        table = {
            "features": self.features,
            "trees": {"base": float(f"{self.base:.5g}"), "trees": trees},
            "words": words,
        }
        source = '{"source": "detector/training/residue.py"'
        for name, part in table.items():
            source += f',\n"{name}": {json.dumps(part, separators=(",", ":"), ensure_ascii=False)}'
        return source.replace("]],[[", "]],\n[[") + "}\n"

    @classmethod
    def from_json(cls, text: str) -> LineJudge:
        """What `to_json` wrote."""
        data = json.loads(text)
        words = {gram if " " not in gram else tuple(gram.split(" ")): weight for gram, weight in data["words"].items()}
        nodes = np.array(data["trees"]["trees"], dtype=float)  # (trees, nodes, 5)
        asked, following = nodes[:, :, 0].astype(np.int64), nodes[:, :, 2:4].astype(np.int64)
        trees = Trees(asked, nodes[:, :, 1], following, nodes[:, :, 4:])
        return cls(tuple(data["features"]), words, data["trees"]["base"], trees)


@lru_cache(maxsize=1)
def _judge() -> LineJudge:
    return LineJudge.from_json((resources.files("detector") / "lexicons" / "residue_lines.json").read_text("utf-8"))


_UNMISTAKABLE = ("comment_form", "related_list", "feed_notice", "share_row", "subscribe_box", "cookie_or_ad")
_NOTES = {
    "time": "time stamp of a feed",
    "title": "the headline again",
    "line": "page furniture, by its shape and place",
}


_STOPS = frozenset('.!?"')


def _decide(article: Article, scores: Floats) -> Mask:
    chosen: Mask = scores > THRESHOLD
    if chosen.any():
        _reconsider(article, chosen)
    if titles := _title_repeats(article):
        chosen[titles] = True
    labels = _labels(article)
    if labels:
        chosen[list(labels)] = True
    for block in _feeds(article, [i for i, name in labels.items() if name == "related_list"]):
        chosen[block] = True
    return chosen


def _reconsider(article: Article, chosen: Mask) -> None:
    """Leaves lines to the article that its place or look speaks for."""
    # The first line is the headline as often as not; extractors leave it out, a reader does not.
    if len(chosen) and article.folded.count(" ", *article.lines[0]) >= 4:
        chosen[0] = False
    # A few plain words that lead into a paragraph of the article are its heading.
    lines, lowered = article.lines, article.lowered
    for i in np.flatnonzero(chosen[:-1] & ~chosen[1:]).tolist():
        line, after = lowered[slice(*lines[i])], lines[i + 1]
        plain = line.replace(" ", "").isalpha() and line.count(" ") < 4 and not line.startswith("by ")
        if plain and after.end - after.start > 200:
            chosen[i] = False
    # A whole sentence right after a paragraph of the article goes on with it, unless a phrase says otherwise.
    folded, phrases = article.folded, [m.start for m in article.matches["residue"]]
    for i in (np.flatnonzero(chosen[1:] & ~chosen[:-1]) + 1).tolist():
        here, before = lines[i], lines[i - 1]
        whole = folded[here.end - 1] in _STOPS and folded.count(" ", *here) >= 7
        prose = folded[before.end - 1] in _STOPS and before.end - before.start > 100
        if whole and prose and bisect_left(phrases, here.end) == bisect_left(phrases, here.start):
            chosen[i] = False


def _labels(article: Article, whole: bool = False) -> dict[int, str]:
    """The lines that are hardly more than phrases of furniture, and whose; `whole`: nothing more, to speak of."""
    labels = {}
    for m, i, share in _covering(article, [m for m in _phrases(article) if m.entry.name in _UNMISTAKABLE]):
        if share >= (0.4 if m.entry.lexicon == "residue" and not whole else 0.85):
            labels[i] = m.entry.name
    return labels


def _feeds(article: Article, labels: list[int]) -> Iterator[slice]:
    """Where a label such as "Read next" is followed by items that start with the hour: from the label to the last."""
    clock = _clock_lines(article) if labels else []
    done = -1
    for label in labels:
        if label < done:
            continue
        first = bisect_right(clock, label)
        if first == len(clock) or clock[first] - label > 3:
            continue
        last, size = first, 0
        while last + 1 < len(clock) and clock[last + 1] - clock[last] <= 5:
            last += 1
            size = max(size, clock[last] - clock[last - 1])
        if size:
            done = clock[last] + size
            yield slice(label, done)


def _clock_lines(article: Article) -> list[int]:
    lowered = article.lowered
    return [i for i, (a, b) in enumerate(article.lines) if b - a <= 20 and _CLOCK.fullmatch(lowered, a, b)]


def _title_repeats(article: Article) -> list[int]:
    """The lines near the start that say the first line, of four words or more, again."""
    lines, lowered = article.lines, article.lowered
    if len(lines) < 3:
        return []
    title = lowered[slice(*lines[0])].strip(" .")
    if not 3 <= title.count(" ") <= 30 or title[-1] in ",;:" or article.folded[lines[0].end - 1] == ".":
        return []
    return [i for i, line in enumerate(lines[1:6], 1) if lowered[slice(*line)].strip(" .") == title]


@dataclass(frozen=True)
class Cut:
    """A line that is furniture beyond doubt: where it stands in the text as given, its score, and why.

    The score is that of `line_scores`; a headline said twice, or a line that is a phrase of furniture, may score low.
    """

    start: int
    end: int
    score: float
    reason: str


def cut(article: Article) -> tuple[str, list[Cut]]:
    """The text as given without the lines that are furniture beyond doubt, and those lines in order.

    Whole lines go, with their line breaks; what is kept is kept to the letter.
    """
    scores = line_scores(article)
    sure = _sure(article, scores)
    if not sure.any():
        return article.text, []
    reasons = {span.start: span.note for span in measure(article).spans}
    cuts, kept, at = [], [], 0
    for i in np.flatnonzero(sure).tolist():
        line = article.lines[i]
        start, end = article.span(*line)
        cuts.append(Cut(start, end, round(float(scores[i]), 3), reasons[line.start]))
        kept.append(article.text[at:start])
        # The break after it goes too; the one before stays.
        at = article.span(*article.lines[i + 1]).start if i + 1 < len(article.lines) else len(article.text)
    kept.append(article.text[at:])
    return "".join(kept), cuts


def measure(article: Article) -> Reading:
    """How much of the text is furniture; spans are its lines, and what stands within a paragraph."""
    lines = article.lines
    if not lines:
        return Reading({f.name: math.nan for f in FEATURES})
    scores = line_scores(article)
    chosen = _decide(article, scores)
    titles = _title_repeats(article)
    picked = np.flatnonzero(chosen).tolist()
    clock = [i for i in _clock_lines(article) if chosen[i]] if picked else []
    notes = dict.fromkeys(picked, _NOTES["line"])
    notes |= dict.fromkeys(clock, _NOTES["time"]) | dict.fromkeys(titles, _NOTES["title"])
    kinds: Counter[str] = Counter()
    inline = []
    for m in _phrases(article):
        i = _line_at(article, m.start)
        if chosen[i]:
            notes[i] = m.entry.note
        elif m.entry.lexicon == "residue" or _is_label(article, m):
            inline.append(Span(m.start, m.end, m.entry.note))
        else:
            continue
        kinds[m.entry.name] += 1
    n_chars = len(article.folded) - len(lines) + 1  # without the newlines between
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
    return Reading(values, sorted(spans + inline), furniture=chosen if picked else None)


def _phrases(article: Article) -> list[Match]:
    return sorted((*article.matches["residue"], *article.matches["residue_context"]), key=lambda m: m.start)


def _covering(article: Article, matches: Iterable[Match]) -> Iterator[tuple[Match, int, float]]:
    """Matches in order, each with its line and what share of that line it and those before it cover."""
    line, covered, read = -1, 0, 0
    for m in matches:
        i = _line_at(article, m.start)
        start, end = article.lines[i]
        if i != line:
            line, covered = i, 0
        covered += max(min(m.end, end) - max(m.start, read), 0)
        read = max(read, m.end)
        yield m, i, covered / (end - start)


def _line_at(article: Article, at: int) -> int:
    return bisect_right(article.lines, (at, math.inf)) - 1


def _is_label(article: Article, m: Match) -> bool:
    """Whether a phrase within a paragraph stands as a label does: capitalised between two sentences."""
    folded = article.folded
    if not article.has_case or " " not in folded[m.start : m.end] or m.entry.where != "anywhere":
        return False
    before, after = folded[max(0, m.start - 2) : m.start], folded[m.end : m.end + 2]
    opens = not before or before[-1] in "\n[" or (before[-1] == " " and before[0] in '.!?"])')
    closes = not after or after[0] in "\n:]" or (after[0] == " " and not after[1:].islower() and after[1:] != "(")
    return folded[m.start].isupper() and opens and closes
