"""Arrow: `score_table`, one pure function from a table of texts to a table of verdicts with a fixed schema.

For Spark, Ray Data, Dask DataFrame, DuckDB and Polars; docs/at-scale.md shows each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from detector.batch import rows, work
from detector.batch.chunks import rows_of
from detector.batch.records import Options, from_fields
from detector.batch.tables import SCHEMA, TYPES, to_table
from detector.errors import UsageError

if TYPE_CHECKING:
    from detector.scoring import Detector

__all__ = ["SCHEMA", "TYPES", "score_table"]

Table = TypeVar("Table")  # pyarrow's Table or RecordBatch


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

    Raises UsageError where a column is missing or stands twice, or a kept one would have the name of a verdict's.
    """
    import pyarrow as pa  # after `tables`, which says what to do where it is missing

    source: Any = table
    for name in (text, *([id] if id else []), *keep):
        if name not in source.schema.names:
            raise UsageError(f"no column {name!r} in the table (its columns: {', '.join(source.schema.names)[:400]})")
        if source.schema.names.count(name) > 1:
            raise UsageError(f"column {name!r} stands twice in the table: rename one of them")
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
