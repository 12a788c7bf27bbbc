"""Bad input: each gets one clear sentence and its code, and the inputs beside it are scored all the same."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Result, loaded, run
from growth import grows_linearly
from hypothesis import given
from hypothesis import strategies as st

from detector.article import MAX_CHARS, Article
from detector.errors import InputError
from detector.sources import MAX_BYTES, Failure, decode, expand, read, read_all
from detector.verdict import Verdict

GOOD = "The ferry was late again, and nobody on the quay could say why it had not left the other side."
PROSE = " ".join(f"On day {i} the harbour office in Calder wrote the tide down in a green book." for i in range(40))


def score_beside_good(tmp_path: Path, path: object) -> tuple[Result, dict[str, str]]:
    """The result of scoring `path` between two good files, and the error that it got."""
    good = tmp_path / "good.dat"
    good.write_text(GOOD)
    result = run("score", good, path, good, "--format", "jsonl")
    first, *bad, last = result.rows
    assert first == last
    assert "error" not in first
    assert len(bad) == 1
    return result, bad[0]["error"]


def refused(tmp_path: Path, path: object, code: str, sentence: str) -> None:
    result, error = score_beside_good(tmp_path, path)
    assert (error["code"], result.code) == (code, 3)
    assert sentence in error["message"]
    assert result.err.endswith(f": {error['message']}\n")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "code", "sentence"),
    [
        (b"", "empty", "nothing to score"),
        (b" \n\t\r\n ", "empty", "nothing to score"),
        ("\ufeff\u200b\u00a0".encode(), "empty", "nothing to score"),
        (b"\xff\xfe", "empty", "nothing to score"),
        (b"\0" * 5000, "not_text", "binary"),
        (bytes(range(256)) * 20, "not_text", "binary"),
        (b"\x89PNG\r\n\x1a\n" + os.urandom(5000), "not_text", "binary"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 9 + os.urandom(4000), "not_text", "binary"),
        (b"%PDF-1.7\n%\xe2\xe3", "not_text", "a PDF"),
        (b"PK\x03\x04rest", "not_text", "a zip archive"),
        (b"\x1f\x8b\x08\0", "not_text", "gzip"),
        (b"{\\rtf1 text}", "not_text", "RTF"),
        (b"\n<!DOCTYPE html>\n<p>text", "not_text", "HTML"),
        ("<html><p>text".encode("utf-16"), "not_text", "HTML"),
        (b"<?xml version='1.0'?>\n<!-- made by --> <!-- a -- CMS -->\n<HTML lang=en>text", "not_text", "HTML"),
        (b"a" * (MAX_CHARS + 1), "too_long", "2,000,001"),
        (b"a" * (MAX_BYTES + 1), "too_long", "split it"),
        (b"word " * 10_000_000, "too_long", "50,000,000 bytes"),
    ],
    ids=(
        "empty blank invisible mark_only nuls bytes png elf pdf zip gzip rtf html utf16_html html_after_comments "
        "too_long too_large fifty_mb"
    ).split(),
)
def test_file_refused(tmp_path: Path, data: bytes, code: str, sentence: str):
    (tmp_path / "bad.txt").write_bytes(data)
    refused(tmp_path, tmp_path / "bad.txt", code, sentence)


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "photo.jpg").write_bytes(b"x")


@pytest.mark.parametrize(
    ("make", "code", "sentence"),
    [
        (lambda p: None, "not_found", "no such file"),
        (lambda p: p.symlink_to(p.parent / "nowhere"), "not_found", "leads nowhere"),
        (lambda p: p.symlink_to(p), "unreadable", "back to itself"),
        (make_folder, "no_text_files", ".txt, .text, .md"),
    ],
    ids=["missing", "broken_link", "link_loop", "folder_without_texts"],
)
def test_path_refused(tmp_path: Path, make, code: str, sentence: str):
    make(tmp_path / "bad.txt")
    refused(tmp_path, tmp_path / "bad.txt", code, sentence)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("page.HTML", "<div class='a'><p>Text", "an HTML page"),
        ("feed.jsonl", '{"text": "Text"}', "it holds records"),
        ("table.csv.gz", "text", "it holds records"),
    ],
)
def test_what_other_commands_read_is_refused_by_name(tmp_path: Path, name: str, text: str, sentence: str):
    (tmp_path / name).write_text(text)
    refused(tmp_path, tmp_path / name, "not_text", sentence)


def test_plain_text_may_be_called_anything(tmp_path: Path):
    for name in ("article.html", "article.log"):
        (tmp_path / name).write_text(GOOD + " It is < 5 or > 7.")
        assert isinstance(read(str(tmp_path / name), None, fail_on_note), Article)


@pytest.mark.parametrize("path", ["good.dat/inside.txt", "nothing*.txt", "n" * 300, "\udcff.txt"])
def test_odd_path_refused(tmp_path: Path, path: str):
    result, error = score_beside_good(tmp_path, tmp_path / path)
    assert error["code"] in ("not_found", "unreadable")
    assert result.code == 3


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_forbidden_file_refused(tmp_path: Path):
    (tmp_path / "bad.txt").write_text(GOOD)
    (tmp_path / "bad.txt").chmod(0)
    refused(tmp_path, tmp_path / "bad.txt", "unreadable", "permissions")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(errno.EACCES, "check its permissions"), (errno.EIO, os.strerror(errno.EIO)), (errno.EISDIR, "one file")],
)
def test_unreadable_file_refused(monkeypatch: pytest.MonkeyPatch, error: int, sentence: str):
    def refuse(*_: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("builtins.open", refuse)
    failure = read("bad.txt", None, fail_on_note)
    assert isinstance(failure, Failure)
    assert failure.code == "unreadable"
    assert sentence in failure.message


def test_explain_refuses_a_folder(tmp_path: Path):
    result = run("explain", tmp_path)
    assert (result.code, result.out) == (3, "")
    assert "one file is needed" in result.err


def test_closed_stdin_is_refused():
    failure = read("-", None, fail_on_note)
    assert isinstance(failure, Failure)
    assert failure.code == "unreadable"


def test_endless_stdin_is_not_read_to_its_end():
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, n: int = -1) -> bytes:
            self.taken += n
            return b"a" * n

    stream = Endless()
    failure = read("-", stream, fail_on_note)  # type: ignore[arg-type]
    assert isinstance(failure, Failure)
    assert failure.code == "too_long"
    assert stream.taken <= MAX_BYTES + 1


def test_folder_with_loops_and_broken_links_is_read_once(tmp_path: Path):
    (tmp_path / "a.txt").write_text(GOOD)
    (tmp_path / "b.txt").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(tmp_path / "pipe.txt")
    for where in (tmp_path, tmp_path / "*.txt", tmp_path / "**" / "*.txt"):
        found = list(read_all([str(where)], None, fail_on_note))
        assert [(os.path.basename(x.id or ""), type(x)) for x in found] == [("a.txt", Article), ("b.txt", Failure)]


def test_a_pattern_for_all_below_names_every_file_once(tmp_path: Path):
    for name in ("a.txt", "sub/b.txt", "sub/deep/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [os.path.basename(str(f)) for f in expand(str(tmp_path / "**"))] == ["a.txt", "b.txt", "c.txt"]


def test_unreadable_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def walk(top: str, onerror):
        onerror(PermissionError(errno.EACCES, "Permission denied", top))
        return iter(())

    monkeypatch.setattr(os, "walk", walk)
    (failure,) = read_all([str(tmp_path)], None, fail_on_note)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.id) == ("unreadable", str(tmp_path))


# encodings

SAMPLE = "“Ça va?” said Zoë. " * 20
ASCII = "It was a plain day. " * 20


@pytest.mark.parametrize(
    ("data", "text", "remark"),
    [
        (b"", "", None),
        (b"word", "word", None),
        ("🙂".encode(), "🙂", None),
        (SAMPLE.encode("utf-8-sig"), SAMPLE, None),
        (SAMPLE.encode("utf-16"), SAMPLE, None),
        (b"\xfe\xff" + SAMPLE.encode("utf-16-be"), SAMPLE, None),
        (SAMPLE.encode("utf-32"), SAMPLE, None),
        (ASCII.encode("utf-16-le"), ASCII, "utf-16-le"),
        (ASCII.encode("utf-16-be"), ASCII, "utf-16-be"),
        (ASCII.encode("utf-32-le"), ASCII, "utf-32-le"),
        (SAMPLE.encode("cp1252"), SAMPLE, "Windows-1252"),
        (b"na\xefve", "naïve", "Windows-1252"),
        (SAMPLE.encode() + b"\xf0\x9f", SAMPLE + "\ufffd", "one piece of its utf-8"),
        (SAMPLE.encode("utf-16") + b"\x20", SAMPLE + "\ufffd", "one piece of its utf-16-le"),
        ("kept \ufffd as is".encode(), "kept \ufffd as is", None),
        ((ASCII + "\0" + ASCII).encode(), ASCII + "\0" + ASCII, None),
        (b"one\r\ntwo\r", "one\r\ntwo\r", None),
    ],
    ids=(
        "empty word emoji utf8_mark utf16_mark utf16be_mark utf32_mark utf16le utf16be utf32le cp1252 latin1 "
        "cut_utf8 cut_utf16 replacement stray_nul line_ends"
    ).split(),
)
def test_decode(data: bytes, text: str, remark: str | None):
    decoded, told = decode(data)
    assert decoded == text
    assert (remark in told) if remark and told else told is remark


@given(st.binary(max_size=400))
def test_decode_any_bytes(data: bytes):
    with contextlib.suppress(InputError):
        text, _ = decode(data)
        assert isinstance(text, str)


MARKED = ["utf-8-sig", "utf-16", "utf-32"]


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), st.sampled_from(MARKED))
def test_marked_text_is_read_as_written(text: str, encoding: str):
    assert decode(text.encode(encoding)) == (text, None)


def test_guess_is_told_on_stderr_and_the_file_scored(tmp_path: Path):
    (tmp_path / "old.txt").write_bytes(SAMPLE.encode("cp1252"))
    result = run("score", tmp_path / "old.txt", "--format", "jsonl")
    assert result.code == 0
    assert result.err == f"detector: {tmp_path / 'old.txt'}: it is not UTF-8 and was read as Windows-1252\n"


# texts that are scored, or not, without an error


def verdict_on(text: str) -> Verdict:
    verdict = loaded().score(text)
    for e in verdict.evidence:
        assert text[e.start : e.end] == e.text
        assert e.text
    return verdict


@pytest.mark.parametrize("text", ["word", "🙂", ".", "###", "1", "&nbsp;word", " ".join(["word"] * 20)])
def test_short_text_abstains(text: str):
    verdict = verdict_on(text)
    assert (verdict.status, verdict.abstained_because, verdict.label) == ("abstained", "too_short", None)


FRENCH = "Le conseil municipal a voté hier soir la fermeture du pont pour les camions, malgré les protestations. " * 12
RUSSIAN = "Вчера вечером городской совет проголосовал за закрытие моста для грузовиков, несмотря на протесты. " * 12
ARABIC = "صوت مجلس المدينة مساء أمس على إغلاق الجسر أمام الشاحنات رغم احتجاجات السكان المحليين. " * 12
CHINESE = "市议会昨晚投票决定禁止卡车通行大桥，尽管当地居民提出了抗议。" * 30


@pytest.mark.parametrize("text", [FRENCH, RUSSIAN, ARABIC, CHINESE], ids=["french", "russian", "arabic", "chinese"])
def test_other_language_abstains(text: str):
    verdict = verdict_on(text)
    assert (verdict.status, verdict.label) == ("abstained", None)
    assert verdict.abstained_because in ("unsupported_language", "too_short")


HOSTILE = {
    "one_character": "a" * MAX_CHARS,
    "one_mark": "-" * MAX_CHARS,
    "spaces": "a" + " " * (MAX_CHARS - 2) + "b",
    "lines": "a line of its own\n" * 100_000,
    "blank_lines": "a\n\n" * 100_000,
    "bullets": "- \n" * 100_000,
    "quotes": '"' * 200_000,
    "open_quotes": '" said ' * 100_000,
    "brackets": "([{<" * 100_000,
    "stops": ". " * 200_000,
    "initials": "A. " * 150_000,
    "ampersands": "&" * 300_000,
    "entities": "&amp;" * 100_000,
    "dashes": "-- " * 150_000,
    "links": "http://" * 100_000,
    "markdown_links": "[a](" * 100_000,
    "times": "17:30 " * 100_000,
    "accents": "a" + "\u0301" * 300_000,
    "zero_width": "\u200b" * 300_000 + "word",
    "prompts": "as an ai " * 60_000,
    "share": "Share\n" * 40_000,
    "according": "according to " * 60_000,
    "issues": "welcome to this digest " * 30_000,
    "capitals": "Aa " * 200_000,
    "emoji": "🙂" * 300_000,
    "nuls": "\0" * 300_000 + "word",
    "surrogates": "\ud83d" * 100_000 + " word",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_takes_linear_time(text: str):
    detector = loaded()

    def work(part: str) -> Callable[[], None]:
        return lambda: check_spans("word " + part[5:])

    def check_spans(part: str) -> None:
        assert all(part[e.start : e.end] == e.text for e in detector.score(part).evidence)

    assert grows_linearly(work, text)


@given(st.text(max_size=300))
def test_any_text_gives_a_verdict_or_is_empty(text: str):
    if Article(text).folded:
        verdict_on(text)
    else:
        with pytest.raises(InputError, match="empty"):
            verdict_on(text)


def fail_on_note(id: str, remark: str) -> None:
    pytest.fail(f"{id}: {remark}")
