"""Article: a text as given, and its neutral reading (lines, sentences, tokens), each computed once.

Everything below the public surface works on `Article.folded`: the same text with what must not matter
folded away (curly quotes, zero-width characters, homoglyphs, hard wraps, HTML entities, blank lines).
`Article.span` takes folded offsets back to the caller's string, so that evidence quotes what was given.
"""

from __future__ import annotations

import html
import math
import re
import threading
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import compress, count, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detector import lexicon
from detector.errors import InputError

MAX_CHARS = 2_000_000  # a book; more is a dump, and one record must not take a worker's memory

Codes = npt.NDArray[np.uint32]
Indices = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.uint8]


class Range(NamedTuple):
    """A half-open range of code points."""

    start: int
    end: int


_range = partial(tuple.__new__, Range)  # Range(*pair) at a third of the cost: there is one for each line and sentence


@dataclass(frozen=True)
class Article:
    """A text and its neutral reading. Offsets of every part index `folded`; `span` leads back to `text`.

    Raises InputError: `not_text` if `text` or `id` is no string, `too_long` above MAX_CHARS.
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
        if not (self.id is None or isinstance(self.id, str)):
            raise InputError(f"the id is {type(self.id).__name__}, not a string: pass str, or None", "not_text")

    @cached_property
    def _folding(self) -> _Folding:
        return _fold(self.text)

    @property
    def folded(self) -> str:
        """The neutral text: single spaces, one newline between lines, straight quotes, `—` for any dash."""
        return self._folding.text

    @property
    def codes(self) -> Codes:
        """The code point of each character of `folded`."""
        return self._folding.codes

    @property
    def kinds(self) -> Kinds:
        """What each character of `folded` is: flags of LETTER, DIGIT, MARK and so on; 0 for what separates."""
        return self._folding.kinds

    @cached_property
    def lowered(self) -> str:
        """`folded` in lower case; the same length, so offsets agree."""
        folded = self.folded
        return folded.lower() if folded.isascii() else _decode(_lower(self.codes))

    def span(self, start: int, end: int) -> Range:
        """Where folded[start:end] stands in `text`."""
        if not 0 <= start < end <= len(self.folded):
            raise ValueError(f"no such range in the folded text: {start} to {end} of {len(self.folded)}")
        starts = self._folding.starts
        return Range(int(starts[start]), int(starts[end]))

    @cached_property
    def lines(self) -> tuple[Range, ...]:
        """The lines that hold anything, hard wraps undone: a paragraph, heading, list entry or furniture each."""
        return tuple(map(_range, zip(*self.line_bounds.T.tolist(), strict=True)))

    @cached_property
    def _blanks(self) -> Indices:
        """Where spaces and newlines stand."""
        return (self.codes <= _SPACE).nonzero()[0]

    @cached_property
    def line_bounds(self) -> Indices:
        """`lines` as an array: a row of start and end for each."""
        if not self.folded:
            return np.zeros((0, 2), dtype=np.int64)
        breaks = self._folding.breaks
        bounds = np.empty((len(breaks) + 1, 2), dtype=np.int64)
        bounds[0, 0], bounds[1:, 0] = 0, breaks + 1
        bounds[:-1, 1], bounds[-1, 1] = breaks, len(self.folded)
        return bounds

    @cached_property
    def line_spaces(self) -> Indices:
        """The number of spaces in each line."""
        places = self._blanks.searchsorted(self.line_bounds)  # there are no blanks within a line but spaces
        return places[:, 1] - places[:, 0]

    @cached_property
    def sentences(self) -> tuple[Range, ...]:
        """Sentences in order; none crosses a line."""
        return tuple(map(_range, zip(self.sentence_starts.tolist(), self._sentence_ends, strict=True)))

    @cached_property
    def _sentence_ends(self) -> list[int]:
        ends = _ends_within_lines(self.folded, self.kinds, self.has_case)
        ends += self.line_bounds[:, 1].tolist()
        ends.sort()
        return ends

    @cached_property
    def _tokens(self) -> _Tokens:
        return _cut(self.lowered, self.kinds)

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The lower-case tokens in order: words (`do`, `n't`), numbers and punctuation."""
        return self.lexis.read(self.token_ids)

    @property
    def token_starts(self) -> Indices:
        """Where each token starts in `folded`."""
        return self._tokens.starts

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The tokens that start with a letter or a digit."""
        return tuple(compress(self.tokens, self._tokens.is_word.tolist()))

    @cached_property
    def n_words(self) -> int:
        return int(np.count_nonzero(self._tokens.is_word))

    @property
    def n_numbers(self) -> int:
        """How many words are figures."""
        return self._tokens.n_numbers

    @cached_property
    def _numbered(self) -> tuple[Mapping[str, int], Indices]:
        numbers: defaultdict[str, int] = defaultdict(count().__next__)
        tokens = self.tokens
        token_numbers = np.fromiter(map(numbers.__getitem__, tokens), dtype=np.int64, count=len(tokens))
        numbers.default_factory = None
        return numbers, token_numbers

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """The distinct tokens, numbered as they come: what depends on nothing but a token is asked once of each."""
        return self._numbered[0]

    @property
    def token_numbers(self) -> Indices:
        """The number in `vocabulary` of each token."""
        return self._numbered[1]

    @property
    def lexis(self) -> Lexis:
        """What numbers its words, here as in other articles."""
        return self._tokens.lexis

    @property
    def token_ids(self) -> Indices:
        """The number in `lexis` of each token: equal for equal ones, and nothing else, for it varies with what was read
        before."""
        return self._tokens.ids

    @property
    def is_outdated(self) -> bool:
        """Whether it was read with a `lexis` that new articles no longer share: reading it anew is faster then."""
        return "_tokens" in self.__dict__ and self.lexis is not _lexis

    @cached_property
    def word_ids(self) -> Indices:
        """The number in `lexis` of each word."""
        return self.token_ids.compress(self._tokens.is_word)

    @cached_property
    def word_starts(self) -> Indices:
        """Where each word starts in `folded`."""
        return self.token_starts.compress(self._tokens.is_word)

    @cached_property
    def sentence_ends_line(self) -> list[bool]:
        """For each sentence whether its line ends with it."""
        return list(map(set(self.line_bounds[:, 1].tolist()).__contains__, self._sentence_ends))

    @cached_property
    def sentence_starts(self) -> Indices:
        """Where each sentence starts."""
        folded, ends = self.folded, self._sentence_ends
        # No blank goes before a sentence that is glued to the one before it.
        return np.array([0, *[e + 1 if folded[e] <= " " else e for e in ends[:-1]]][: len(ends)], dtype=np.int64)

    @cached_property
    def _sentence_bounds(self) -> Indices:
        return np.concatenate((self._tokens.starts.searchsorted(self.sentence_starts), [len(self.token_ids)]))

    @property
    def sentence_first_tokens(self) -> Indices:
        """The index of each sentence's first token; of one without any, that of the next token that there is."""
        return np.minimum(self._sentence_bounds[:-1], max(len(self.token_ids) - 1, 0))

    @cached_property
    def sentence_tokens(self) -> tuple[tuple[str, ...], ...]:
        """The tokens of each sentence."""
        bounds, tokens = self._sentence_bounds.tolist(), self.tokens
        return tuple([tokens[a:b] for a, b in pairwise(bounds)])

    @cached_property
    def sentence_words(self) -> Indices:
        """The number of words in each sentence."""
        return sums_between(self._tokens.is_word, self._sentence_bounds)

    @cached_property
    def matches(self) -> dict[str, tuple[lexicon.Match, ...]]:
        """Lexicon name -> its matches in order, longest first where they overlap."""
        return lexicon.scan(self.lowered)

    @cached_property
    def _inner_words(self) -> tuple[int, int]:
        """How many words stand inside sentences, after a lower-case letter or a comma; and how many are capitalised."""
        kinds, blanks = self.kinds, self._blanks
        # No blank is the first or last character; the last word counts if it has two.
        is_inner = (kinds.take(blanks - 1) & (LOWER | _COMMA)) != 0
        is_inner[blanks.searchsorted(self._folding.breaks)] = False
        is_inner[blanks.searchsorted(len(kinds) - 2) :] = False
        inner = blanks.compress(is_inner)
        first = kinds.take(inner + 1)
        capitalised = (first & UPPER != 0) & (kinds.take(inner + 2) & LOWER != 0)
        return int(np.count_nonzero(first & LETTER)), int(np.count_nonzero(capitalised))

    @cached_property
    def has_case(self) -> bool:
        """Whether capitals carry information here: false for lower-cased, sentence-cased or ALL-CAPS text."""
        n, capitalised = self._inner_words
        return capitalised >= 3 and 0.015 * n <= capitalised <= 0.7 * n

    @property
    def name_share(self) -> float:
        """The share of words inside sentences that are capitalised; NaN where case carries no information."""
        n, capitalised = self._inner_words
        return capitalised / n if self.has_case else math.nan


