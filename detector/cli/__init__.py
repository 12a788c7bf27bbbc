"""The command line: parse, call the library, print. stdout is the result, stderr everything else."""

from __future__ import annotations

import sys
import warnings

from detector.cli import batch, model, page, score, trace  # noqa: F401 - each adds its commands to the application
from detector.cli.app import app


def main() -> None:
    """Runs the command line and ends the process."""
    # It speaks when a run is cut short, which is said here in one sentence.
    warnings.filterwarnings("ignore", module="joblib")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # The same bytes on every machine, and no name or text that cannot be written.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    app(prog_name="detector")
