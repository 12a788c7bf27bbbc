"""The command line: parse, call the library, print. stdout is the result, stderr everything else."""

from __future__ import annotations

import os
import sys
import warnings


def main() -> None:
    """Runs the command line and ends the process."""
    try:
        from detector.cli import batch, model, page, score, trace  # noqa: F401 - each adds its commands to the application
        from detector.cli.app import app
    except KeyboardInterrupt:
        sys.stderr.write("detector: interrupted\n")
        sys.exit(130)
    # It speaks when a run is cut short, which is said here in one sentence.
    warnings.filterwarnings("ignore", module="joblib")
    if sys.stdout is None:  # closed: what is written there must fail, and nothing else
        sys.stdout = open(os.devnull)  # noqa: SIM115 - lasts as long as the process
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # The same bytes on every machine, and no name or text that cannot be written.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    app(prog_name="detector")
