"""Runs the command line in this process, as the console script does."""

from __future__ import annotations

import functools
import io
import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from detector import cli
from detector.scoring import Detector


@dataclass(frozen=True)
class Result:
    """What a command gave: its exit code, and the bytes on stdout and stderr."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        return self.stdout.decode()

    @property
    def err(self) -> str:
        return self.stderr.decode()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of `--format jsonl` or of a batch."""
        return [json.loads(line) for line in self.stdout.split(b"\n") if line]


loaded = functools.cache(Detector.load)


def run(*arguments: object, stdin: bytes = b"") -> Result:
    """The result of `detector ARGUMENTS < stdin`."""
    streams = io.TextIOWrapper(io.BytesIO(stdin)), io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["detector", *map(str, arguments)])
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as end:
            cli.main()
    for stream in streams[1:]:
        stream.flush()
    out, err = (stream.buffer.getvalue() for stream in streams[1:])  # type: ignore[attr-defined]
    assert b"Traceback" not in out + err
    return Result(int(end.value.code or 0), out, err)
