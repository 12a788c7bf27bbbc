"""Where articles come from: files, folders, globs and stdin, read and decoded; what cannot be read says why."""

from __future__ import annotations

import codecs
import contextlib
import errno
import glob
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from detector import storage
from detector.article import MAX_CHARS, Article
from detector.errors import InputError
from detector.verdict import error_to_dict

SUFFIXES = (".txt", ".text", ".md")  # what a folder is searched for; a file that is named itself may be called anything
MARKDOWN = (".md", ".markdown")
HTML = (".html", ".htm", ".xhtml")
PAGES = (*HTML, *MARKDOWN)  # marked up: batch reads what a reader sees of them
RECORDS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet",
           ".pq": "parquet"}  # fmt: skip
STDIN = "-"

# No encoding read here takes more than four bytes a character, so this refuses only what Article would refuse.
MAX_BYTES = 4 * MAX_CHARS + 4


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that has no verdict, and why: a stable code and one sentence."""

    id: str
    code: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """The wire format (docs/wire-schema.md)."""
        return error_to_dict(self.id, self.code, self.message)


Note = Callable[[str, str], None]  # is told an input's id and what had to be guessed to read it


def read_all(paths: Iterable[str], stdin: BinaryIO | None, note: Note) -> Iterator[Article | Failure]:
    """Every article that `paths` name, in their order, one at a time; its id is its path as given.

    Args:
        paths: files, folders (searched for SUFFIXES, hidden names and linked folders left out), globs, `-` for stdin.
        stdin: what `-` reads.
        note: is called where a text could only be read by guessing.
    """
    for path in paths:
        for found in expand(path):
            yield found if isinstance(found, Failure) else read(found, stdin, note)


def read(path: str, stdin: BinaryIO | None, note: Note) -> Article | Failure:
    """The article that one file (or stdin, for `-`) holds, or why it holds none."""
    return _article(path, note, lambda: _find(path, stdin))


def _find(path: str, stdin: BinaryIO | None) -> tuple[str, str | None]:
    if holds_records(path):
        raise InputError("it holds records, not one article: use detector batch, or detector report", "not_text")
    text, remark = decode(_read_bytes(path, stdin))
    if path.lower().endswith(HTML) and _TAG.search(text):
        raise _refuse_html()
    return text, remark


def _article(path: str, note: Note, find: Callable[[], tuple[str, str | None]]) -> Article | Failure:
    """The article of the text that is found at `path`, with what had to be guessed, or why there is none."""
    try:
        text, remark = find()
        if remark:
            note(path, remark)
        return Article(text, id=path)
    except InputError as e:
        return Failure(path, e.code, str(e))
    except OSError as e:
        return unreadable(path, e)


def is_page(path: str) -> bool:
    """Whether a file is marked up (HTML or Markdown), by its name."""
    return _unpacked(path).endswith(PAGES)


def holds_records(path: str) -> bool:
    """Whether a file holds many records, by its name."""
    return _unpacked(path).endswith(tuple(RECORDS))


def _unpacked(path: str) -> str:
    return path.lower().removesuffix(".gz").removesuffix(".zst")


def read_page(path: str, note: Note, base: str = "") -> Article | Failure:
    """The article that a file or URL holds, decompressed; of HTML and Markdown all that a reader sees, furniture too.

    Offsets then count in that text, which is what `Article.text` is. A relative path starts at `base`.
    """
    return _article(path, note, lambda: _find_page(path, base))


def _find_page(path: str, base: str) -> tuple[str, str | None]:
    with storage.reading(storage.place(path, base)) as (read, _):
        data = bytearray()
        while (piece := read(1 << 20)) and len(data) <= MAX_BYTES:
            data += piece
    if len(data) > MAX_BYTES:
        raise _too_large(f"more than {MAX_BYTES:,} bytes")
    if not is_page(path):
        return decode(bytes(data))
    text, remark = _decode(bytes(data))
    return visible_text(text, markdown=_unpacked(path).endswith(MARKDOWN)), remark


def visible_text(source: str, markdown: bool) -> str:
    """What a reader sees of HTML or Markdown, line by line: the article and all that stands around it.

    Raises InputError where the library that reads it is missing, or finds nothing.
    """
    try:
        import lxml.etree
        import lxml.html
        from inscriptis.html_engine import Inscriptis
        from markdown_it import MarkdownIt
    except ImportError:
        raise InputError("HTML and Markdown need a library: pip install 'detector[html]'", "not_text") from None
    if markdown:
        source = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(source)
    # an XML declaration is no news of a text that is decoded already, and stops the parser
    source = _DECLARATION.sub("", source.replace("\0", "\ufffd"), count=1).strip()
    if not source:
        return ""
    parser = lxml.html.HTMLParser(huge_tree=True)  # else it drops, without a word, what is nested deeper than 255
    try:
        try:
            page = lxml.html.document_fromstring(source, parser=parser)
        except lxml.etree.ParserError:  # no element at all
            page = lxml.html.document_fromstring(f"<pre>{source}</pre>", parser=parser)
        if any(e.type == lxml.etree.ErrorTypes.ERR_RESOURCE_LIMIT for e in parser.error_log):
            raise InputError("its HTML is nested too deep to be read whole: repair it", "not_text")
        _flatten(page)
        return str(Inscriptis(page).get_text())
    except (lxml.etree.LxmlError, ValueError, RecursionError) as e:
        raise InputError(f"it is no HTML that can be read ({type(e).__name__}): repair it", "not_text") from None


_LEVELS = 150  # of elements; what reads them goes down a level by calls, of which Python allows a thousand
_INLINE = frozenset("a abbr b bdi bdo big cite code em font i ins kbd mark q s small span strong sub sup tt u".split())
_UNSEEN = frozenset("head script style template noscript".split())


def _flatten(page: Any) -> None:
    """Takes out of a parsed page, in linear time, the elements below _LEVELS; what they say stays, block by block."""
    import lxml.etree

    depth, deepest = 0, []
    for event, element in lxml.etree.iterwalk(page, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if event == "start" and depth == _LEVELS and len(element):
            deepest.append(element)
    for element in deepest:
        blocks, said, hidden = [], [element.text or ""], 0
        for event, inner in lxml.etree.iterwalk(element, events=("start", "end", "comment", "pi")):
            if inner is element:
                continue
            seen = isinstance(inner.tag, str)
            if seen and inner.tag in _UNSEEN:
                hidden += 1 if event == "start" else -1
            elif seen and inner.tag not in _INLINE:
                blocks.append("".join(said))
                said.clear()
            if not hidden:
                said.append((inner.text if event == "start" else inner.tail) or "")
        blocks.append("".join(said))
        element.text = None
        del element[:]
        for block in filter(str.strip, blocks):
            lxml.etree.SubElement(element, "div").text = block


_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")


def open_stream(path: str, stdin: BinaryIO | None) -> BinaryIO:
    """A file of records (or stdin, for `-`), open for reading. Raises InputError if it cannot be read."""
    if path == STDIN:
        return require(stdin)
    try:
        return open(path, "rb")
    except OSError as e:
        failure = unreadable(path, e)
        raise InputError(f"{path}: {failure.message}", failure.code) from None


def require(stdin: BinaryIO | None) -> BinaryIO:
    """Standard input. Raises InputError where it is closed."""
    if stdin is None:
        raise InputError("standard input is closed: pipe something into it", "unreadable")
    return stdin


def expand(path: str, suffixes: tuple[str, ...] = SUFFIXES) -> Iterator[str | Failure]:
    """The files that a path names: itself, those below the folder that it is, or those that match it as a pattern."""
    if path == STDIN:
        yield path
    elif os.path.isdir(path):
        yield from _walk(path, suffixes)
    elif os.path.lexists(path) or not glob.has_magic(path):
        yield path
    else:
        matches = sorted(glob.glob(path, recursive=True))
        if "**" in path:  # which matches what is in a folder beside the folder, and again through each loop of links
            places = {os.path.realpath(m): m for m in sorted(matches, key=len, reverse=True) if not os.path.isdir(m)}
            matches = sorted(places.values())
        for match in matches:
            if os.path.isdir(match):
                yield from _walk(match, suffixes)
            elif not _is_special(match):
                yield match
        if not matches:
            yield _unmatched(path)


def expand_url(url: str, suffixes: tuple[str, ...]) -> Iterator[str | Failure]:
    """The files that a URL names: itself, those below the folder that it is, or those that match it as a pattern."""
    system, inner = storage.filesystem(url)
    system.invalidate_cache()  # what is there now counts, not what an earlier listing remembers
    if glob.has_magic(inner):
        infos: dict[str, Any] = {}
        with contextlib.suppress(ValueError):  # ** beside other characters is no pattern there
            infos = system.glob(inner, detail=True)
        matches = sorted(path for path in infos if infos[path]["type"] != "directory")
        yield from map(system.unstrip_protocol, matches)
        if not matches:
            yield _unmatched(url)
    elif system.isdir(inner):
        yield from _walk_url(system, inner, suffixes)
    else:
        yield url


def _unmatched(pattern: str) -> Failure:
    return Failure(pattern, "not_found", "no file matches this pattern: check it")


def _walk(folder: str, suffixes: tuple[str, ...]) -> Iterator[str | Failure]:
    found = False
    refused: list[OSError] = []
    # Links to folders are not followed, so that a loop of links ends.
    for root, folders, names in os.walk(folder, onerror=refused.append):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and not _is_made(os.path.join(root, f)))
        for name in sorted(names):
            path = os.path.join(root, name)
            if name.lower().endswith(suffixes) and not name.startswith(".") and not _is_special(path):
                found = True
                yield path
    for error in refused:
        found = True
        yield unreadable(str(error.filename), error)
    if not found:
        yield _textless(folder, suffixes)


def _is_made(folder: str) -> bool:
    """Whether detector made a folder: the unfinished run of a batch, or an index of sources."""
    marks = ("run.json", "done.jsonl"), ("manifest.json", "000000.*.npy")
    return any(all(glob.glob(os.path.join(glob.escape(folder), mark)) for mark in pair) for pair in marks)


def _walk_url(system: Any, folder: str, suffixes: tuple[str, ...]) -> Iterator[str | Failure]:
    below = ((path, path.removeprefix(folder)) for path in sorted(system.find(folder)))
    found = [path for path, name in below if name.lower().endswith(suffixes) and "/." not in f"/{name}"]
    yield from map(system.unstrip_protocol, found)
    if not found:
        yield _textless(system.unstrip_protocol(folder), suffixes)


def _textless(folder: str, suffixes: tuple[str, ...]) -> Failure:
    kinds = ", ".join(s for s in suffixes if not s.endswith((".gz", ".zst")))
    return Failure(folder, "no_text_files", f"the folder holds no text file ({kinds}): name the files themselves")


def _is_special(path: str) -> bool:
    """Whether reading could hang: a pipe or a device. A broken link is neither, and is reported when it is read."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _read_bytes(path: str, stdin: BinaryIO | None) -> bytes:
    if path == STDIN:
        data = require(stdin).read(MAX_BYTES + 1)
    else:
        with open(path, "rb") as f:
            size = os.fstat(f.fileno()).st_size
            if size > MAX_BYTES:
                raise _too_large(f"{size:,} bytes")
            data = f.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _too_large(f"more than {MAX_BYTES:,} bytes")
    return data


