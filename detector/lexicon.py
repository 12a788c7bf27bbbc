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

`{a|b}` is a choice, `[a|b]` the same or nothing, `<group>` a choice from the file's groups. Phrases are written as
folded text reads: lower case, straight quotes, single spaces. They match whole words only.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
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


_PART = re.compile(r"\{([^{}]*)\}|\[([^\[\]]*)\]|<(\w+)>|([^{}\[\]<>]+)")


def expand(phrase: str, groups: dict[str, list[str]]) -> list[str]:
    """Every literal that a phrase pattern stands for.

    Raises ValueError on an unknown group or an unbalanced bracket.
    """
    parts: list[list[str]] = []
    at = 0
    for m in _PART.finditer(phrase):
        if m.start() != at:
            raise ValueError(f"unbalanced bracket in {phrase!r}")
        at = m.end()
        choice, option, group, literal = m.groups()
        if choice is not None:
            parts.append(choice.split("|"))
        elif option is not None:
            parts.append(["", *option.split("|")])
        elif group is not None:
            if group not in groups:
                raise ValueError(f"unknown group <{group}> in {phrase!r}; known: {', '.join(sorted(groups))}")
            parts.append([x for g in groups[group] for x in expand(g, groups)])
        else:
            parts.append([literal])
    if at != len(phrase):
        raise ValueError(f"unbalanced bracket in {phrase!r}")
    literals = (" ".join("".join(p).split()) for p in itertools.product(*parts))
    return list(dict.fromkeys(x for x in literals if x))


@dataclass(frozen=True)
class _Compiled:
    automaton: ahocorasick_rs.AhoCorasick
    entries: tuple[tuple[Entry, ...], ...]  # for each literal, the entries that it belongs to
    names: tuple[str, ...]


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
    automaton = ahocorasick_rs.AhoCorasick(list(literals))
    return _Compiled(automaton, tuple(map(tuple, literals.values())), tuple(names))


def sources() -> dict[str, dict]:  # type: ignore[type-arg]
    """Lexicon name -> its parsed file, in alphabetical order."""
    folder = resources.files("detector") / "lexicons"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {f.name.removesuffix(".toml"): tomllib.loads(f.read_text("utf-8")) for f in files}


def scan(lowered: str) -> dict[str, tuple[Match, ...]]:
    """Lexicon name -> its matches in a lower-case folded text: in order, longest first where they overlap."""
    compiled = _compiled()
    flat = lowered.replace("\n", " ")
    found: dict[str, list[Match]] = {name: [] for name in compiled.names}
    n = len(flat)
    for index, start, end in compiled.automaton.find_matches_as_indexes(flat, overlapping=True):
        # whole words only; a phrase may itself start or end with a mark
        if start and flat[start].isalnum() and flat[start - 1].isalnum():
            continue
        if end < n and flat[end - 1].isalnum() and flat[end].isalnum():
            continue
        for entry in compiled.entries[index]:
            if entry.where == "anywhere" or _stands(entry.where, lowered, start, end):
                found[entry.lexicon].append(Match(entry, start, end))
    return {name: _leftmost_longest(matches) for name, matches in found.items()}


_MARKS = " .,:;!?*#>|-—•[]()\"'_+=~"


def _stands(where: str, lowered: str, start: int, end: int) -> bool:
    """Whether only marks stand between the phrase and the line's start, end, or both."""
    if where != "line_end":
        left = lowered.rfind("\n", max(0, start - 40), start) + 1
        if not left and start > 40:
            return False
        if lowered[left:start].strip(_MARKS):
            return False
    if where != "line_start":
        right = lowered.find("\n", end, end + 40)
        if right < 0 and len(lowered) - end > 40:
            return False
        if lowered[end : right if right >= 0 else None].strip(_MARKS):
            return False
    return True


def _leftmost_longest(matches: list[Match]) -> tuple[Match, ...]:
    matches.sort(key=lambda m: (m.start, -m.end))
    kept: list[Match] = []
    for m in matches:
        if not kept or m.start >= kept[-1].end:
            kept.append(m)
    return tuple(kept)
