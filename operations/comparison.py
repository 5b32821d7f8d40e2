"""What answers changed when rows were answered again."""

from collections import Counter
from typing import Any

from operations.ranges import Answer, Row

EXAMPLES = 20


class Comparison:
    """Adds up, row by row; only some examples are kept."""

    def __init__(self) -> None:
        self.rows = self.same = self.gone = self.left_out = 0
        self.changes: Counter[tuple[str, str]] = Counter()
        self.versions: Counter[int | None] = Counter()
        self.examples: list[dict[str, Any]] = []
        self._both_judged = self._right_before = self._right_after = 0

    def add(self, row: Row, after: Answer) -> None:
        """A row has its new answer."""
        self.rows += 1
        self.versions[after.model_version] += 1
        before, now = str(row.before) if row.before else "no answer", str(after)
        if before == now:
            self.same += 1
        else:
            self.changes[before, now] += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append({"id": row.id, "image_path": row.columns["image_path"], "before": before,
                                      "after": now, "truth": row.truth})
        # Held against each other on the rows that both name a class for: accuracies of different rows say little.
        if None not in (row.truth, after.target, row.before and row.before.target):
            self._both_judged += 1
            self._right_before += row.before is not None and row.before.target == row.truth
            self._right_after += after.target == row.truth

    def accuracy(self) -> dict[str, Any] | None:
        """Shares of the rows that are judged before and after; None if there is none."""
        judged = self._both_judged
        return None if not judged else {"rows": judged, "before": round(self._right_before / judged, 4),
                                        "after": round(self._right_after / judged, 4)}

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "rows": self.rows, "same": self.same, "changed": self.changes.total(), "gone": self.gone,
            "left_out": self.left_out, "accuracy": self.accuracy(),
            "versions": {str(version): rows for version, rows in self.versions.items()},
            "changes": [{"before": before, "after": after, "rows": rows}
                        for (before, after), rows in self.changes.most_common()],
            "examples": self.examples,
        }
