"""Every exception that detector raises, each with a stable code and one sentence: what, where, what to do."""


class DetectorError(Exception):
    """Base of all; `code` is stable and machine-readable, `str()` is one sentence for a person."""

    code = "error"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class InputError(DetectorError):
    """One input cannot be scored (`empty`, `not_text`, `too_long`, `missing_field`, ...); others can."""

    code = "bad_input"


class UsageError(DetectorError):
    """The call itself makes no sense: conflicting or unknown options, nothing to do."""

    code = "usage"


class ModelError(DetectorError):
    """No usable model: missing, truncated, edited, or of another version."""

    code = "model"


class CorpusError(DetectorError):
    """Training or evaluation data that cannot work: missing, one class only, leaking groups."""

    code = "corpus"


class SourceIndexError(DetectorError):
    """No usable index of sources: missing, damaged, of another format, or in the way of a new one."""

    code = "index"
