"""Article: a text as given, and its neutral reading (lines, sentences, tokens), each computed once.

Everything below the public surface works on `Article.folded`: the same text with what must not matter
folded away (curly quotes, zero-width characters, homoglyphs, hard wraps, HTML entities, blank lines).
`Article.span` takes folded offsets back to the caller's string, so that evidence quotes what was given.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detector import lexicon
from detector.errors import InputError

MAX_CHARS = 2_000_000  # a book; more is a dump, and one record must not take a worker's memory

Codes = npt.NDArray[np.uint32]


class Range(NamedTuple):
    """A half-open range of code points."""

    start: int
    end: int


@dataclass(frozen=True)
class Article:
    """A text and its neutral reading. Offsets of every part index `folded`; `span` leads back to `text`.

    Raises InputError: `not_text` if `text` is no string, `too_long` above MAX_CHARS.
    """

    text: str
    id: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise InputError(f"the text is {type(self.text).__name__}, not a string: pass str", "not_text")
        if len(self.text) > MAX_CHARS:
            raise InputError(
                f"the text has {len(self.text):,} characters, the limit is {MAX_CHARS:,}: split it into articles",
                "too_long",
            )

    @cached_property
    def _folding(self) -> _Folding:
        return _fold(self.text)

    @property
    def folded(self) -> str:
        """The neutral text: single spaces, one newline between lines, straight quotes, `—` for any dash."""
        return self._folding.text

    @cached_property
    def lowered(self) -> str:
        """`folded` in lower case; the same length, so offsets agree."""
        low = self.folded.lower()
        # Only U+0130 lowers to two characters, and folding has removed it; stay right if Unicode grows another.
        return low if len(low) == len(self.folded) else "".join(c.lower()[0] for c in self.folded)

    def span(self, start: int, end: int) -> Range:
        """Where folded[start:end] stands in `text`."""
        f = self._folding
        if end <= start:
            raise ValueError("an empty range has no place in the text")
        return Range(int(f.starts[start]), int(f.ends[end - 1]))

    @cached_property
    def lines(self) -> tuple[Range, ...]:
        """The lines that hold anything, hard wraps undone: a paragraph, heading, list entry or furniture each."""
        ranges, start = [], 0
        for piece in self.folded.split("\n"):
            if piece:
                ranges.append(Range(start, start + len(piece)))
            start += len(piece) + 1
        return tuple(ranges)

    @cached_property
    def sentences(self) -> tuple[Range, ...]:
        """Sentences in order; none crosses a line."""
        folded, found = self.folded, []
        for line in self.lines:
            start = line.start
            for m in _SENTENCE_END.finditer(folded, line.start, line.end):
                if _ends_sentence(folded, m):
                    found.append(Range(start, m.end()))
                    start = m.end() + (folded[m.end() : m.end() + 1] == " ")
            if start < line.end:
                found.append(Range(start, line.end))
        return tuple(found)

    @cached_property
    def sentence_tokens(self) -> tuple[tuple[str, ...], ...]:
        """The lower-case tokens of each sentence: words (`do`, `n't`), numbers and punctuation."""
        low = self.lowered
        return tuple(tuple(tokenize(low[s:e])) for s, e in self.sentences)

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """All tokens in order."""
        return tuple(t for sentence in self.sentence_tokens for t in sentence)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The tokens that start with a letter or a digit."""
        return tuple(t for t in self.tokens if t[0].isalnum())

    @property
    def n_words(self) -> int:
        return len(self.words)

    @cached_property
    def matches(self) -> dict[str, tuple[lexicon.Match, ...]]:
        """Lexicon name -> its matches in order, longest first where they overlap."""
        return lexicon.scan(self.lowered)

    @cached_property
    def has_case(self) -> bool:
        """Whether capitals carry information here: false for lower-cased, sentence-cased or ALL-CAPS text."""
        inner = _INNER_WORD.findall(self.folded)
        capitals = sum(w[0].isupper() and not w.isupper() for w in inner)
        return capitals >= 3 and 0.015 * len(inner) <= capitals <= 0.7 * len(inner)


_URL = r"(?:https?://|www\.)[^\s<>\"]+"
_TOKEN = re.compile(_URL + r"|n't|'?[^\W\d_]+|\d+(?:[.,:]\d+)*|[.,;:!?\"()—/%$&'-]")


