"""What the verification's sweep costs in tables of different sizes: it must not depend on how many rows there are.

usage: python -m benchmarks.verify_scale [--rows 100000 1000000 10000000] [--out FOLDER]

Source, mirror and predictions are filled by SQL, so that they agree; `cargostream verify` then compares all of them. It
rests after each step of 5,000 ids for as long as the step took, which is told apart here.
"""

import argparse
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.stack import Stack, fresh_stack
from cargostream.cli.output import err
from cargostream.database import Server, engine
from cargostream.settings import CLONE, load_settings
from cargostream.sql import load_sql

STEP = 5000
LOT = 500_000
FILLS: dict[Server, tuple[str, ...]] = {"source": ("fill_source",), "target": ("fill_mirror", "fill_answers")}


def fill(stack: Stack, first: int, last: int) -> None:
    """Add the rows with these numbers everywhere."""
    for server, statements in FILLS.items():
        admin = engine(stack.settings, server, "admin")
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(load_sql("benchmarks.sql", "unhurried"))
            for statement in statements:
                for start in range(first, last + 1, LOT):
                    err.print(f"{server}: {statement} from {start:,}", markup=False)
                    connection.execute(load_sql("benchmarks.sql", statement), {
                        "first": start, "last": min(last, start + LOT - 1)})
            connection.execute(load_sql("benchmarks.sql", "settle"))
        admin.dispose()


def measure(stack: Stack, rows: int) -> dict[str, Any]:
    """One comparison of everything."""
    found = json.loads(stack.run("verify", "--json", deadline_s=3600))
    if found["rows"] != rows or found["differing"]:
        raise RuntimeError(f"of {rows:,} rows that agree, {found['rows']:,} were compared and differ: {found}")
    return {"rows": rows, "seconds": found["seconds"],
            "step_ms": round(1000 * found["seconds"] / 2 / (rows / STEP), 1), "load": round(os.getloadavg()[0], 1)}


def markdown(report: dict[str, Any]) -> str:
    """The figures as a page for people."""
    return "\n".join([
        "# The verification in large tables", "",
        f"{report['at']}, {report['machine']['cores']} cores: `cargostream verify` of tables that agree, both servers "
        f"and the command on the same cores; half of its time it rests. Load is the machine's, with whatever else ran: "
        f"what is above the number of cores is waited for. In the stack a sweep takes a step of "
        f"{STEP:,} ids every five seconds at the default rate. Made by `python -m benchmarks.verify_scale`.", "",
        f"| rows | all compared in, s | a step of {STEP:,} ids, ms | load |", "| --- | --- | --- | --- |",
        *(f"| {one['rows']:,} | {one['seconds']:,.1f} | {one['step_ms']:g} | {one['load']:g} |"
          for one in report["sizes"]), ""])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verify_scale",
                                     description="Measure the verification in large tables.")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--out", type=Path, default=CLONE / "benchmarks",
                        help="folder of verify_scale.json and verify_scale.md")
    options = parser.parse_args()
    sizes, filled = [], 0
    with fresh_stack(load_settings().download_cache) as stack:
        stack.run("up", "--only", "schema")
        for rows in sorted(options.rows):
            fill(stack, filled + 1, rows)
            filled = rows
            sizes.append(measure(stack, rows))
            err.print(str(sizes[-1]), markup=False)
    report = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe(), "sizes": sizes}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "verify_scale.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (options.out / "verify_scale.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()
