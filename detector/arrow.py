"""Arrow tables: `score_table`, one pure function from a table of texts to a table of verdicts, and its fixed schema.

For Spark, Ray Data, Dask DataFrame, DuckDB and Polars; docs/at-scale.md shows each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from detector.errors import UsageError

try:
    import pyarrow as pa
except ImportError:
    raise UsageError("Arrow tables need a library: pip install 'detector[parquet]'") from None

if TYPE_CHECKING:
    from detector.scoring import Detector

Table = TypeVar("Table")  # pyarrow's Table or RecordBatch

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
    return pa.table([_array(columns[f.name], f.type) for f in schema], schema=schema)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        values = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([_encodable(v) for v in values], kind)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {k: _encodable(v) for k, v in value.items()}
    return [_encodable(v) for v in value] if isinstance(value, list) else value


def score_table(
    table: Table,
    text: str = "text",
    id: str | None = None,
    keep: Sequence[str] = (),
    contributions: int | None = 0,
    detector: Detector | None = None,
) -> Table:
    """A verdict for each row of `table`, in order, as a table (or record batch) with the columns of SCHEMA.

    A row whose text cannot be scored has `error_code` and `error_message` and is null elsewhere; nothing is raised
    for it.

    Args:
        table: a pyarrow Table or RecordBatch.
        text: the column of texts.
        id: the column of ids; None numbers the rows from 1.
        keep: columns carried through, before the verdict's.
        contributions: how many each row carries, strongest first; None is all.
        detector: None is the shipped model, loaded once a process.

    Raises UsageError where a column is missing, or a kept one would have the name of a verdict's.
    """
    from detector.batch import rows, work
    from detector.batch.chunks import rows_of
    from detector.batch.records import Options, from_fields

    source: Any = table
    for name in (text, *([id] if id else []), *keep):
        if name not in source.schema.names:
            raise UsageError(f"no column {name!r} in the table (its columns: {', '.join(source.schema.names)[:400]})")
    if taken := [name for name in keep if name in TYPES]:
        raise UsageError(f"column {taken[0]!r} would hide the verdict's own: rename it before scoring")
    options = Options(text_field=text, id_field=id or "", contributions=contributions)
    wanted = source.select(list(dict.fromkeys([text, *([id] if id else [])])))
    batches = [wanted] if isinstance(wanted, pa.RecordBatch) else wanted.to_batches()
    records = (fields for batch in batches for fields in rows_of(batch))
    given = (from_fields(fields, number, options).given for number, fields in enumerate(records, 1))
    outcomes = work.score_all(detector or _shipped(), given)
    scored: pa.Table = to_table(
        (rows.flatten(rows.to_fields(o, {}, options)) for o in outcomes if o is not None), SCHEMA
    )
    fields = [*(source.schema.field(n) for n in keep), *SCHEMA]
    kept = [source.column(n) for n in keep]
    if isinstance(source, pa.RecordBatch):
        verdicts = [pa.concat_arrays(c.chunks) if c.num_chunks else pa.array([], c.type) for c in scored.columns]
        batch: Table = pa.RecordBatch.from_arrays([*kept, *verdicts], schema=pa.schema(fields))
        return batch
    whole: Table = pa.table([*kept, *scored.columns], schema=pa.schema(fields))
    return whole


@lru_cache(maxsize=1)
def _shipped() -> Detector:
    from detector.scoring import Detector

    return Detector.load()
