"""The kinds of damage: any size, any colour mode, the same from the same seed, harder with severity."""

import io

import numpy as np
import pytest
from PIL import Image

from cargostream.decode import to_array
from cargostream.errors import UsageError
from data_prepare.corrupt import KINDS, MIXTURES, SEVERITIES, corrupt
from data_prepare.photograph import photograph
from data_prepare.sheet import CELL, MARGIN, contact_sheet
from data_prepare.spoil import read_pixels, spoil

SHAPES = ((1, 1), (1, 40), (40, 1), (8, 8), (17, 9), (64, 600), (600, 450))


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def drawn(kind: str = "brick", seed: int = 3) -> np.ndarray:
    return read_pixels(photograph(kind, np.random.default_rng(seed)))[0]


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Peak signal-to-noise ratio, dB."""
    return 10 * float(np.log10(255**2 / max(np.square(first.astype(float) - second).mean(), 1e-9)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_any_size_works_and_the_input_stays(kind: str, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    before = pixels.copy()
    for severity in SEVERITIES:
        spoiled, done, parameters = corrupt(pixels, kind, severity, np.random.default_rng(severity))
        assert (spoiled.shape, spoiled.dtype, done) == (pixels.shape, np.uint8, kind)
        assert parameters
    assert (pixels == before).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_does_the_same_and_another_does_not(kind: str) -> None:
    data = photograph("wood", np.random.default_rng(1))
    assert spoil(data, "a.jpg", kind, 3, seed=5) == spoil(data, "a.jpg", kind, 3, seed=5)
    if kind != "jpeg":  # the only kind without a random draw
        assert spoil(data, "a.jpg", kind, 3, seed=5)[0] != spoil(data, "a.jpg", kind, 3, seed=6)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_harder_is_further_from_the_clean_picture(kind: str) -> None:
    pixels = drawn()
    figures = [np.mean([likeness(pixels, corrupt(pixels, kind, severity, np.random.default_rng(seed))[0])
                        for seed in range(6)]) for severity in SEVERITIES]
    assert figures == sorted(figures, reverse=True), figures
    assert figures[0] - figures[-1] > 3


def test_a_mixture_is_an_even_choice_that_does_what_the_kind_would_do() -> None:
    photos = [encoded(Image.new("RGB", (16, 16), (number, 9, 200)), "PNG") for number in range(250)]
    for name, kinds in MIXTURES.items():
        done = [spoil(photo, "a.png", name, 2, seed=1) for photo in photos]
        counts = {kind: sum(damage.kind == kind for _, damage in done) for kind in kinds}
        assert sum(counts.values()) == len(photos)
        expected = len(photos) / len(kinds)
        assert all(abs(count - expected) < 4 * expected**0.5 for count in counts.values()), counts
        assert spoil(photos[0], "a.png", done[0][1].kind, 2, seed=1) == done[0]


def test_the_original_numbers_hold_on_a_typical_photo() -> None:
    pixels = np.zeros((720, 1280, 3), np.uint8)
    for seed in range(30):
        boxes = corrupt(pixels, "random_boxes", 3, np.random.default_rng(seed))[2]["boxes"]
        assert 5 <= len(boxes) <= 10
        for left, top, right, bottom in boxes:
            assert 100 <= right - left <= 200
            assert 100 <= bottom - top <= 200
            assert 0 <= left < right <= 1280
            assert 0 <= top < bottom <= 720
        line = corrupt(pixels + 255, "random_line", 3, np.random.default_rng(seed))
        assert 50 <= line[2]["width"] <= 200
        assert (line[0][360, 640] == 0).all()  # always through the centre


def test_boxes_are_white_and_where_the_note_says() -> None:
    spoiled, _, parameters = corrupt(np.zeros((100, 80, 3), np.uint8), "random_boxes", 3, np.random.default_rng(1))
    expected = np.zeros_like(spoiled)
    for left, top, right, bottom in parameters["boxes"]:
        expected[top:bottom, left:right] = 255
    assert (spoiled == expected).all()


@pytest.mark.parametrize(("image", "form", "value"), [
    (Image.new("CMYK", (20, 30), (0, 0, 0, 0)), "JPEG", 255),
    (Image.new("CMYK", (20, 30), (0, 0, 0, 255)), "JPEG", 0),
    (Image.new("L", (20, 30), 77), "PNG", 77),
    (Image.new("1", (20, 30), 1), "PNG", 255),
    (Image.new("LA", (20, 30), (0, 0)), "PNG", 255),
    (Image.new("RGBA", (20, 30), (0, 0, 0, 0)), "PNG", 255),
    (Image.new("P", (20, 30), 0), "PNG", 0),
    (Image.fromarray(np.full((30, 20), 65535, np.uint16)), "PNG", 255),
    (Image.fromarray(np.full((30, 20), 128 << 8, np.uint16)), "PNG", 128),
], ids=lambda value: getattr(value, "mode", None))
def test_colour_modes_are_read_as_people_see_them(image: Image.Image, form: str, value: int) -> None:
    data = encoded(image, form)
    pixels, read_form, _ = read_pixels(data)
    assert (pixels.shape, read_form) == ((30, 20, 3), form)
    assert np.abs(pixels.astype(int) - value).max() <= 2
    assert np.abs(pixels.astype(int).mean() - to_array(data, 20, 10**6)[0].mean()) <= 2  # as the model sees them
    spoiled = Image.open(io.BytesIO(spoil(data, "a", "random_line", 3, seed=1)[0]))
    assert (spoiled.format, spoiled.size) == (form, (20, 30))
    assert spoiled.mode == ("L" if image.mode in ("1", "L", "LA") or image.mode.startswith("I") else "RGB")


def test_a_turned_photo_is_upright_afterwards() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.new("RGB", (64, 48)), "JPEG", exif=exif)
    spoiled = Image.open(io.BytesIO(spoil(data, "a", "blur", 1, seed=1)[0]))
    assert (spoiled.size, spoiled.getexif().get(0x0112)) == ((48, 64), None)


def test_unknown_kinds_and_severities_name_those_that_there_are() -> None:
    pixels, rng = drawn(), np.random.default_rng(0)
    with pytest.raises(UsageError, match=r"no type of damage 'rust'; there are random_boxes, mosaic.*mixed-original"):
        corrupt(pixels, "rust", 3, rng)
    with pytest.raises(UsageError, match="no severity 6; there are 1"):
        corrupt(pixels, "fog", 6, rng)


def test_the_contact_sheet_shows_every_kind_at_every_severity() -> None:
    sheet = contact_sheet(drawn(), seed=1)
    assert sheet.width >= MARGIN + 6 * CELL
    assert sheet.height >= len(KINDS) * CELL
    assert sheet.tobytes() == contact_sheet(drawn(), seed=1).tobytes()
