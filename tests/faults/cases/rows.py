"""C1 to C5: what may stand in a row."""

import re

import pytest
from sqlalchemy.exc import DataError, IntegrityError

from tests.faults.bench import Bench
from tests.faults.case import case
from tests.faults.inputs import Written, answered, fresh_pictures, good_rows, same_worker, traced, write_among_good
from tests.faults.topic import partitions, put_records
from tests.support.records import INVALID, record

OUTSIDE = ("../../etc/passwd", "/etc/passwd", "faults/../../secrets/connect.properties", "..\\..\\etc\\passwd",
           "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc/passwd", "....//....//etc/passwd", "/proc/self/environ",
           "~/.ssh/id_rsa", "faults/C1/link/passwd", "faults/C1/passwd.png", "./../../etc/shadow", ".cargostream-store")
ADDRESSES = ("s3://bucket/x.png", "http://169.254.169.254/latest/meta-data/", "https://127.0.0.1:9/x.png",
             "file:///etc/passwd", "gopher://127.0.0.1:70/x", "ftp://127.0.0.1/x.png", "\\\\127.0.0.1\\share\\x.png",
             "//127.0.0.1/share/x.png", "data:image/png;base64,AAAA", "jdbc:postgresql://127.0.0.1/x")
UNUSUAL = ("a\nb.png", "a\r\n2026-01-01T00:00:00.000+00:00 info all is well.png", "a\u202egnp.exe", "\U0001f4f7.png",
           "e\u0301.png", "a\tb.png", "a\x1b[2Jb.png", "\u200bzero-width.png", "a\u2028b.png", "\ufeffmark.png")
TEXTS = ("'); DROP TABLE cargo_prediction;--", "${file:/etc/passwd:x}", "${env:PATH}", "{{7*7}}", "%s%s%n", "$(id)",
         "`id`", "<script>alert(1)</script>", "{0.__class__}", "x' OR '1'='1", "\\'; SELECT pg_sleep(60);--",
         "#{7*7}", "=cmd|' /C calc'!A0", "${jndi:ldap://127.0.0.1:9/x}")


@case("C1", "paths that lead out: `..`, absolute, encoded, backslashes, links",
      "`path_not_allowed`; none is ever opened", needs=("strace",))
def outside(bench: Bench) -> str:
    folder = bench.settings.image_store / "faults" / "C1"
    folder.mkdir(parents=True, exist_ok=True)
    for name, target in (("link", "/etc"), ("passwd.png", "/etc/passwd")):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)
    opened = _opened(bench, OUTSIDE)
    # Links can only be told by looking: they are tried with O_NOFOLLOW, and not followed.
    read = [line for line in opened if re.search("passwd|shadow|environ|connect.properties|id_rsa", line)
            and not ("O_NOFOLLOW" in line and re.search(r"= -1 E(LOOP|NOTDIR)", line))]
    assert not read, f"opened: {read[:3]}"
    return f"{len(OUTSIDE)} paths refused, none opened (strace: {len(opened)} other files); {bench.verdict(minimum=60)}"


@case("C2", "addresses for paths: s3, http, file, gopher, ftp, UNC, data, JDBC",
      "`path_not_allowed`; no connection is made", needs=("strace",))
def addresses(bench: Bench) -> str:
    _opened(bench, ADDRESSES)
    return f"{len(ADDRESSES)} addresses refused, no connection but to Kafka and MLflow; {bench.verdict(minimum=60)}"


@case("C3", "a path that is NULL, empty, blank, 10 KB long: by SQL, and in records put on the topic",
      "refused by the source; `invalid_message` from the topic, and the row's next change is answered as ever",
      repairs=True, own_stack=True)
def no_paths(bench: Bench) -> str:
    for path in (None, "", " ", "\t\n", "x" * 10_000, "x" * 513):
        with pytest.raises(IntegrityError):
            bench.pipeline.insert([(path, None, None)])  # type: ignore[list-item]
    chosen = {name: columns for name, columns in INVALID.items() if "path" in name}
    return f"6 refused by the source; {invalid_records(bench, chosen)}"


@case("C4", "NUL, lone surrogates, newlines, escapes, RTL override, emoji, NFC and NFD in paths",
      "refused by the source, or stored exactly as written with `path_not_allowed`; no line of a log is forged")
def unusual(bench: Bench) -> str:
    for path in ("a\0b.png", "\ud800.png"):
        with pytest.raises((DataError, ValueError)):
            bench.pipeline.insert([(path, None, None)])
    with pytest.raises(DataError):
        bench.pipeline.change(r"INSERT INTO cargo (image_path) VALUES (E'\xed\xa0\x80.png')")
    (picture,) = fresh_pictures(bench, 1)
    composed = bench.put("C4/\u00e9t\u00e9-\u6728.jpg", (bench.settings.image_store / picture.path).read_bytes())
    bench.expect(composed.path, None, bench.good(composed))
    seen = _stored_as_written(bench, UNUSUAL, also=[(composed.path, None)])
    for file in (bench.settings.home / "logs").glob("worker-*.log"):
        for line in file.read_text(errors="replace").split("\n"):
            assert "all is well" not in line, f"{file.name}: {line[:200]}"
            assert "\x1b[2J" not in line
    return f"3 refused by the source; {seen}"


