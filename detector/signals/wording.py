"""N-grams, hashed: `words` (1-2-grams of the words themselves), `style` (1-3-grams with the topic taken out) and
`layout` (1-2-grams of the shapes of lines, see detector/signals/layout.py).

In the style block only the commonest words of the language keep their form; every other word is its ending (`~ing`),
so that what remains is how a text is built and not what it is about (Stamatatos 2018, "Masking topic-related
information to enhance authorship attribution"). Numbers are one mark, links are left out, and so, among
words, are those about language models. Hashing follows Weinberger et al. 2009, "Feature hashing for large scale
multitask learning".

Which words are common is a part of the model, not of the code: an Encoder is made from a model's vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detector.article import Article, Known
from detector.signals.layout import LEAST, N_SHAPES, shapes

BITS = 18  # each block hashes into 2**BITS columns
BLOCKS = {"words": (1, 2), "style": (1, 2, 3), "layout": (1, 2)}  # block -> n of its n-grams

# Much of what is written about language models is written by them, in the corpora; a person's text about them is not.
# One mark for all of these words would say as much as each, so they have none: among words they are left out, in the
# style block they are their endings, as any rare word is.
_ABOUT_MODELS = frozenset(
    "ai a.i agi ml llm llms gpt gpts chatgpt openai anthropic deepmind claude opus sonnet gemini copilot codex llama "
    "mistral deepseek qwen grok perplexity huggingface nvidia gpu gpus tpu chip chips compute "
    "bot bots chatbot chatbots assistant assistants agent agents agentic robot robots robotic robotics "
    "artificial intelligence intelligent generative reasoning autonomous automation automated conversational "
    "prompt prompts prompting token tokens tokenizer inference latency hallucination hallucinations multimodal "
    "rag mcp retrieval augmented frontier benchmark benchmarks alignment safety "
    "model models modeling algorithm algorithms network networks neural transformer transformers embedding embeddings "
    "parameters diffusion machine machines deep learning reinforcement supervised unsupervised pretrained "
    "train trained training tuned tuning dataset datasets".split()
)
_ENDINGS = frozenset(
    "ing ed ly tion sion s es er or al ity ment ness ive ous able ible ism ist ic ful less ance ence ant ent ate ize "
    "ise ized fy ship hood ward ary ery ory age dom ian an y e".split()
)
_LONGEST_ENDING = max(map(len, _ENDINGS))
# Odd multipliers of 64 bits: the top bits of a product of one with a random code are well mixed (Knuth 6.4).
_MULTIPLIERS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], dtype=np.uint64
)
_SHIFTS = np.array([29, 32], dtype=np.uint64)


class Grams(NamedTuple):
    """A text's n-grams in one block: the column of each occurrence, by n and then in order of the text; and `places`,
    the tokens that count, which are neighbours in n-grams: for a line, its first."""

    columns: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]


def style_class(word: str) -> str:
    """What stands for an uncommon word: its ending, or its length in thirds where it has none of the known ones."""
    for n in range(min(_LONGEST_ENDING, len(word) - 3), 0, -1):
        if word[-n:] in _ENDINGS:
            return "~" + word[-n:]
    return f"~{min(len(word) // 3, 3)}"


@lru_cache(maxsize=10_000)  # a model knows fewer words, and there are few endings
def _hash_style(style: str) -> int:
    return _hash("T" + style)


def _hash(token: str) -> int:
    return int.from_bytes(hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "little")


_SHAPES = np.array([_hash(f"L{shape}") | 1 for shape in range(N_SHAPES)], dtype=np.uint64)


class Encoder:
    """Makes n-grams of an article's words, for a model that has this `vocabulary`."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self.vocabulary = frozenset(vocabulary)
        self._codes = Known(self.code, np.uint64)

    def code(self, token: str) -> int:
        """A token's two 32-bit codes in one integer, words above style; 0 in a block that leaves it out."""
        if token.startswith(("http", "www.")):
            return 0
        if token[0].isdigit():
            word, style = (f"#{min(len(token), 5)}" if token.isdigit() else "#x"), "#"
        elif token in _ABOUT_MODELS:
            return _hash_style(style_class(token)) | 1
        elif token[0].isalpha() or len(token) > 1:
            word = token
            style = token if token in self.vocabulary else style_class(token)
        else:
            word = style = token
        return _hash(word) << 32 | _hash_style(style) | 1 | 1 << 32

    def encode(
        self, articles: Sequence[Article], furniture: Iterable[npt.NDArray[np.bool_] | None] = repeat(None)
    ) -> list[dict[str, Grams]]:
        """The hashed n-grams of each article, by block; none from the lines that are page `furniture`."""
        codes: dict[str, list[npt.NDArray[np.uint64]]] = {block: [] for block in BLOCKS}
        places: list[dict[str, npt.NDArray[np.int64]]] = []
        is_shown: list[npt.NDArray[np.bool_]] = []
        for article, lines in zip(articles, furniture, strict=False):
            own = self._codes.of(article.lexis, article.token_ids)
            line_starts = article.line_bounds[:, 0]
            if lines is not None:
                own[lines[line_starts.searchsorted(article.token_starts, side="right") - 1]] = 0
            places.append({})
            for block, part in (("words", own >> np.uint64(32)), ("style", own & np.uint64(0xFFFFFFFF))):
                places[-1][block] = part.nonzero()[0]
                codes[block].append(part.take(places[-1][block]))
            bounds = np.append(article.token_starts.searchsorted(line_starts), len(own))
            shown = bounds[1:] > bounds[:-1]  # a line of signs alone has no token
            if lines is not None:
                shown &= ~lines
            if np.count_nonzero(shown) < LEAST:
                shown[:] = False
            places[-1]["layout"] = bounds[:-1].compress(shown)
            is_shown.append(shown)
        codes["layout"] = [_SHAPES.take(shapes(articles).compress(np.concatenate(is_shown)))]
        columns = {block: _columns(np.concatenate(codes[block]), sizes) for block, sizes in BLOCKS.items()}
        found: list[dict[str, Grams]] = [{} for _ in places]
        for block, by_size in columns.items():
            end = 0
            for grams, own_places in zip(found, places, strict=True):
                start, end = end, end + len(own_places[block])
                # Those that start near an article's end run over it.
                own_columns = np.concatenate([c[start : max(end - n + 1, start)] for n, c in by_size.items()])
                grams[block] = Grams(own_columns, own_places[block])
        return found