def tokenize(lowered: str) -> list[str]:
    """The tokens of a lower-case text; `don't` and the tokenised `do n't` both give `do`, `n't`."""
    return _TOKEN.findall(lowered.replace("n't", " n't"))


# ---- sentences

_SENTENCE_END = re.compile(r"[.!?][.!?\"')\]]*(?=\s|$)|[a-z)\"][.!?](?=[A-Z][a-z])")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'])(?:mr|mrs|ms|dr|prof|rep|sen|gov|gen|col|lt|sgt|capt|st|jr|sr|vs|etc|inc|ltd|corp|co|no|art|fig|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|e\.g|i\.e|a\.m|p\.m|approx|est|u\.s|u\.k|u\.n|[a-z])\.$",
    re.I,
)
_INNER_WORD = re.compile(r"(?<=[a-z,] )[^\W\d_]+")


def _ends_sentence(folded: str, m: re.Match[str]) -> bool:
    if m.group()[0] != "." or m.end() == len(folded) or folded[m.end()] == "\n":
        return True
    after = folded[m.end() + 1 : m.end() + 2]
    if after and after.islower() and _ABBREVIATION.search(folded, max(0, m.start() - 12), m.start() + 1):
        return False
    before = folded[max(0, m.start() - 12) : m.start() + 1]
    return not _ABBREVIATION.search(before)


# ---- folding


class _Folding(NamedTuple):
    text: str
    starts: npt.NDArray[np.int64]  # for each folded character, where it starts in the given text
    ends: npt.NDArray[np.int64]  # and where it ends


_LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_SAME = {
    '"': "“”„‟«»″〃❝❞＂",
    "'": "‘’‚‛`´ʼʹ′＇",
    "—": "–―‒⸺⸻﹘",
    "-": "‐‑−⁃",
    "•": "‣◦▪▫●○■□·∙⁌⁍➤►▶★☆✔✓➜→",
    ".": "…",
    "/": "⁄∕",
    # homoglyphs: Cyrillic and Greek letters drawn like Latin ones
    **dict(zip("aceopxyijshdqwkvmntgbr", ["аα", "сϲ", "е", "оοσ", "рρ", "хχ", "у", "іι", "ј", "ѕ", "һ", "ԁ", "ԛ", "ԝ",
                                         "к", "ν", "м", "ո", "т", "ɡ", "Ь", "г"], strict=True)),
    **dict(zip("ABEKMHOPCTXYIZNJS", ["АΑ", "ВΒ", "ЕΕ", "КΚ", "МΜ", "НΗ", "ОΟ", "РΡ", "С", "ТΤ", "ХΧ", "УΥ", "ІΙ", "Ζ", "Ν",
                                    "Ј", "Ѕ"], strict=True)),
}  # fmt: skip
_SPACE, _NEWLINE, _HYPHEN, _DASH, _QUOTE, _APOSTROPHE, _DOT = (ord(c) for c in " \n-—\"'.")
_TABLE_SIZE = 0x3000


def _fold_character(code: int) -> int:
    """The code point that stands for `code` in folded text; 0 drops it."""
    c = chr(code)
    if c in _LINE_BREAKS:
        return _NEWLINE
    for target, sources in _SAME.items():
        if c in sources:
            return ord(target)
    category = unicodedata.category(c)
    if category in ("Cc", "Zs"):
        return _SPACE
    if category == "Cf" or 0x300 <= code <= 0x36F or 0x1AB0 <= code <= 0x1AFF or 0xFE00 <= code <= 0xFE0F:
        return 0
    plain = unicodedata.normalize("NFKD", c)
    if len(plain) > 1:  # an accented Latin letter is its base, so that NFC and NFD read alike
        plain = "".join(p for p in plain if not unicodedata.combining(p))
    return ord(plain) if len(plain) == 1 and plain != c else code


@lru_cache(maxsize=1)
def _table() -> Codes:
    # ASCII folds by rule alone, so only what is not needs the slow look-up.
    return np.array([_fold_character(c) for c in range(_TABLE_SIZE)], dtype=np.uint32)


_fold_rare = lru_cache(maxsize=4096)(_fold_character)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")


