"""Where bytes are: files here, or any URL that fsspec knows (s3://, gs://, memory://); listed, read, written whole."""

from __future__ import annotations

import contextlib
import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from detector.errors import UsageError

ZSTD = "it is compressed with zstd: pip install 'detector[zstd]', or decompress it first"
_PLUGIN = "which needs a library that is not installed: pip install 'detector[remote]' and the store's fsspec plugin"


def is_url(path: str) -> bool:
    return "://" in path


def place(path: str, base: str) -> str:
    """A relative path as seen from `base`; a URL, or any path where `base` is empty, as it is."""
    return path if is_url(path) else os.path.join(base, path)


def spell(path: str) -> str:
    """A path or URL in full, the same however it was given."""
    if is_url(path):
        system, inner = filesystem(path)
        path = system.unstrip_protocol(inner).removeprefix("file://")
    return path if is_url(path) else os.path.abspath(path)


def are_same(path: str, other: str) -> bool:
    """Whether two paths or URLs lead to one file, there or not."""
    if is_url(path) or is_url(other):
        return spell(path) == spell(other)
    if os.path.exists(path) and os.path.exists(other):
        return os.path.samefile(path, other)
    return os.path.realpath(path) == os.path.realpath(other)


def is_special(path: str) -> bool:
    """Whether `path` is a pipe or a device, which is written as it comes and never replaced."""
    return not is_url(path) and os.path.exists(path) and not os.path.isfile(path)


def filesystem(url: str) -> tuple[Any, str]:
    """fsspec's file system for a URL, and the path in it. Raises UsageError where its library is missing."""
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError):
        raise UsageError(f"{url} is on {url.partition('://')[0]}, {_PLUGIN}") from None
    return system, path


def open_binary(path: str) -> BinaryIO:
    """A file or URL, open for reading. Raises OSError."""
    if not is_url(path):
        return open(path, "rb")
    system, inner = filesystem(path)
    stream: BinaryIO = system.open(inner, "rb")
    return stream


def identify(path: str) -> tuple[int, str]:
    """The size of a file in bytes, and what changes when it is written (its time, or its store's tag)."""
    if not is_url(path):
        s = os.stat(path)
        return s.st_size, str(s.st_mtime_ns)
    system, inner = filesystem(path)
    info = system.info(inner)
    stamp = next((info[k] for k in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "updated") if k in info), "")
    return int(info["size"] or 0), str(stamp)


Read = Callable[[int], bytes]  # at most so many bytes, as soon as there are any; none at the end


def compression(path: str) -> str:
    """`gz`, `zst` or nothing, by the name."""
    ending = path.rsplit(".", 1)[-1].lower()
    return ending if ending in ("gz", "zst") else ""


@contextlib.contextmanager
def reading(path: str) -> Iterator[tuple[Read, Callable[[], int]]]:
    """A way to read a file's bytes, decompressed, and a way to tell how much of the file that has taken.

    Raises OSError, also (as `damaged`) where compressed data ends early or makes no sense.
    """
    with open_binary(path) as raw:
        kind = compression(path)
        if kind == "gz":
            with gzip.GzipFile(fileobj=raw) as stream:
                yield _refuse_damage(stream.read1), raw.tell
        elif kind == "zst":
            yield _refuse_damage(_zstd(raw)), raw.tell
        else:
            yield raw.read1 if hasattr(raw, "read1") else raw.read, raw.tell


def _refuse_damage(read: Read) -> Read:
    def read_or_refuse(n: int) -> bytes:
        try:
            return read(n)
        except (EOFError, zlib.error, gzip.BadGzipFile) as e:
            raise OSError(0, f"its compressed data is damaged or cut short ({type(e).__name__})") from None

    return read_or_refuse


_ZSTD_BYTES = 1 << 10  # at a time: they may hold 32 MB, and all that they hold comes at once


def _zstd(raw: BinaryIO) -> Read:
    try:
        import zstandard
    except ImportError:
        raise OSError(0, ZSTD) from None
    # The library's own stream says nothing when a frame is cut short. Public dumps have windows of up to 2 GB.
    frames = zstandard.ZstdDecompressor(max_window_size=1 << zstandard.WINDOWLOG_MAX)
    frame, fed = frames.decompressobj(), False

    def read(n: int) -> bytes:
        nonlocal frame, fed
        while True:
            data = frame.unused_data if frame.eof else b""
            data = data or raw.read(_ZSTD_BYTES)
            if frame.eof:
                frame, fed = frames.decompressobj(), False
            if not data:
                if fed:
                    raise EOFError
                return b""
            fed = True
            try:
                out: bytes = frame.decompress(data)
            except zstandard.ZstdError:
                raise EOFError from None
            if out:
                return out

    return read


