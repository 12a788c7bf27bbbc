"""Tables: verdicts as rows of an Arrow table with one fixed schema, for Parquet files and `detector.arrow`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from detector.batch.records import plain
from detector.errors import UsageError

try:
    import pyarrow as pa
except ImportError:
    raise UsageError("Arrow tables need a library: pip install 'detector[parquet]'") from None

_EVIDENCE = pa.struct(
    {"signal": pa.string(), "start": pa.int32(), "end": pa.int32(), "text": pa.string(), "note": pa.string()}
)
_ORIGIN = pa.struct({"original": pa.float64(), "rewritten": pa.float64(), "aggregated": pa.float64()})
_CONTRIBUTION = pa.struct({"feature": pa.string(), "value": pa.float64(), "origin": _ORIGIN, "ai": pa.float64()})
_SCORE = pa.struct({"origin": _ORIGIN, "ai": pa.float64()})
_MATCH = pa.struct(
    {
        "start": pa.int32(),
        "end": pa.int32(),
        "source_start": pa.int32(),
        "source_end": pa.int32(),
        "text": pa.string(),
        "source_text": pa.string(),
        "similarity": pa.float64(),
        "relation": pa.string(),
        "shared": pa.list_(pa.string()),
    }
)
_SOURCE = pa.struct(
    {
        "id": pa.string(),
        "share": pa.float64(),
        "relation": pa.string(),
        "same_article": pa.bool_(),
        "matches": pa.list_(_MATCH),
    }
)
TYPES: Mapping[str, Any] = {
    "schema": pa.int32(),
    "id": pa.string(),
    "status": pa.string(),
    "abstained_because": pa.string(),
    "label": pa.string(),
    "probability_original": pa.float64(),
    "probability_rewritten": pa.float64(),
    "probability_aggregated": pa.float64(),
    "ai_probability": pa.float64(),
    "evidence": pa.list_(_EVIDENCE),
    "contributions": pa.list_(_CONTRIBUTION),
    "intercept": _SCORE,
    "score": _SCORE,
    "n_words": pa.int32(),
    "language": pa.string(),
    "model": pa.string(),
    "style_label": pa.string(),
    "derivation": pa.string(),
    "derivation_abstained_because": pa.string(),
    "sources": pa.list_(_SOURCE),
    "error_code": pa.string(),
    "error_message": pa.string(),
}
SCHEMA = pa.schema(list(TYPES.items()))


def schema_of(columns: Sequence[str], kept: Mapping[str, Any] | None = None) -> pa.Schema:
    """The schema of a table with these columns; `kept` has the types of those that are not the verdict's."""
    return pa.schema([(c, TYPES[c] if c in TYPES else (kept or {}).get(c, pa.string())) for c in columns])


def to_table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Flat rows (see `detector.batch.rows.flatten`) as a table; what has no UTF-8 is written as an escape."""
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for row in rows:
        for name, values in columns.items():
            values.append(row.get(name))
    return pa.table([_array(columns[f.name], f) for f in schema], schema=schema)


def _array(values: list[Any], field: pa.Field) -> pa.Array:
    if any(is_kind(field.type) for is_kind in _STRINGS):
        values = [_string(v) for v in values]
    try:
        try:
            return pa.array(values, field.type)
        except UnicodeEncodeError:
            return pa.array([_encodable(v) for v in values], field.type)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        raise UsageError(
            f"column {field.name!r} holds what is no {field.type} in Parquet: leave it out of --keep, or write JSONL"
        ) from None


_STRINGS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


def _string(value: Any) -> str | None:
    value = plain(value)
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {k: _encodable(v) for k, v in value.items()}
    return [_encodable(v) for v in value] if isinstance(value, list) else value
