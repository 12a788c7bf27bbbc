"""What every command shares: the application, exit codes, how errors end, how lines are put out."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from detector import __version__, report
from detector.errors import CorpusError, InputError, ModelError, SourceIndexError, UsageError

if TYPE_CHECKING:
    from detector.trace import Index


class Code(IntEnum):
    """Exit codes. USAGE is found before a model is loaded, NO_MODEL before an input is read; FAILED wins over HIT."""

    SCORED = 0
    HIT = 1
    USAGE = 2
    FAILED = 3
    NO_MODEL = 4
    INTERNAL = 70
    OUTPUT = 74
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_CODES = """\b
Exit codes:
  0  scored (an abstention is an answer)
  1  an article has a label that --fail-on names
  2  the command itself makes no sense
  3  some inputs could not be scored; the others were
  4  no usable model, or no usable index of sources
  70 an error in detector itself   74 reading or writing broke off   130 interrupted   143 terminated
"""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)

Model = Annotated[str | None, typer.Option(metavar="FOLDER", help="Use this model instead of the one shipped.")]
Sources = Annotated[
    str | None,
    typer.Option("--sources", metavar="INDEX", help="Trace each article in this index of sources (detector index)."),
]
Contributions = Annotated[
    str | None, typer.Option(metavar="N|all", help="How many contributions to give, strongest first.")
]


def load_sources(folder: str | None) -> Index | None:
    """The index of sources that an option names."""
    if folder is None:
        return None
    from detector.trace import Index  # read only where sources are given

    return Index.load(folder)


def guarded(command: Callable[..., int]) -> Callable[..., None]:
    """`command`, ending in its exit code; whatever goes wrong becomes one sentence on stderr."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            code = command(*args, **options)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except (ModelError, SourceIndexError, UsageError, InputError, CorpusError) as e:
            say(str(e))
            code = {"model": Code.NO_MODEL, "index": Code.NO_MODEL, "usage": Code.USAGE}.get(e.code, Code.FAILED)
        except BrokenPipeError:
            # The reader has seen enough. Nothing more may be written, not even when Python exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = Code.SCORED
        except KeyboardInterrupt:
            say("interrupted")
            code = Code.INTERRUPTED
        except OSError as e:
            say(f"reading or writing broke off ({reason(e)}): the result is not complete")
            code = Code.OUTPUT
        except Exception as e:  # a traceback could show an article
            say(f"internal error, {type(e).__name__} at {_place(e)}: please report it")
            code = Code.INTERNAL
        raise typer.Exit(code)

    return run


def reason(e: OSError) -> str:
    """Why reading or writing broke off, and at which file, if that is known."""
    what = e.strerror or type(e).__name__
    return f"{what}: {report.printable(str(e.filename))}" if e.filename else what


def _place(e: BaseException) -> str:
    trace = e.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "an unknown place"


def say(sentence: str) -> None:
    """A line on stderr; where there is none, or nobody reads it, the work goes on."""
    if sys.stderr:
        with contextlib.suppress(OSError):
            typer.echo(f"detector: {sentence}", err=True)


def put(lines: Iterator[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")


def note(id: str, remark: str) -> None:
    say(f"{report.printable(id)}: {remark}")


def colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def stdin() -> BinaryIO | None:
    return sys.stdin.buffer if sys.stdin else None


def count(given: str | None, default: int) -> int | None:
    """How many contributions an option asks for; None is all of them."""
    if given is None:
        return default
    if given == "all":
        return None
    if not given.isdecimal() or len(given) > 9:
        raise typer.BadParameter(f"{given!r} is neither a number nor 'all'", param_hint="--contributions")
    return int(given)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"detector {__version__}")
        raise typer.Exit


@app.callback()
def detector(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Tells what an article is (original, rewritten or aggregated), how likely a language model wrote it, and why.

    \b
    Examples:
      detector score article.txt
      detector score articles/ --format jsonl > verdicts.jsonl
      detector explain article.txt
      detector batch articles.jsonl --output verdicts.jsonl
    """
