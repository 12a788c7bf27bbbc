"""Lexicons: phrase lists as TOML, compiled to one Aho-Corasick automaton, so that no wording costs super-linear time.

A lexicon file has a `source`, optional `[groups]` and a list of `[[entry]]`:

    source = "where the wordings were read"
    [groups]
    model = ["ai", "chatgpt", "a language model"]
    [[entry]]
    name = "written_by_model"
    note = "says that a language model wrote it"
    where = "anywhere"      # or "line" (the phrase is the whole line), "line_start", "line_end"
    phrases = ["{written|generated} {by|with} <model>", "ai[-| ]generated"]

`{a|b}` is a choice, `[a|b]` the same or nothing (both may be nested), `<group>` a choice from the file's groups.
Phrases are written as folded text reads: lower case, straight quotes, single spaces. They match whole words only.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import resources
from typing import NamedTuple

import ahocorasick_rs

WHERE = ("anywhere", "line", "line_start", "line_end")


@dataclass(frozen=True, slots=True)
class Entry:
    """One family of wordings: what it is called, what to tell a reader, and where on a line it counts."""

    lexicon: str
    name: str
    note: str
    where: str


class Match(NamedTuple):
    """A phrase found: its entry and its half-open range in the folded text."""

    entry: Entry
    start: int
    end: int


_SYNTAX = re.compile(r"([{}\[\]|]|<\w+>)")
_CLOSES = {"}": "{", "]": "["}


def expand(phrase: str, groups: dict[str, list[str]]) -> list[str]:
    """Every literal that a phrase pattern stands for; choices and options may be nested.

    Raises ValueError on an unknown group or an unbalanced bracket.
    """
    # For each bracket that is open: itself, its finished alternatives, and the one being read; all as literals.
    stack: list[tuple[str, list[str], list[str]]] = [("", [], [""])]
    for part in _SYNTAX.split(phrase):
        opener, finished, current = stack[-1]
        if part in ("{", "["):
            stack.append((part, [], [""]))
            continue
        if part == "|" and opener:
            stack[-1] = (opener, finished + current, [""])
            continue
        options = [part]
        if part in _CLOSES:
            if opener != _CLOSES[part]:
                raise ValueError(f"unbalanced bracket in {phrase!r}")
            stack.pop()
            options = ([""] if part == "]" else []) + finished + current
        elif _SYNTAX.fullmatch(part) and part != "|":
            if part[1:-1] not in groups:
                raise ValueError(f"unknown group {part} in {phrase!r}; known: {', '.join(sorted(groups))}")
            options = [literal for item in groups[part[1:-1]] for literal in expand(item, groups)]
        elif "<" in part or ">" in part:
            raise ValueError(f"unbalanced bracket in {phrase!r}")
        opener, finished, current = stack[-1]
        stack[-1] = (opener, finished, [before + option for before in current for option in options])
    if len(stack) > 1:
        raise ValueError(f"unbalanced bracket in {phrase!r}")
    literals = (" ".join(literal.split()) for literal in stack[0][2])
    return list(dict.fromkeys(literal for literal in literals if literal))


Finder = Callable[[str], list[tuple[int, int, int]]]


def finder(strings: list[str]) -> Finder:
    """What finds these strings in a text in one pass, overlapping ones too: the number of each, its start and end."""
    return partial(ahocorasick_rs.AhoCorasick(strings).find_matches_as_indexes, overlapping=True)


@dataclass(frozen=True)
class _Compiled:
    find_forms: Finder  # of the phrases' bare forms
    find_marks: Finder  # of phrases without any letter or digit, which have none
    literals: tuple[str, ...]  # those of `find_forms` and then, from the end, those of `find_marks`
    shifts: bytes  # for each literal, where it starts in its form
    entries: tuple[tuple[Entry, ...], ...]  # for each literal, the entries that it belongs to
    names: tuple[str, ...]


_BLANKED = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))


def _bare(text: str) -> str:
    """The text with a blank for all that is no ASCII letter or digit; few characters, so few states to be in."""
    return text.encode("ascii", "replace").translate(_BLANKED).decode("ascii")


@lru_cache(maxsize=1)
def _compiled() -> _Compiled:
    literals: dict[str, list[Entry]] = {}
    names = []
    for name, data in sources().items():
        names.append(name)
        for item in data["entry"]:
            where = item.get("where", "anywhere")
            if where not in WHERE:
                raise ValueError(f"lexicon {name}, entry {item['name']}: where is {where!r}; known: {', '.join(WHERE)}")
            entry = Entry(name, item["name"], item["note"], where)
            for phrase in item["phrases"]:
                for literal in expand(phrase, data.get("groups", {})):
                    owners = literals.setdefault(literal, [])
                    if entry not in owners:
                        owners.append(entry)
    words = [literal for literal in literals if not _bare(literal).isspace()]
    marks = [literal for literal in literals if _bare(literal).isspace()]
    # Whole words only, so blanks stand around: see scan().
    forms = [" " * w[0].isalnum() + _bare(w) + " " * w[-1].isalnum() for w in words]
    ordered = (*words, *reversed(marks))
    shared: dict[tuple[Entry, ...], tuple[Entry, ...]] = {}  # thousands of phrases have the same
    entries = (tuple(literals[literal]) for literal in ordered)
    return _Compiled(
        finder(forms),
        finder(marks),
        ordered,
        bytes([w[0].isalnum() for w in ordered]),
        tuple([shared.setdefault(e, e) for e in entries]),
        tuple(names),
    )


def sources() -> dict[str, dict]:  # type: ignore[type-arg]
    """Lexicon name -> its parsed file, in alphabetical order."""
    folder = resources.files("detector") / "lexicons"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {f.name.removesuffix(".toml"): tomllib.loads(f.read_text("utf-8")) for f in files}


def digest() -> str:
    """The sha256 over every file of the lexicons' folder, in hex: a model is trained with these and no others."""
    total = hashlib.sha256()
    for file in sorted((resources.files("detector") / "lexicons").iterdir(), key=lambda f: f.name):
        if file.is_file():
            total.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def scan(lowered: str) -> dict[str, tuple[Match, ...]]:
    """Lexicon name -> its matches in a lower-case folded text: in order, longest first where they overlap."""
    compiled = _compiled()
    found: dict[str, list[tuple[int, int, int, Entry]]] = {name: [] for name in compiled.names}
    flat = lowered.replace("\n", " ")
    plain = flat.replace("—", "-").replace("•", "*").isascii()  # all that folding leaves beside ASCII in most articles
    hits = compiled.find_forms(f" {_bare(flat)} ")
    hits += [(~i, start + 1, end) for i, start, end in compiled.find_marks(flat)]
    literals, shifts = compiled.literals, compiled.shifts
    for index, start, _ in hits:
        literal = literals[index]
        first = start - 1 + shifts[index]
        if not flat.startswith(literal, first):
            continue
        end = first + len(literal)
        if not plain and not _is_whole(flat, first, end):
            continue
        for entry in compiled.entries[index]:
            if entry.where == "anywhere" or _stands(entry.where, lowered, first, end):
                matches = found[entry.lexicon]
                matches.append((first, -end, len(matches), entry))
    return {name: _leftmost_longest(matches) for name, matches in found.items()}


