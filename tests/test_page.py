"""The report: one HTML file that shows what it should, and in which no article's text is ever markup."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command import loaded, run
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import page
from detector.article import Article
from detector.errors import UsageError
from detector.sources import Failure
from detector.verdict import Verdict

SEEDS = sorted((Path(__file__).resolve().parents[1] / "seeds").glob("*.txt"))
FEED = next(p for p in SEEDS if p.stem == "bridge-feed")

MARKS = {"n", "h"}  # classes of what the page puts into an article's text: numbers of passages, signs of heat
VOID = {"meta", "input", "br", "link", "img"}
PROSE = "It is important to note that the harbour office in Calder might close its gates before the winter. " * 6


class Tree(HTMLParser):
    """What a browser makes of the file: elements with their attributes, and the text inside some of them."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, str]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.append((tag, given))
        if tag not in VOID:
            self.open.append((tag, given.get("class") or tag))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1][0] == tag, f"{self.open[-1]} is closed by {tag}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        names = {name for _, name in self.open}
        for name in names - ({"copy"} if names & MARKS else set()):
            self.texts.setdefault(name, []).append(data)

    def text(self, name: str) -> str:
        return "".join(self.texts.get(name, ()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for t, attributes in self.elements if t == tag]


def write(*texts: str | Article | Failure) -> str:
    """The page of these texts."""
    sink = io.BytesIO()
    given = [Article(t, f"article {i}") if isinstance(t, str) else t for i, t in enumerate(texts)]
    page.write(((g, g if isinstance(g, Failure) else loaded().score(g)) for g in given), sink)
    return sink.getvalue().decode("utf-8")


def squeezed(text: str) -> str:
    return "".join(text.split())


HOSTILE = {
    "script": f"<script>window.pwned=1</script> {PROSE}",
    "end of script": f"</script><script>window.pwned=1</script></style></title></textarea> {PROSE}",
    "attribute": f'" onmouseover="window.pwned=1" x="\' onfocus=window.pwned=1 autofocus ` {PROSE}',
    "image": f"<img src=x onerror=window.pwned=1><svg/onload=window.pwned=1> {PROSE}",
    "comment": f"<!-- {PROSE} --> <![CDATA[ ]]> <?php ?> -->",
    "entities": f"&lt;script&gt; &#60;script&#62; &amp;lt; &quot; {PROSE}",
    "template": "{{ 7 * 7 }} {% raw %} {# note #} ${window.pwned=1} " + PROSE,
    "link": f"javascript:window.pwned=1 data:text/html,<script>window.pwned=1</script> {PROSE}",
    "overrides": f"\u202e{PROSE}\u2066\u202a ‮gnp.exe \u200b\u2060 {PROSE}",
    "nuls": f"\0<\0script>\0 {PROSE}\0\x07\x1b[31m\x7f\x9b",
    "surrogates": f"\ud83d {PROSE} \udc00",
    "long line": "<b>word " * 125_000,
    "one word": "x" * 300_000,
    "meta": f'<meta http-equiv="refresh" content="0;url=https://a.example/"><base href="https://a.example/"> {PROSE}',
    "frame": f"<iframe srcdoc='<script>parent.pwned=1</script>'></iframe><object data=x> {PROSE}",
    "french": "Le conseil <b>municipal</b> a voté hier soir la fermeture du pont. " * 12,
}


@pytest.fixture(scope="module")
def expected_tags() -> set[str]:
    return {tag for tag, _ in Tree(write(*(p.read_text("utf-8") for p in SEEDS), PROSE)).elements}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_text_is_never_markup(text: str, expected_tags: set[str]) -> None:
    tree = Tree(write(Article(text, f"{text[:60]}.txt")))
    assert {tag for tag, _ in tree.elements} <= expected_tags
    assert not tree.open
    for tag, attributes in tree.elements:
        names = set(attributes)
        assert not {n for n in names if n.startswith("on")} | names & {"style", "src", "srcdoc", "action"}, tag
        assert (attributes.get("href") or "#").startswith("#")
    assert len(tree.all("script")) == len(tree.all("style")) == 1


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_that_a_browser_would_obey_is_left(text: str) -> None:
    source = write(Article(text, text[:60]))
    assert not re.search("[\0-\x08\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", source)


@given(st.text(max_size=120))
@settings(max_examples=25)
def test_any_text_is_shown_whole(noise: str) -> None:
    text = f"Well, {noise} {PROSE}{noise}"
    tree = Tree(write(text))
    assert squeezed(tree.text("copy")) == squeezed(page._visible(text))


@pytest.mark.parametrize("path", SEEDS, ids=lambda p: p.stem)
def test_every_passage_is_marked_and_listed(path: Path) -> None:
    text = path.read_text("utf-8")
    tree, evidence = Tree(write(text)), loaded().score(text).evidence
    ids = {a["id"] for _, a in tree.elements if "id" in a}
    links = {(a.get("href") or "")[1:] for a in tree.all("a")} - {"articles"}
    assert links == {f"a1{kind}{k}" for k in range(1, len(evidence) + 1) for kind in "me"}
    assert links <= ids
    families = {(a["class"] or "").removeprefix("f-") for a in tree.all("mark")}
    assert {e.signal for e in evidence} <= families


def test_every_family_has_a_line_of_its_own() -> None:
    css = (Path(page.__file__).parent / "assets" / "page.css").read_text("utf-8")
    lines = {f: re.search(rf"^\.f-{f} {{ text-decoration: underline (\w+ [\d.]+px)", css, re.M) for f in page.ABOUT}
    assert all(lines.values()), "every family that marks passages is told apart by its line, not by colour alone"
    assert len({m[1] for m in lines.values() if m}) == len(lines)


def test_families_of_the_seeds_are_all_drawn() -> None:
    found = {e.signal for p in SEEDS for e in loaded().score(p.read_text("utf-8")).evidence}
    assert found <= page.ABOUT.keys(), "tell readers of a new family in page.ABOUT, and give it a line in page.css"


def test_bars_add_up_to_the_score() -> None:
    article = Article(FEED.read_text("utf-8"), "feed")
    entry = page.Entry(1, article, loaded().score(article))
    assert entry.score
    assert sum(b.ai for b in entry.bars) == pytest.approx(entry.score.ai, abs=1e-9)
    assert sum(b.label for b in entry.bars) == pytest.approx(entry.score.label, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("A few words.", "No label: too short to judge.", id="too short"),
        pytest.param("Le conseil a voté hier la fermeture du pont. " * 12, "not in a language", id="french"),
        pytest.param(
            (SEEDS[0].parent / "mine-reopening-brief.txt").read_text("utf-8"), "is not probable enough", id="close"
        ),
    ],
)
def test_abstention_is_said_plainly(text: str, says: str) -> None:
    tree = Tree(write(text))
    assert says in tree.text("lead")
    assert tree.all("li")[0]["data-kind"] == page.ABSTAINED


