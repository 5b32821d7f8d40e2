"""What happened in a case, as plain data: what `tests.faults.checker.check` judges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """A row of the source table, or of the mirror."""

    id: int
    image_path: str
    sha256: str | None = None


@dataclass(frozen=True)
class Expected:
    """What the answer to a row must be. For `predicted` the label comes from the oracle, by the digest of the file that
    the harness wrote; for `rejected` the error code is the case's own."""

    status: str
    sha256: str | None = None
    error_code: str | None = None


@dataclass(frozen=True)
class Answer:
    """A row of `cargo_prediction`, a write to it, or a record of `cargo-predictions`: without its times."""

    source_id: int
    status: str
    epoch: int
    partition: int
    offset: int
    attempt: int = 0
    label: str | None = None
    confidence: float | None = None
    error_code: str | None = None
    model_version: int | None = None
    image_sha256: str | None = None

    @property
    def record(self) -> tuple[int, int, int]:
        """The source record that is answered: (epoch, partition, offset)."""
        return self.epoch, self.partition, self.offset

    @property
    def order(self) -> tuple[int, int, int]:
        """The guard's order among answers for one id."""
        return self.epoch, self.offset, self.attempt


@dataclass(frozen=True)
class Write:
    """One write to `cargo_prediction`, as its audit trigger saw it; `operation` is INSERT, UPDATE or DELETE."""

    operation: str
    answer: Answer


@dataclass(frozen=True)
class Copy:
    """One write to the mirror, as its audit trigger saw it: `record` (epoch, partition, offset) brought it."""

    operation: str
    row: Row
    record: tuple[int, int, int]


@dataclass(frozen=True)
class Fault:
    """A fault that was injected. `in_flight` rows of the `total` of the case's load were in the source and had no
    answer at that moment; their share must lie between `low` and `high`."""

    name: str
    in_flight: int
    total: int
    low: float = 0.2
    high: float = 0.8

    @property
    def share(self) -> float:
        return self.in_flight / self.total if self.total else 0.0


@dataclass(frozen=True)
class History:
    """Everything about one case, for its rows only.

    rows           the source table as it is committed at the end
    acknowledged   ids whose INSERT was confirmed, less those whose DELETE was
    expected       by (image_path, sha256) of a row
    oracle         (label, confidence) by (sha256 of an image, model version)
    answers        `cargo_prediction`; a list, since nothing is taken on trust here
    mirror         `cargo` in the target
    writes         each write to `cargo_prediction`, in the audit table's order
    copies         each write to the mirror, likewise
    sent           `cargo-predictions`, in the order of each partition; status `deleted` too
    captured       (epoch, partition, offset) of each record on the source topic -> whether it needs no answer, being an
                   UPDATE that left the image alone
    dead           (epoch, partition, offset) of the source record in each dead letter
    garbage        coordinates of what was put on the topic without a source id, which must be the dead letters
    conflicts      the guard's own count of conflicting answers
    mended         rows that the verification found lost, left over or wrong and repaired, where nothing asked for it
    faults         what was injected, and `planned` how many there should be
    minimum        rows that the case must have had
    trouble        why the pipeline is not well at the end, in sentences; empty when it is (I6)
    leaks          where secrets were found (I8)
    """

    rows: Sequence[Row] = ()
    acknowledged: frozenset[int] = frozenset()
    expected: Mapping[tuple[str, str | None], Expected] = field(default_factory=dict)
    oracle: Mapping[tuple[str, int], tuple[str, float]] = field(default_factory=dict)
    answers: Sequence[Answer] = ()
    mirror: Sequence[Row] = ()
    writes: Sequence[Write] = ()
    copies: Sequence[Copy] = ()
    sent: Sequence[Answer] = ()
    captured: Mapping[tuple[int, int, int], bool] = field(default_factory=dict)
    dead: Sequence[tuple[int, int, int]] = ()
    garbage: frozenset[tuple[int, int, int]] = frozenset()
    conflicts: int = 0
    mended: int = 0
    faults: Sequence[Fault] = ()
    planned: int = 0
    minimum: int = 0
    trouble: Sequence[str] = ()
    leaks: Sequence[str] = ()


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold; `source_id` is None where it is about no single row."""

    invariant: str
    source_id: int | None
    what: str

    def __str__(self) -> str:
        where = "" if self.source_id is None else f" id {self.source_id}:"
        return f"{self.invariant}:{where} {self.what}"