def _is_whole(flat: str, start: int, end: int) -> bool:
    """Whether no word runs over an end of the range: of letters that are not ASCII, a bare form knows nothing."""
    return not (start and flat[start - 1].isalnum() and flat[start].isalnum()) and not (
        flat[end - 1].isalnum() and flat[end : end + 1].isalnum()
    )


_MARKS = " .,:;!?*#>|-—•[]()\"'_+=~"


def _stands(where: str, lowered: str, start: int, end: int) -> bool:
    """Whether only marks stand between the phrase and the line's start, end, or both."""
    if where != "line_end" and start:
        if start > 1 and lowered[start - 2].isalnum() and lowered[start - 1] != "\n":
            return False  # most are in the middle of a sentence
        left = lowered.rfind("\n", max(0, start - 40), start) + 1
        if (not left and start > 40) or lowered[left:start].strip(_MARKS):
            return False
    if where != "line_start" and end < len(lowered):
        if lowered[end] != "\n" and lowered[end + 1 : end + 2].isalnum():
            return False
        right = lowered.find("\n", end, end + 40)
        if (right < 0 and len(lowered) - end > 40) or lowered[end : right if right >= 0 else None].strip(_MARKS):
            return False
    return True


def _leftmost_longest(matches: list[tuple[int, int, int, Entry]]) -> tuple[Match, ...]:
    matches.sort()
    kept = []
    read = 0
    for start, minus_end, _, entry in matches:
        if start >= read:
            read = -minus_end
            kept.append(Match(entry, start, read))
    return tuple(kept)
