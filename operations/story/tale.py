"""What happened in a story, moment by moment."""

import msgspec


class Moment(msgspec.Struct, frozen=True):
    """Something that happened: a stable name, when (s since 1970), and how it is told."""

    name: str
    at: float
    words: str


class Tale(msgspec.Struct):
    """A story as it goes on. `name` begins the keys of its rows, which have ids above `since_id`.

    `figures` are both models' measures on the evaluation sets: {"before" | "after": {day: {"accuracy", "low",
    "high"}}}; `gates` the verdicts, each with name, words and passed; `drift_rows` how many of Tuesday's rows were
    answered when the window that tripped the alarm was full.
    """

    name: str
    since_id: int
    moments: list[Moment] = []
    gates: list[dict[str, object]] = []
    figures: dict[str, dict[str, dict[str, float]]] = {}
    drift_rows: int | None = None

    def tell(self, name: str, at: float, words: str) -> Moment:
        """Add a moment."""
        moment = Moment(name, at, words)
        self.moments.append(moment)
        return moment

    def at(self, name: str) -> float | None:
        """When the moment of this name was, in s since 1970; None if it has not been."""
        return next((moment.at for moment in self.moments if moment.name == name), None)

    def between(self, first: str, second: str, unit_s: float = 1.0) -> float | None:
        """How long it took from one moment to another; None if one of them has not been."""
        start, end = self.at(first), self.at(second)
        return None if start is None or end is None else (end - start) / unit_s