@case("C5", "SQL, templates, shell, Connect's and Log4j's references in paths and keys",
      "stored exactly as written, executed and expanded by nobody")
def texts(bench: Bench) -> str:
    seen = _stored_as_written(bench, TEXTS)
    keys = [f"{text}-{bench.seed}" for text in TEXTS]
    for key in keys:
        bench.pipeline.change("INSERT INTO cargo (image_path, ingest_key) VALUES ('../key', :key)", key=key)
    bench.expect("../key", None, "path_not_allowed")
    bench.pipeline.wait("the keys in the mirror", lambda: len(bench.pipeline.ask(
        "SELECT 1 FROM cargo WHERE ingest_key = ANY(:keys)", keys=keys)) == len(keys))
    return f"{seen}; {len(keys)} keys in the mirror as written; {bench.verdict(minimum=len(keys))}"


def invalid_records(bench: Bench, columns: dict[str, dict[str, object]]) -> str:
    """Records of existing rows that cannot be answered, straight on the topic; then the rows get other images."""
    ids = bench.write(good_rows(bench, len(columns)))
    where = partitions(bench, sorted(bench.pipeline.await_answers(ids)))
    rows = dict(zip(sorted(ids), columns.items(), strict=True))
    with same_worker(bench):
        put = put_records(bench, [(record(source_id, **(
            {"image_path": "faults/x.png"} | wrong)), where[source_id])
            for source_id, (_, wrong) in rows.items()])
        bench.pipeline.wait("answers to the records", lambda: all(
            bench.pipeline.answers([source_id])[source_id].source_offset == at.offset
            for source_id, at in zip(rows, put, strict=True)))
        codes = {name: bench.pipeline.answers([source_id])[source_id].error_code
                 for source_id, (name, _) in rows.items()}
        assert set(codes.values()) == {"invalid_message"}, codes
        for source_id, picture in zip(rows, fresh_pictures(bench, len(rows)), strict=True):
            bench.expect(picture.path, None, bench.good(picture))
            bench.pipeline.change("UPDATE cargo SET image_path = :path, sha256 = NULL WHERE id = :id",
                                  path=picture.path, id=source_id)
        said = bench.verdict(minimum=len(rows))
    return f"{len(rows)} records on the topic: invalid_message; their rows' next images predicted; {said}"


def _opened(bench: Bench, paths: tuple[str, ...]) -> list[str]:
    """The files that the worker opens while rows with these paths, which are refused, lie among good ones."""
    rows: list[Written] = []
    for path in paths:
        bench.expect(path, None, "path_not_allowed")
        rows.append((path, None))
    own = {bench.settings.kafka_port, bench.settings.mlflow_port}
    with same_worker(bench) as pid, traced(pid, "-e", "trace=open,openat,connect,execve,readlink,readlinkat") as trace:
        mixed = write_among_good(bench, rows)
        answers = answered(bench, mixed.bad)
        answered(bench, mixed.good)
    assert {answer.error_code for answer in answers} == {"path_not_allowed"}
    opened = trace.calls("open", "openat")
    assert sum(".jpg" in line for line in opened) >= len(mixed.good), "the trace did not see the good images"
    assert not trace.calls("execve")
    for line in trace.calls("connect"):
        port = re.search(r"sin6?_port=htons\((\d+)\)", line)
        assert port is None or int(port[1]) in own, f"a connection was made: {line}"
        assert "169.254" not in line
    return opened


def _stored_as_written(bench: Bench, paths: tuple[str, ...], also: list[Written] | None = None) -> str:
    """Rows with these paths are refused, and the paths come out of both databases as they went in."""
    for path in paths:
        bench.expect(path, None, "path_not_allowed")
    rows: list[Written] = [*((path, None) for path in paths), *(also or [])]
    with same_worker(bench):
        mixed = write_among_good(bench, rows)
        answers = answered(bench, mixed.bad)
        said = bench.verdict(minimum=len(rows))
    mirror = {row.id: row.image_path for row in bench.pipeline.ask(
        "SELECT id, image_path FROM cargo WHERE id = ANY(:ids)", ids=list(mixed.bad))}
    for source_id, answer, (path, _) in zip(mixed.bad, answers, rows, strict=True):
        assert answer.image_path == mirror[source_id] == path
    return f"{len(rows)} paths stored as written in answer and mirror; {said}"
