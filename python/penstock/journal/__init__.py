"""One record per request, redacted, and sinks that never block and are bounded."""

from penstock.journal.gaps import Gaps
from penstock.journal.journal import Journal
from penstock.journal.lane import LaneStats, Pace
from penstock.journal.record import Attempt, Record, RecordError, error_of, new_id
from penstock.journal.reference import BadReference
from penstock.journal.sinks import MissingExtra, sinks_of
from penstock.journal.sinks.sink import Sink

__all__ = [
    "Attempt",
    "BadReference",
    "Gaps",
    "Journal",
    "LaneStats",
    "MissingExtra",
    "Pace",
    "Record",
    "RecordError",
    "Sink",
    "error_of",
    "new_id",
    "sinks_of",
]