def _too_large(size: str) -> InputError:
    return InputError(f"it has {size}, the limit is {MAX_CHARS:,} characters: split it into articles", "too_long")


def unreadable(path: str, error: OSError) -> Failure:
    """Why a path cannot be read, for a reader."""
    if not error.errno and error.strerror:
        return Failure(path, "unreadable", error.strerror)
    if error.errno == errno.ENOENT and os.path.islink(path):
        return Failure(path, "not_found", "a link that leads nowhere: repair or remove it")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Failure(path, "not_found", "no such file or folder: check the path")
    if error.errno == errno.ELOOP:
        return Failure(path, "unreadable", "a link that leads back to itself: repair or remove it")
    if error.errno == errno.EISDIR:
        return Failure(path, "unreadable", "a folder, where one file is needed: name a file in it")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Failure(path, "unreadable", "it may not be read: check its permissions")
    return Failure(path, "unreadable", f"it cannot be read ({error.strerror or type(error).__name__}): check the path")


# First bytes of what people take for text files; https://www.garykessler.net/library/file_sigs.html
_FORMATS = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a zip archive or an office document",
    b"\xd0\xcf\x11\xe0": "an office document",
    b"{\\rtf": "an RTF document",
    b"\x1f\x8b": "compressed with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
}
# An XML declaration and comments may stand before it.
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:(?><!--.{0,2000}?-->)\s*)*+(?:<!doctype html|<html|<head\b|<body\b)", re.I | re.S
)
_TAG = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>", re.I)

