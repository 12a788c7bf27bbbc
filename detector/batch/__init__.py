"""Many records: exactly one row for each, in order, the same bytes however many processes there are and who dies.

`records` reads one, `chunks` cuts inputs, `columns` tells what tables have, `work` scores a chunk, `rows` writes,
`engines` spreads chunks over processes and machines, `run` loses nothing.
"""

from detector.batch.chunks import Inputs, read_articles
from detector.batch.records import CONTRIBUTIONS, Options
from detector.batch.rows import Outcome
from detector.batch.work import Tally, score_one
from detector.storage import writing

__all__ = ["CONTRIBUTIONS", "Inputs", "Options", "Outcome", "Tally", "read_articles", "score_one", "writing"]
