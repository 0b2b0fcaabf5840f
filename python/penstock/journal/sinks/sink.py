"""What the journal asks of a sink. All methods but `forget` run on the sink's own thread, one at a time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from penstock.journal.record import Record


class Sink:
    """Base of all sinks: opens lazily in `write`, may raise anything there; the same batch then comes again later,
    so what is written twice must be told apart by the record's id."""

    name: str = "sink"
    batch_n: int = 64  # records per write; between two writes the loop gets the GIL, so this bounds its wait

    errors_n: int = 0  # records that were taken but came to nothing (a callback raised)

    @property
    def key(self) -> Hashable:
        """Equal for sinks that write to the same place: a reload keeps the one that is there."""
        return id(self)

    def write(self, records: Sequence[Record]) -> None:
        """Write a batch in the order of its ends."""
        raise NotImplementedError

    def close(self) -> None:
        """Flush and let go. Called once, after the last `write`; not when a `write` never returned."""

    def forget(self) -> None:
        """In a forked child: let go of what belongs to the parent without touching it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"