# The longer marks first: UTF-32's little-endian mark starts with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = {"utf-32-le": "x000", "utf-32-be": "000x", "utf-16-le": "x0x0", "utf-16-be": "0x0x"}  # 0: mostly zero bytes
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_MAX_CONTROL_SHARE = 0.02  # compressed and compiled data has a quarter; a stray NUL in a page is no reason to refuse it


def decode(data: bytes) -> tuple[str, str | None]:
    """The text that `data` holds, and what had to be guessed to read it, if anything.

    Byte-order marks are honoured; then UTF-8; then UTF-16 and UTF-32 by where their zero bytes stand; then UTF-8 with
    a few broken bytes; then Windows-1252.

    Raises InputError: `not_text` for binary data and for formats that need a reader of their own.
    """
    for start, name in _FORMATS.items():
        if data.startswith(start):
            raise InputError(f"it is {name}, not plain text: extract its text first", "not_text")
    text, remark = _decode(data)
    if _HTML.match(text):
        raise _refuse_html()
    sample = text[:65_536]
    if sample and len(_CONTROL.findall(sample)) > _MAX_CONTROL_SHARE * len(sample):
        raise InputError("it is binary data, not text: extract its text first", "not_text")
    return text, remark


def _refuse_html() -> InputError:
    return InputError("it is an HTML page, not plain text: use detector batch, or extract its text first", "not_text")