def compress(data: bytes, kind: str) -> bytes:
    """`data` as one gzip member or zstd frame (a file may hold many), the same bytes every time; or as it is."""
    if kind == "gz":
        return gzip.compress(data, 6, mtime=0)
    if kind == "zst":
        try:
            import zstandard
        except ImportError:
            raise UsageError("zstd output needs a library: pip install 'detector[zstd]'") from None
        return zstandard.ZstdCompressor(level=6).compress(data)
    return data


@contextlib.contextmanager
def writing(path: str, lasting: bool = True) -> Iterator[BinaryIO]:
    """A stream whose bytes stand at `path` when the block ends, all of them or (if it raises) none.

    They go to a temporary file beside `path`, which is synced and renamed; a pipe or device is written directly, and
    a store of objects shows an object only when it is whole.

    `lasting` makes the rename outlast a power cut too; its bytes always do.

    Raises UsageError where `path` cannot be written.
    """
    if is_url(path):
        with _writing_url(path) as sink:
            yield sink
        return
    target, partial = _places(path)
    sink = _open_new(path, partial)
    if partial == target:
        with sink:
            yield sink
        return
    try:
        with sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(partial, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise
    if lasting:
        _sync_folder(os.path.dirname(target))


def try_writing(path: str) -> None:
    """Raises UsageError where `writing` would, before there is anything to write.

    What a dead process left of it beside `path` is removed.
    """
    if is_url(path):
        return
    target, partial = _places(path)
    if partial == target:
        return
    _open_new(path, partial).close()
    os.unlink(partial)
    folder, name = os.path.split(target)
    for entry in os.listdir(folder):
        process = entry.removeprefix(f".{name}.").removesuffix(".part")
        if entry == f".{name}.{process}.part" and process.isdecimal() and not _is_alive(int(process)):
            os.unlink(os.path.join(folder, entry))


def _places(path: str) -> tuple[str, str]:
    """Where a file will stand, and where it is written until it is whole: the same for a pipe or a device."""
    target = os.path.realpath(path)  # a link stays a link
    folder, name = os.path.split(target)
    return target, target if is_special(target) else os.path.join(folder, f".{name}.{os.getpid()}.part")


def _open_new(path: str, partial: str) -> BinaryIO:
    try:
        return open(partial, "wb")
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}): name another place for it") from None


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass
    return True


@contextlib.contextmanager
def _writing_url(url: str) -> Iterator[BinaryIO]:
    system, inner = filesystem(url)
    partial = f"{inner}.{os.getpid()}.part"
    try:
        with system.open(partial, "wb") as sink:
            yield sink
        system.mv(partial, inner)
    except BaseException:
        with contextlib.suppress(OSError):
            system.rm_file(partial)
        raise


def _sync_folder(folder: str) -> None:
    """Makes a rename outlast a power cut, where folders can be synced (Windows has no such thing)."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def make_folder(path: str) -> None:
    """A folder that is there. Raises UsageError where it cannot be made."""
    try:
        if is_url(path):
            system, inner = filesystem(path)
            system.makedirs(inner, exist_ok=True)
        else:
            os.makedirs(path, exist_ok=True)
    except OSError as e:
        raise UsageError(
            f"{path} cannot be made ({e.strerror or type(e).__name__}): name another place for it"
        ) from None


def sizes(folder: str) -> dict[str, int]:
    """The files of a folder by name, with their sizes in bytes."""
    if is_url(folder):
        system, inner = filesystem(folder)
        return {i["name"].rsplit("/", 1)[-1]: i["size"] for i in system.ls(inner, detail=True)}
    with os.scandir(folder) as entries:
        return {e.name: e.stat().st_size for e in entries if e.is_file()}


def remove_folder(path: str) -> None:
    """Removes a folder and all in it, as far as it can."""
    import shutil

    if is_url(path):
        system, inner = filesystem(path)
        with contextlib.suppress(OSError):
            system.rm(inner, recursive=True)
    else:
        shutil.rmtree(path, ignore_errors=True)
