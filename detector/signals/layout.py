"""Layout: the shape of each line: how it is marked as an entry, how long it is and how it ends.

The entries of a digest are laid out alike, whatever its template: a title and a paragraph, a name and a link, and
again. The numbers of `structure` and `digest` count some of that; n-grams of shapes (`wording.layout`) hold the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detector.article import Article, Indices

LEAST = 3  # lines; fewer show no layout
_SPACES = np.array([2, 5, 10, 20, 40, 80])  # in a line: bounds of its size
_MARKS = {"*+-•—·–▪◦→>": 1, "#": 3}  # before a blank, at the start of a line; 2 is a number
_ENDS = {".": 1, "!?": 2, ":": 3, ")]": 4, ",;": 5, "\"'": 6, "0123456789": 7}
_N_SIZES = _N_ENDS = 8
N_SHAPES = 4 * _N_SIZES * _N_ENDS


def _table(classes: dict[str, int]) -> npt.NDArray[np.int64]:
    """The class of each code point up to the highest that has one; 0 for the others and, at the end, for all above."""
    table = np.zeros(max(map(ord, "".join(classes))) + 2, dtype=np.int64)
    for characters, number in classes.items():
        table[[ord(c) for c in characters]] = number
    return table


_MARK_OF, _END_OF = _table(_MARKS), _table(_ENDS)
_DIGIT_OF, _STOP_OF = _table({"0123456789": 1}), _table({".)": 1})
_BLANK = ord(" ")


def shapes(articles: Sequence[Article]) -> Indices:
    """The shape of each line of these articles, one after another, 0..N_SHAPES - 1.

    Lines are few, so a look at each article alone would take thrice as long.
    """
    padding = np.full(4, _BLANK, dtype=np.uint32)  # behind each article, so that looking ahead needs no edge cases
    codes = np.concatenate([part for article in articles for part in (article.codes, padding)])
    bounds, spaces, at = [], [], 0
    for article in articles:
        bounds.append(article.line_bounds + at)
        spaces.append(article.line_spaces)
        at += len(article.codes) + len(padding)
    starts, ends = np.concatenate(bounds).T
    first, second, third, fourth = (codes.take(starts + i) for i in range(4))
    mark = np.where(second == _BLANK, _MARK_OF.take(first, mode="clip"), 0)
    stop, later_stop = _STOP_OF.take(second, mode="clip"), _STOP_OF.take(third, mode="clip")
    numbered = (stop & (third == _BLANK)) | (_DIGIT_OF.take(second, mode="clip") & later_stop & (fourth == _BLANK))
    mark[(numbered & _DIGIT_OF.take(first, mode="clip")) != 0] = 2
    size = _SPACES.searchsorted(np.concatenate(spaces), side="right")
    end = _END_OF.take(codes.take(ends - 1), mode="clip")
    return np.asarray((mark * _N_SIZES + size) * _N_ENDS + end)