def test_failure_has_its_row_and_its_reason() -> None:
    tree = Tree(write(Failure("<b>.txt", "not_found", "no such file: check the path"), PROSE))
    assert next(a["data-kind"] for a in tree.all("li") if "data-kind" in a) == page.FAILED
    assert "no such file: check the path" in tree.text("why")
    assert "<b>.txt" in tree.text("title")


def test_policy_allows_this_script_and_style_and_nothing_else() -> None:
    source = write(PROSE)
    tree = Tree(source)
    policy = next(a["content"] for a in tree.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for tag in ("script", "style"):
        content = re.findall(f"<{tag}>(.*?)</{tag}>", source, re.S)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"


def test_policy_comes_before_whatever_it_governs() -> None:
    tags = [tag for tag, _ in Tree(write(PROSE)).elements]
    assert tags[:4] == ["html", "head", "meta", "meta"]
    assert tags.index("style") > 3


def test_page_needs_nothing_else() -> None:
    source = write(*(p.read_text("utf-8") for p in SEEDS))
    assert not re.search(r"\b(?:src|srcset|poster|@import|url\()\s*[=(]", source)
    assert not re.search(r"""href=["'](?!#)""", source)


def test_same_verdicts_same_bytes() -> None:
    assert write(PROSE, "word") == write(PROSE, "word")


def test_long_article_is_cut_and_says_so() -> None:
    text = PROSE * (page.MAX_SHOWN // len(PROSE) + 2)
    tree = Tree(write(text))
    assert f"The first {page.MAX_SHOWN:,} characters are shown" in tree.text("cut")
    assert page.MAX_SHOWN - 1_000 < len(tree.text("copy")) < page.MAX_SHOWN + 1_000


def test_too_many_articles_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_ARTICLES", 2)
    write("a few words", "a few words")
    with pytest.raises(UsageError, match="more than 2 articles"):
        write("a few words", "a few words", "a few words")


def test_wrapped_lines_make_one_paragraph() -> None:
    wrapped = (
        "The roof of the baths fell in on Tuesday night, and nobody who\nlives near them was hurt by it. It was late.\n"
    )
    article = Article(f"A headline of some words\n\n{wrapped * 3}\nThe town hall said no more.\n")
    entry = page.Entry(1, article, loaded().score(article))
    first, second, *_ = ["".join(p.text for s in paragraph for p in s.pieces) for paragraph in entry.paragraphs()]
    assert first == "A headline of some words"
    assert second.startswith("The roof of the baths fell in on Tuesday night, and nobody who\nlives near them was hurt")


@pytest.mark.parametrize(
    ("text", "shared", "parts"),
    [
        pytest.param("Nothing here", [], [("Nothing here", False)], id="nothing shared"),
        pytest.param(
            "The 12 of May", ["12", "May"], [("The ", False), ("12", True), (" of ", False), ("May", True)], id="two"
        ),
        pytest.param("a.c abc", ["a.c"], [("a.c", True), (" abc", False)], id="no pattern"),
        pytest.param(
            "Orla Brandt said", ["brandt", "orla brandt"], [("Orla Brandt", True), (" said", False)], id="longest"
        ),
        pytest.param("x", [""], [("x", False)], id="empty string"),
    ],
)
def test_what_ties_two_sentences_is_marked(text: str, shared: list[str], parts: list[tuple[str, bool]]) -> None:
    assert page._tie(text, shared) == parts


class Traced(Verdict):
    """A verdict whose row has the fields of docs/wire-schema.md on sources."""

    def to_dict(self, contributions: int | None = 8, sentences: bool = False) -> dict[str, Any]:
        match = {
            "start": 0,
            "end": 14,
            "source_start": 0,
            "source_end": 12,
            "text": "12 <b>lorries",
            "source_text": "<i>12 trucks",
            "shared": ["12"],
            "similarity": 0.71,
            "relation": "near_verbatim",
        }
        matches = [match] * (page.MAX_MATCHES + 7)
        source = {"id": "wire/<1>.txt", "share": 0.42, "relation": "near_verbatim", "same_article": False}
        return super().to_dict(contributions, sentences) | {
            "style_label": None,
            "derivation": "derived_from_one",
            "derivation_abstained_because": None,
            "sources": [{**source, "matches": matches}] * (page.MAX_SOURCES + 3),
        }


def traced(text: str) -> tuple[Article, Verdict]:
    verdict = loaded().score(text)
    return Article(text, "a"), Traced(*(getattr(verdict, name) for name in Verdict.__dataclass_fields__))


def test_sources_stand_side_by_side() -> None:
    sink = io.BytesIO()
    page.write([traced(PROSE)], sink)
    tree = Tree(sink.getvalue().decode())
    said = tree.text("sources")
    for part in (
        page.DERIVATION["derived_from_one"],
        "wire/<1>.txt",
        "42% of the article",
        "71% alike",
        "near verbatim",
    ):
        assert part in said
    assert [t for t in tree.texts["match"] if t.strip() == "12"] == ["12"] * 2 * page.MAX_MATCHES * page.MAX_SOURCES
    assert "and 7 more sentences" in said
    assert "and 3 more sources" in said
    assert "12 <b>lorries" in said
    assert "<i>12 trucks" in said


def test_what_sources_decide_is_told_apart_from_style() -> None:
    sink = io.BytesIO()
    page.write([traced((SEEDS[0].parent / "bridge-hearing.txt").read_text("utf-8"))], sink)
    assert "The sources below decide that. By style alone: no label." in Tree(sink.getvalue().decode()).text("says")


def test_without_sources_nothing_is_said_of_them() -> None:
    assert "sources" not in Tree(write(PROSE)).texts


# the command


def test_command_reads_files_folders_and_records(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PROSE)
    records = [{"id": "r1", "text": PROSE}, {"id": "r2"}, {"text": "a few words"}]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, records)))
    out = tmp_path / "report.html"
    result = run("report", tmp_path / "a.txt", tmp_path / "b.jsonl", "-", "--output", out, stdin=PROSE.encode())
    tree = Tree(out.read_text("utf-8"))
    kinds = [a["data-kind"] for a in tree.all("li") if "data-kind" in a]
    assert len(kinds) == 5
    assert kinds[2] == page.FAILED
    assert (result.code, result.stdout) == (3, b"")
    assert "5 articles" in result.err


def test_command_names_fields(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(json.dumps({"url": "an-id", "body": PROSE}))
    result = run("report", tmp_path / "b.jsonl", "--output", "-", "--text-field", "body", "--id-field", "url")
    assert result.code == 0
    assert "an-id" in Tree(result.out).text("name")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        pytest.param(lambda d: (d / "no.jsonl", "--output", d / "r.html"), 3, "no such file", id="missing records"),
        pytest.param(lambda d: (d / "a.txt", "--output", d / "no" / "r.html"), 2, "cannot be written", id="no folder"),
        pytest.param(lambda d: (d / "a.txt", "--output", d / "a.txt"), 2, "it is an input", id="overwrites its input"),
        pytest.param(lambda d: ("-", "-", "--output", d / "r.html"), 2, "only once", id="stdin twice"),
    ],
)
def test_command_says_what_is_wrong(
    arguments: Callable[[Path], tuple[object, ...]], code: int, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(PROSE)
    result = run("report", *arguments(tmp_path))
    assert result.code == code
    assert sentence in " ".join(result.err.split())
    assert (tmp_path / "a.txt").read_text() == PROSE
    assert (tmp_path / "r.html").exists() == (code == 3)  # what could not be read stands on the page