def _fold(text: str) -> _Folding:
    starts = ends = None
    if "&" in text:
        text, starts, ends = _unescape(text)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    table = _table()
    folded = table[np.minimum(codes, _TABLE_SIZE - 1)]
    high = np.flatnonzero(codes >= _TABLE_SIZE)
    if high.size:
        folded[high] = [_fold_rare(int(c)) for c in codes[high]]
    kept = np.flatnonzero(folded)
    folded = folded[kept]
    folded, keep = _settle(folded)
    kept = kept[keep]
    folded, breaks = _unwrap(folded, kept, codes)
    folded[breaks] = _SPACE
    neutral = folded.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    if starts is None or ends is None:
        return _Folding(neutral, kept, kept + 1)
    return _Folding(neutral, starts[kept], ends[kept])


def _unescape(text: str) -> tuple[str, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """HTML entities of one character replaced by it, with where each character came from."""
    starts = np.arange(len(text), dtype=np.int64)
    ends = starts + 1
    keep = np.ones(len(text), dtype=bool)
    pieces, last = [], 0
    for m in _ENTITY.finditer(text):
        character = html.unescape(m.group())
        if len(character) == 1:
            pieces += [text[last : m.start()], character]
            keep[m.start() + 1 : m.end()] = False
            ends[m.start()] = last = m.end()
    pieces.append(text[last:])
    return "".join(pieces), starts[keep], ends[keep]


def _settle(c: Codes) -> tuple[Codes, npt.NDArray[np.int64]]:
    """White-space runs, doubled quotes, dots and dashes brought to one character; what is kept, and its indices."""
    c = c.copy()
    n = len(c)
    if not n:
        return c, np.zeros(0, dtype=np.int64)
    keep = np.ones(n, dtype=bool)
    before, here = c[:-1], c[1:]
    # -- and '' and ... : the first stands for all
    for code in (_HYPHEN, _APOSTROPHE, _DOT):
        again = (before == code) & (here == code)
        if again.any():
            keep[1:][again] = False
            first = np.flatnonzero(again & ~np.concatenate(([False], again[:-1])))
            if code != _DOT:
                c[first] = _DASH if code == _HYPHEN else _QUOTE
    blank = (c == _SPACE) | (c == _NEWLINE)
    if n > 2:
        lone = (c[1:-1] == _HYPHEN) & (c[:-2] == _SPACE) & (c[2:] == _SPACE)
        c[1:-1][lone] = _DASH
    first = blank.copy()
    first[1:] &= ~blank[:-1]
    keep &= ~blank | first
    newlines = np.flatnonzero(c == _NEWLINE)
    if newlines.size:
        run = np.cumsum(first) - 1  # the number of the blank run that each blank belongs to
        c[np.flatnonzero(first)[np.unique(run[newlines])]] = _NEWLINE
    kept = np.flatnonzero(keep)
    while kept.size and blank[kept[0]]:
        kept = kept[1:]
    while kept.size and blank[kept[-1]]:
        kept = kept[:-1]
    return c[kept], kept


def _unwrap(c: Codes, kept: npt.NDArray[np.int64], raw: Codes) -> tuple[Codes, npt.NDArray[np.int64]]:
    """Indices of the newlines that only wrap a line: the next word would not have fitted into the widest line."""
    breaks = np.flatnonzero(c == _NEWLINE)
    if breaks.size < 3:
        return c, breaks[:0]
    edges = np.concatenate(([-1], breaks, [len(c)]))
    lengths = np.diff(edges) - 1
    width = int(lengths.max())
    if not 30 <= width <= 120:
        return c, breaks[:0]
    gaps = np.concatenate((np.flatnonzero((c == _SPACE) | (c == _NEWLINE)), [len(c)]))
    next_word = gaps[np.searchsorted(gaps, breaks, side="right")] - breaks - 1
    full = lengths[:-1] + 1 + next_word > width
    # A blank line is a real break however full the line before it is.
    after = kept[np.minimum(breaks + 1, len(kept) - 1)]
    blank_line = np.array([np.count_nonzero(raw[b:a] == _NEWLINE) > 1 for b, a in zip(kept[breaks], after, strict=True)])
    wraps = full & ~blank_line
    single = ~blank_line
    if wraps.sum() < 3 or wraps.sum() < 0.6 * single.sum():
        return c, breaks[:0]
    return c, breaks[wraps]
