"""Plans, mixes, schedules and the loop of the producers."""

import itertools
import threading
from hashlib import sha256

import pytest
from PIL import Image

from cargostream.decode import to_array
from cargostream.errors import CargostreamError, Rejection, UsageError
from producers.bad_rows import EXPECTED, FOLDER, parse_mix, spoilers
from producers.late_labels import LateLabels
from producers.produce import produce
from producers.rows import ListedImage, Row, plan, read_list
from producers.schedule import due_times

IMAGES = [ListedImage(f"stream/wood/wood_{n}.jpg", 4, f"{n:064x}") for n in range(10)]


class Kept:
    """A writer into memory."""

    retries = 0

    def __init__(self):
        self.parts = []

    def write(self, rows):
        self.parts.append(list(rows))

    def close(self):
        pass


def take(number, **changes):
    given = {"run": "r", "images": IMAGES, "seed": 1, "weights": {"good": 1.0}, "spoil": {}} | changes
    return list(itertools.islice(plan(**given), number))


def test_a_seed_draws_the_same_rows_and_another_seed_others():
    assert take(25) == take(25)
    assert take(25) != take(25, seed=2)


def test_every_image_comes_once_before_any_comes_again():
    rows = take(20)
    for turn in (rows[:10], rows[10:]):
        assert {row.image_path for row in turn} == {image.image_path for image in IMAGES}
    assert [row.ingest_key for row in rows] == [f"r:{n}" for n in range(20)]


def test_a_mix_is_drawn_by_its_weights_and_carries_what_the_spoiler_made():
    spoil = {"missing": lambda image: ListedImage("bad/none.jpg", image.target)}
    rows = take(1000, weights={"good": 3.0, "missing": 1.0}, spoil=spoil)
    bad = [row for row in rows if row.kind == "missing"]
    assert 200 < len(bad) < 300
    assert {row.image_path for row in bad} == {"bad/none.jpg"}
    assert all(row.target == 4 for row in rows)


def test_bad_stands_for_every_bad_kind():
    assert parse_mix("good=93, bad=7") == {"good": 93.0} | dict.fromkeys(EXPECTED, 1.0)
    assert parse_mix("good") == {"good": 1.0}


@pytest.mark.parametrize("text", ["goood=1", "good=0", "good=-1", "good=x", "good=nan", "good=inf", ""])
def test_a_mix_that_makes_no_sense_is_refused(text):
    with pytest.raises(UsageError):
        parse_mix(text)


def test_bad_rows_point_at_files_that_are_bad(tmp_path):
    sample = tmp_path / "stream/good.jpg"
    sample.parent.mkdir()
    Image.effect_noise((64, 64), 80).convert("RGB").save(sample)
    good = ListedImage("stream/good.jpg", 2, sha256(sample.read_bytes()).hexdigest())
    made = {kind: spoil(good) for kind, spoil in spoilers(tmp_path, set(EXPECTED), good).items()}

    assert set(made) == set(EXPECTED)
    assert not (tmp_path / made["missing"].image_path).exists()
    assert (tmp_path / made["empty"].image_path).stat().st_size == 0
    assert 0 < (tmp_path / made["cut"].image_path).stat().st_size < sample.stat().st_size
    assert (tmp_path / made["huge"].image_path).stat().st_size < 200_000
    for kind in ("cut", "huge", "not_an_image"):
        with pytest.raises(Rejection) as refused:
            to_array((tmp_path / made[kind].image_path).read_bytes(), 128, 50_000_000)
        assert refused.value.code == EXPECTED[kind]
    assert made["outside"].image_path.startswith("..")
    assert made["wrong_digest"].image_path == good.image_path
    assert made["wrong_digest"].sha256 != good.sha256
    assert all(image.target == 2 for image in made.values())


def test_good_rows_alone_make_no_files(tmp_path):
    assert spoilers(tmp_path, {"good"}, IMAGES[0]) == {}
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize(("content", "says"), [
    (b"", "empty"), (b'{"target": 1}\n', "Line 1"), (b'{"image_path": "a"}\nnonsense\n', "Line 2")])
def test_a_list_that_cannot_be_used_says_where(tmp_path, content, says):
    path = tmp_path / "list.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=says):
        read_list(path)


def test_a_missing_list_says_how_to_make_it(tmp_path):
    with pytest.raises(UsageError, match="data synthesize stream"):
        read_list(tmp_path / "stream.jsonl")


def test_the_original_shape_of_a_list_is_read(tmp_path):
    path = tmp_path / "list.jsonl"
    path.write_bytes(b'{"image_path":"brick/brick_1.jpg","target":1}\n')
    assert read_list(path) == [ListedImage("brick/brick_1.jpg", 1, None)]


def test_rows_are_due_evenly_and_bursts_come_on_top():
    assert list(itertools.islice(due_times(4), 5)) == [0, 0.25, 0.5, 0.75, 1.0]
    assert list(itertools.islice(due_times(0), 3)) == [0, 0, 0]
    assert list(itertools.islice(due_times(2, burst=3, every=1), 8)) == [0, 0.5, 1, 1, 1, 1, 1.5, 2]


@pytest.mark.parametrize(("rate", "burst", "every"), [(-1, 0, 0), (1, -1, 1), (0, 5, 1), (5, 5, 0)])
def test_numbers_that_make_no_schedule_are_refused(rate, burst, every):
    with pytest.raises(UsageError):
        due_times(rate, burst, every)


def run(writer, *, limit, batch=1, rate=0.0, stop=None):
    return produce("r", plan("r", IMAGES, 1, {"good": 1.0}, {}), due_times(rate), writer, limit=limit, batch=batch,
                   stop=stop or threading.Event(), progress=lambda *_: None)


def test_rows_are_written_in_batches_up_to_the_limit():
    kept = Kept()
    summary = run(kept, limit=25, batch=10)
    assert [len(part) for part in kept.parts] == [10, 10, 5]
    assert [row.ingest_key for part in kept.parts for row in part] == [f"r:{n}" for n in range(25)]
    assert (summary.rows, summary.kinds) == (25, {"good": 25})


def test_the_rate_is_kept():
    summary = run(Kept(), limit=21, rate=100)
    assert 0.2 <= summary.seconds < 1.0


class Slow(Kept):
    def write(self, rows):
        threading.Event().wait(0.1)
        super().write(rows)


def test_a_slow_writer_shows_as_lateness():
    summary = run(Slow(), limit=5, rate=100)
    assert summary.late_s >= 0.4


def test_stop_ends_the_loop_between_two_batches():
    stop, kept = threading.Event(), Kept()
    stop.set()
    assert run(kept, limit=None, rate=1, stop=stop).rows == 0
    assert kept.parts == []


def test_a_writer_that_gives_up_ends_the_run():
    class Broken(Kept):
        def write(self, rows):
            raise CargostreamError("gone")

    with pytest.raises(CargostreamError, match="gone"):
        run(Broken(), limit=5)


class Labelled(Kept):
    def __init__(self):
        super().__init__()
        self.labels = []

    def set_targets(self, rows):
        self.labels.append([(row.ingest_key, row.target) for row in rows])


def test_labels_come_late_and_each_once():
    now, inner = [0.0], Labelled()
    late = LateLabels(inner, 5.0, lambda: now[0])
    rows = [Row("r:0", "good", "a.jpg", 3, None), Row("r:1", "good", "b.jpg", None, None)]
    late.write(rows)
    assert [row.target for row in inner.parts[0]] == [None, None]
    assert late.pay() == 5.0
    assert inner.labels == []
    now[0] = 5.0
    assert late.pay() is None
    assert inner.labels == [[("r:0", 3)]]