def _decode(data: bytes) -> tuple[str, str | None]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text, broken = _decode_as(data[len(mark) :], encoding)
            return text, f"{_count(broken)} of its {encoding} could not be read" if broken else None
    wide = _wide_encoding(data[:4096]) if b"\0" in data else None
    if wide:
        return _decode_as(data, wide)[0], f"it has no byte-order mark and was read as {wide}"
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError:
        pass
    text, broken = _decode_as(data, "utf-8")
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    if beyond_ascii > 2 * broken:
        return text, f"{_count(broken)} of its utf-8 could not be read"
    try:
        return data.decode("cp1252"), "it is not UTF-8 and was read as Windows-1252"
    except UnicodeDecodeError:  # five bytes have no meaning there
        return data.decode("latin-1"), "it is not UTF-8 and was read as Latin-1"


def _decode_as(data: bytes, encoding: str) -> tuple[str, int]:
    text = data.decode(encoding, "replace")
    # A replacement character that was written as one is not broken.
    return text, text.count("\ufffd") - data.count("\ufffd".encode(encoding))


def _count(broken: int) -> str:
    return "one piece" if broken == 1 else f"{broken:,} pieces"


def _wide_encoding(sample: bytes) -> str | None:
    """UTF-16 or UTF-32, if most of the sample is Latin script written in it."""
    zeros = [sample[i::4].count(0) / max(1, len(sample[i::4])) for i in range(4)]
    for encoding, pattern in _WIDE.items():
        if all(share > 0.5 if place == "0" else share < 0.05 for share, place in zip(zeros, pattern, strict=True)):
            return encoding
    return None