def _columns(codes: npt.NDArray[np.uint64], sizes: tuple[int, ...]) -> dict[int, npt.NDArray[np.int64]]:
    """By size, the columns of the n-grams that start at each word, as far as there are enough words."""
    mixed = codes * _MULTIPLIERS[0]
    columns = {}
    for n in sizes:
        last = max(len(codes) - n + 1, 0)
        product = mixed[:last] + np.uint64(n)
        for k in range(1, n):
            product ^= product >> _SHIFTS[0]
            product *= _MULTIPLIERS[k]
            product += mixed[k : last + k]
        product ^= product >> _SHIFTS[1]
        product *= _MULTIPLIERS[3]
        product >>= np.uint64(64 - BITS)
        columns[n] = product.view(np.int64)
    return columns


def share_among_tokens(
    block: str, grams: Grams, weights: npt.NDArray[np.float64], n_tokens: int
) -> npt.NDArray[np.float64]:
    """What each of a text's `n_tokens` tokens carries, (n_tokens, k): each occurrence's weights, (n_occurrences, k),
    in equal parts to the tokens that it spans."""
    shares = np.zeros((n_tokens, weights.shape[1]))
    places = grams.places
    first = 0
    for n in BLOCKS[block]:
        last = len(places) - n + 1
        if last <= 0:
            break
        for k in range(n):
            shares[places[k : last + k]] += weights[first : first + last] / n
        first += last
    return shares