def sums_between(values: npt.NDArray[Any], bounds: Indices | list[int]) -> Indices:
    """The sum of whole numbers or truths from each bound up to the next, all of 0..len(values); one fewer than bounds.

    Unlike np.add.reduceat, it gives 0 where two bounds are the same.
    """
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    values.cumsum(out=sums[1:])
    at_bounds = sums.take(bounds)
    return at_bounds[1:] - at_bounds[:-1]


# ---- words: what is known of each

_KEPT_WORDS = 200_000  # a language has fewer; misspelt and made-up ones must not add up
_LOCK = threading.Lock()


class Lexis(dict[str, int]):
    """Numbers words as they come; all articles share one, so that what a word is by itself is asked once of each.

    Threads may share it. Beyond _KEPT_WORDS the next article starts another, so that a long run's memory does not grow.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def __missing__(self, word: str) -> int:
        with _LOCK:
            number = self.get(word)  # another thread may have been faster
            if number is None:
                number = len(self.words)
                self.words.append(word)  # before its number is seen, so that Known finds it
                self[word] = number
        return number

    def number(self, words: Sequence[str]) -> Indices:
        """The number of each of these words."""
        return np.fromiter(map(self.__getitem__, words), dtype=np.int64, count=len(words))

    def read(self, numbers: Indices) -> tuple[str, ...]:
        """The words with these numbers."""
        return tuple(map(self.words.__getitem__, numbers.tolist()))


_lexis = Lexis()


def _current_lexis() -> Lexis:
    global _lexis
    if len(_lexis) > _KEPT_WORDS:
        _lexis = Lexis()
    return _lexis


class Known:
    """What `ask` says of words, numbers of one `dtype`, one a word or a row of so many; asked once of each word."""

    def __init__(self, ask: Callable[[str], Any], dtype: npt.DTypeLike, columns: tuple[int, ...] = ()) -> None:
        self.ask, self.dtype, self.columns = ask, dtype, columns
        self._held: tuple[Lexis | None, npt.NDArray[Any], int] = None, np.empty((0, *columns), dtype), 0

    def table(self, lexis: Lexis) -> npt.NDArray[Any]:
        """By their number, what is known of the words of `lexis` so far."""
        n = len(lexis.words)
        held, table, known = self._held
        if held is lexis and n <= known:
            return table
        with _LOCK:
            held, table, known = self._held
            if held is not lexis:
                table, known = np.empty((0, *self.columns), self.dtype), 0
            if known < n:
                if len(table) < n:
                    table = np.concatenate((table[:known], np.empty((n, *self.columns), self.dtype)))
                table[known:n] = list(map(self.ask, lexis.words[known:n]))
                self._held = lexis, table, n
        return table

    def of(self, lexis: Lexis, numbers: Indices) -> npt.NDArray[Any]:
        """What is known of the words with these numbers in `lexis`."""
        return self.table(lexis).take(numbers, axis=0)


# ---- characters: what each is, in one table look-up

LETTER, DIGIT, MARK, UPPER, LOWER, STOP, _COMMA, _JOINT = (1 << i for i in range(8))
_MARKS = frozenset(".,;:!?\"()—/%$&'-")


def _kind(code: int) -> int:
    """The flags of a folded character; none for blanks and for what is no part of any token."""
    c = chr(code)
    if c in _MARKS:
        return MARK | STOP * (c in ".!?") | _COMMA * (c == ",") | _JOINT * (c in ".,:")
    if c.isdecimal():
        return DIGIT
    return LETTER | UPPER * c.isupper() | LOWER * c.islower() if c.isalnum() else 0


def _lower_code(code: int) -> int:
    low = chr(code).lower()
    return ord(low) if len(low) == 1 else code


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
    **dict(zip("ABEKMHOPCTXYIZNJS", ["АΑ", "ВΒ", "ЕΕ", "КΚ", "МΜ", "НΗ", "ОΟ", "РΡ", "С", "ТΤ", "ХΧ", "УΥ", "ІΙ", "Ζ",
                                    "Ν", "Ј", "Ѕ"], strict=True)),
}  # fmt: skip
_TARGET = {ord(source): ord(target) for target, sources in _SAME.items() for source in sources}
_TARGET |= dict.fromkeys(map(ord, _LINE_BREAKS), 10)
_SPACE, _NEWLINE, _RETURN, _HYPHEN, _DASH, _QUOTE, _APOSTROPHE, _DOT = (ord(c) for c in " \n\r-—\"'.")
_UNREADABLE = 0xFFFD  # stands for a lone surrogate, which nothing else could encode
_TABLE_SIZE = 0x3000


def _fold_code(code: int) -> int:
    """The code point that stands for `code` in folded text; 0 drops it."""
    if (target := _TARGET.get(code)) is not None:
        return target
    c = chr(code)
    category = unicodedata.category(c)
    if category in ("Cc", "Zs"):
        return _SPACE
    if category == "Cs":
        return _UNREADABLE
    if category == "Cf" or 0x300 <= code <= 0x36F or 0x1AB0 <= code <= 0x1AFF or 0xFE00 <= code <= 0xFE0F:
        return 0
    plain = unicodedata.normalize("NFKD", c)
    if len(plain) > 1:  # an accented Latin letter is its base, so that NFC and NFD read alike
        plain = "".join(p for p in plain if not unicodedata.combining(p))
    return ord(plain) if len(plain) == 1 and plain != c else code


class _Map:
    """A function of code points as a table: `_Map(f, dtype)(codes)` is f of each code."""

    def __init__(self, function: Callable[[int], int], dtype: npt.DTypeLike) -> None:
        self.function, self.dtype = function, dtype

    @cached_property
    def table(self) -> npt.NDArray[Any]:
        return np.array([self.function(c) for c in range(_TABLE_SIZE)], dtype=self.dtype)

    def __call__(self, codes: Codes) -> npt.NDArray[Any]:
        try:
            return self.table.take(codes)
        except IndexError:
            found = self.table.take(codes, mode="clip")
        high = (codes >= _TABLE_SIZE).nonzero()[0]
        rare, which = np.unique(codes[high], return_inverse=True)
        found[high] = np.array([self.function(c) for c in rare.tolist()], dtype=self.dtype)[which]
        return found


_folded = _Map(_fold_code, np.uint32)
_kinds = _Map(_kind, np.uint8)
_lower = _Map(_lower_code, np.uint32)


def _decode(codes: Codes) -> str:
    return str(codes.astype("<u4", copy=False).data, "utf-32-le")


# ---- folding


class _Folding(NamedTuple):
    text: str
    codes: Codes
    kinds: Kinds
    breaks: Indices  # where its newlines are
    starts: Indices  # for each folded character, where it starts in the given text; and where the last one ends


_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8}\d{0,2});")


def _fold(text: str) -> _Folding:
    origin = None
    if "&" in text and _ENTITY.search(text):
        text, origin = _unescape(text)
    raw = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    codes = _folded(raw)
    held = None
    if not codes.all():
        held = codes.nonzero()[0]
        codes = codes.take(held)
    keep = np.ones(len(codes) + 1, dtype=bool)  # the last stands for where the text ends
    twice = (codes[1:] == codes[:-1]).nonzero()[0] + 1
    repeated = codes.take(twice)
    twice = twice.compress((repeated >= _APOSTROPHE) & (repeated <= _DOT))  # the three marks, and few others
    if twice.size:
        repeated = codes.take(twice)
        for mark, stands_for_two in ((_HYPHEN, _DASH), (_APOSTROPHE, _QUOTE), (_DOT, _DOT)):
            again = twice.compress(repeated == mark)
            codes[again - 1] = stands_for_two
            keep[again] = False
    _collapse_blanks(codes, keep)
    starts = keep.nonzero()[0]
    codes = codes.take(starts[:-1])
    if held is not None:
        starts = np.append(held, len(raw)).take(starts)
    # A hyphen between spaces is a dash; one that starts a line is a bullet.
    hyphens = (codes[1:-1] == _HYPHEN).nonzero()[0] + 1
    spaced = (codes.take(hyphens - 1) == _SPACE) & (codes.take(hyphens + 1) == _SPACE)
    codes[hyphens.compress(spaced)] = _DASH
    breaks: Indices = (codes == _NEWLINE).nonzero()[0]
    is_wrap = _wraps(breaks, codes, starts, raw)
    if is_wrap is not None:
        codes[breaks.compress(is_wrap)] = _SPACE
        breaks = breaks.compress(~is_wrap)
    return _Folding(_decode(codes), codes, _kinds(codes), breaks, starts if origin is None else origin.take(starts))


def _unescape(text: str) -> tuple[str, Indices]:
    """HTML entities of one character replaced by it, with where each character started (and the text's end)."""
    keep = np.ones(len(text) + 1, dtype=bool)
    pieces, last = [], 0
    for m in _ENTITY.finditer(text):
        character = html.unescape(m.group())
        if len(character) == 1:
            pieces += [text[last : m.start()], character]
            keep[m.start() + 1 : m.end()] = False
            last = m.end()
    pieces.append(text[last:])
    return "".join(pieces), keep.nonzero()[0]


def _collapse_blanks(codes: Codes, keep: npt.NDArray[np.bool_]) -> None:
    """A run of blanks keeps one, a newline if there is any in it; at the text's start none, at its end its end."""
    blanks = (codes <= _SPACE).nonzero()[0]
    if not blanks.size:
        return
    opens = np.ones(len(blanks), dtype=bool)
    np.not_equal(blanks[1:], blanks[:-1] + 1, out=opens[1:])
    runs = blanks.compress(opens)
    keep[blanks] = opens
    newlines = blanks.compress(codes.take(blanks) == _NEWLINE)
    codes[runs.take(runs.searchsorted(newlines, side="right") - 1)] = _NEWLINE
    if runs[0] == 0:
        keep[0] = False
    if blanks[-1] == len(codes) - 1:
        keep[-1] = False


def _wraps(breaks: Indices, codes: Codes, starts: Indices, raw: Codes) -> npt.NDArray[np.bool_] | None:
    """Which newlines only wrap a line, if any: the next word would not have fitted into the widest line."""
    if breaks.size < 3:
        return None
    edges = np.concatenate(([-1], breaks, [len(codes)]))
    if not 30 <= (edges[1:] - edges[:-1]).max() - 1 <= 120:
        return None
    ends_line = _folded(raw) == _NEWLINE
    ends_line[:-1] &= ~((raw[:-1] == _RETURN) & (raw[1:] == _NEWLINE))
    # Lengths as they came, for who wrapped the lines counted their indents.
    newlines = np.append(-1, ends_line.nonzero()[0])
    opens = newlines.take(newlines.searchsorted(starts.take(edges[:-1] + 1)) - 1) + 1
    lengths = starts.take(edges[1:]) - opens
    width = lengths.max()
    gaps = np.append((codes <= _SPACE).nonzero()[0], len(codes))
    next_word = starts.take(gaps.take(gaps.searchsorted(breaks, side="right"))) - starts.take(breaks + 1)
    full = lengths[:-1] + 1 + next_word > width
    # A blank line is a real break however full the line before it is.
    seen = ends_line.cumsum()
    single = seen[starts[breaks + 1]] - seen[starts[breaks]] + ends_line[starts[breaks]] == 1
    wraps: npt.NDArray[np.bool_] = full & single
    n = int(np.count_nonzero(wraps))
    if n < 3:
        return None
    # Who wrapped a sentence goes on in lower case, mostly; entries of a list may all be as long, but start anew.
    going_on = np.count_nonzero(_kinds(codes.take(breaks.compress(wraps) + 1)) & LOWER) / n
    if n >= 0.6 * np.count_nonzero(single):
        return wraps if going_on >= 0.2 or not (_kinds(codes) & LOWER).any() else None
    # Paragraphs may stand without blank lines, so that few of the newlines wrap anything.
    return wraps if n >= 5 and going_on >= 0.4 else None


# ---- tokens


class _Tokens(NamedTuple):
    lexis: Lexis
    ids: Indices  # numbers are kept and not the strings, which `lexis` has
    starts: Indices
    is_word: npt.NDArray[np.bool_]
    n_numbers: int


_URL = re.compile(r"(?<![^\W_])(?:https?://|www\.)[^\s<>\"]+")


def tokenize(lowered: str) -> tuple[str, ...]:
    """The tokens of a lower-case text; `don't` and the tokenised `do n't` both give `do`, `n't`."""
    cut = _cut(lowered, _kinds(np.frombuffer(lowered.encode("utf-32-le", "surrogatepass"), dtype="<u4")))
    return cut.lexis.read(cut.ids)


def _cut(lowered: str, kinds: Kinds) -> _Tokens:
    """Words and numbers, each other mark for itself; what is neither separates."""
    edge = np.zeros(2, dtype=np.uint8)
    kinds = np.concatenate((edge, kinds, edge))  # so that looking around needs no edge cases
    codes = np.frombuffer(f"  {lowered}  ".encode("utf-32-le", "surrogatepass"), dtype="<u4")
    tokens = kinds & (LETTER | DIGIT | MARK)
    if "://" in lowered or "www." in lowered:
        for m in _URL.finditer(lowered):
            tokens[m.start() + 2 : m.end() + 2] = LETTER
    held = tokens != 0
    starts = np.zeros(len(tokens), dtype=bool)
    np.not_equal(tokens[1:], tokens[:-1], out=starts[1:])
    starts &= held
    marks = (tokens == MARK).nonzero()[0]
    starts[marks] = True
    # 1,000.5 and 17:30 are one
    joints = marks.compress(kinds.take(marks) & _JOINT != 0)
    joints = joints.compress((tokens.take(joints - 1) == DIGIT) & (tokens.take(joints + 1) == DIGIT))
    starts[joints] = starts[joints + 1] = False
    apostrophes = marks.compress(codes.take(marks) == _APOSTROPHE)
    apostrophes = apostrophes.compress(tokens.take(apostrophes + 1) == LETTER)
    starts[apostrophes + 1] = False  # 's
    nots = apostrophes.compress((codes.take(apostrophes - 1) == ord("n")) & (codes.take(apostrophes + 1) == ord("t")))
    starts[nots - 1] = True
    starts[nots] = False
    starts[nots + 2] |= tokens.take(nots + 2) == LETTER
    at = starts.nonzero()[0]
    first = tokens.take(at)
    # A space goes before each token that touches the one before it, and split() does the rest.
    touching = at.compress(held.take(at - 1))
    given = np.ones(len(codes) + len(touching), dtype=bool)
    given[touching + np.arange(len(touching))] = False
    spaced = np.full(len(given), _SPACE, dtype=np.uint32)
    spaced[given] = np.maximum(codes * held, _SPACE)
    lexis = _current_lexis()
    ids = lexis.number(_decode(spaced).split())
    return _Tokens(lexis, ids, at - 2, first != MARK, int(np.count_nonzero(first == DIGIT)))


# ---- sentences

_RUN = re.compile(r"[.!?]+[\"')\]]*(?:\[\d{1,3}\])*")  # marks that end, quotes and brackets that close, notes


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Abbreviations that stand before a name never end a sentence, some are none unless a number follows, some may end one.
_TITLES = _word_set(
    "mr mrs ms dr prof rep sen gov gen col lt sgt capt cmdr maj hon rev mt ft vs e.g i.e cf ca approx viz"
)
_NUMBERED = _word_set("no nos fig figs art sec vol ch pp p para eq ver est")
_AMBIGUOUS = _word_set(
    "inc ltd corp co bros llc jr sr st ave etc al dept univ assn ph.d jan feb mar apr jun jul aug sep sept oct nov dec "
    "tue tues thu thur thurs"
)
_STARTERS = _word_set(
    "the a an this that these those it it's its he she they we i you his her their our my your in on at for from but "
    "and so if when while after before as although however there here what who why how not no one some many most "
    "both each with by to according since under during meanwhile also then now yet or still earlier last"
)


def _ends_within_lines(folded: str, kinds: Kinds, has_case: bool) -> list[int]:
    """Where sentences end inside lines."""
    ends = []
    read = 0
    folded += "\n"  # so that something follows each mark
    for at in ((kinds & STOP) != 0).nonzero()[0].tolist():
        if at < read:
            continue
        read = end = at + 1
        after = folded[end]
        if after in _RUN_ON and (run := _RUN.match(folded, at)):
            read = end = run.end()
            after = folded[end]
        if after == " ":
            if has_case:  # "Why?" he asked, and what an ellipsis leaves
                following = folded[end + 1]
                if following in _OPENERS:
                    following = folded[end + 2]
                if following.islower():
                    continue
            if end > at + 1 or folded[at] != "." or not _abbreviates(folded, at):
                ends.append(end)
        elif (
            after.isupper()
            and folded[end + 1 : end + 2].islower()
            and folded[end - 1] not in "\"'"
            and _GLUED.search(folded, max(0, at - 30), at)
        ):
            ends.append(end)
    return ends


# The word before a glued sentence, "the end.Next"; not that of "U.S.Army", "www.Example.Com" or "3.Open".
_GLUED = re.compile(r"(?:^|[\s\"'(—-])(?!www\Z)(?:[^\W\d_]+|\d{2,})[\"')]?\Z")
_LONGEST = 10  # characters; a longer word is no abbreviation
_OPENERS = frozenset("\"'(—")
_RUN_ON = frozenset(".!?\"')][")


def _abbreviates(folded: str, at: int) -> bool:
    """Whether the full stop at `at`, with a blank behind it, belongs to the word before it."""
    word = folded[max(0, at - _LONGEST) : at].rpartition(" ")[2].rpartition("\n")[2]
    start = at - len(word)
    if len(word) == _LONGEST and start:
        return False
    word = word.lstrip("\"'(—").lower()
    if word in _TITLES:
        return True
    if word in _NUMBERED:
        return folded[at + 2].isdigit()
    if word.isdigit():  # the number of a list entry
        return len(word) < 4 and (not start or folded[start - 1] == "\n")
    if word in _AMBIGUOUS or (word[:1].isalpha() and not word[1::2].strip(".") and len(word) % 2):
        following = folded[at + 2 : at + 20].split(None, 1)[0]
        return not (following[0].isupper() and following.lower().rstrip(",:") in _STARTERS)
    return False
