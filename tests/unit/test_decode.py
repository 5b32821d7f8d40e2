"""From image bytes to the model's input: what is refused, and what must look the same whatever it came in as."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cargostream.decode import to_array
from cargostream.errors import RejectCode, Rejection
from tests.support.images import huge_png, noise

PIXELS = 50_000_000


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)  # type: ignore[arg-type]
    return file.getvalue()


def scene() -> Image.Image:
    """A picture with a different colour in each corner, so that a turn shows."""
    pixels = np.zeros((64, 48, 3), np.uint8)
    pixels[:32, :24], pixels[:32, 24:], pixels[32:, :24], pixels[32:, 24:] = (
        (200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30))
    return Image.fromarray(pixels)


def text_bomb() -> bytes:
    text = PngInfo()
    text.add_text("comment", "x" * 4_000_000, zip=True)
    return encoded(scene(), pnginfo=text)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1:]


def drawn_over(side: int, times: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    whole = encoded(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    end = b"\xff\xd9"
    return whole.removesuffix(end) + whole[whole.rindex(b"\xff\xda"):-len(end)] * times + end


def animated() -> bytes:
    return encoded(scene(), save_all=True, append_images=[scene().rotate(180)])


REFUSED: dict[str, tuple[Callable[[], bytes], RejectCode]] = {
    "no bytes": (lambda: b"", RejectCode.EMPTY_FILE),
    "text": (lambda: b"hello", RejectCode.NOT_AN_IMAGE),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", RejectCode.NOT_AN_IMAGE),
    "pdf": (lambda: b"%PDF-1.7\n", RejectCode.NOT_AN_IMAGE),
    "magic only": (lambda: b"\xff\xd8\xff\xe0", RejectCode.NOT_AN_IMAGE),
    "gif": (lambda: encoded(scene(), "GIF"), RejectCode.UNSUPPORTED_FORMAT),
    "tiff": (lambda: encoded(scene(), "TIFF"), RejectCode.UNSUPPORTED_FORMAT),
    "webp": (lambda: encoded(scene(), "WEBP"), RejectCode.UNSUPPORTED_FORMAT),
    "eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", RejectCode.UNSUPPORTED_FORMAT),
    "animated png": (animated, RejectCode.UNSUPPORTED_FORMAT),
    "half a jpeg": (lambda: noise("JPEG")[:-900], RejectCode.CORRUPT_IMAGE),
    "half a png": (lambda: noise("PNG")[:-900], RejectCode.CORRUPT_IMAGE),
    "flipped png": (lambda: flipped(noise("PNG"), 500), RejectCode.CORRUPT_IMAGE),
    "81 megapixels": (lambda: huge_png(9000, 9000), RejectCode.TOO_MANY_PIXELS),
    "400 megapixels": (lambda: huge_png(20000, 20000), RejectCode.TOO_MANY_PIXELS),
    "text that inflates": (text_bomb, RejectCode.TOO_MANY_PIXELS),
    "drawn over for hours": (lambda: drawn_over(7000, 110_000), RejectCode.TOO_MANY_PIXELS),
    "one pixel": (lambda: encoded(Image.new("RGB", (1, 1))), RejectCode.BAD_DIMENSIONS),
    "a line": (lambda: encoded(Image.new("RGB", (1, 20_000))), RejectCode.BAD_DIMENSIONS),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_bytes_are_refused_with_their_code(case: str) -> None:
    make, code = REFUSED[case]
    with pytest.raises(Rejection) as caught:
        to_array(make(), 32, PIXELS)
    assert caught.value.code == code
    assert caught.value.detail.isprintable()


def test_no_flipped_bit_of_a_png_changes_what_is_seen() -> None:
    whole = encoded(scene())
    expected, _ = to_array(whole, 32, PIXELS)
    for at in range(len(whole)):
        for bit in range(8):
            try:
                array, _ = to_array(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1:], 32, PIXELS)
            except Rejection:
                continue
            assert (array == expected).all(), f"byte {at}, bit {bit}"


def test_an_ordinary_number_of_scans_is_decoded() -> None:
    assert (to_array(drawn_over(64, 1000), 32, PIXELS)[0] == 90).all()


@pytest.mark.parametrize(("form", "mode"), [
    *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
    *(("JPEG", mode) for mode in ("L", "RGB", "CMYK", "YCbCr")),
])
def test_every_mode_of_the_allowed_formats_comes_out_as_rgb(form: str, mode: str) -> None:
    array, _ = to_array(encoded(scene().convert(mode), form), 32, PIXELS)
    assert array.shape == (32, 32, 3)
    assert array.dtype == np.uint8
    if mode in ("RGB", "RGBA", "CMYK", "YCbCr"):
        expected, _ = to_array(encoded(scene()), 32, PIXELS)
        assert np.abs(array.astype(int) - expected).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_upright(orientation: int) -> None:
    undo = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270}
    turned = scene().transpose(undo[orientation]) if orientation in undo else scene()
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected, _ = to_array(encoded(scene()), 32, PIXELS)
    for form in ("PNG", "JPEG"):
        array, _ = to_array(encoded(turned, form, exif=exif), 32, PIXELS)
        assert np.abs(array.astype(int) - expected).mean() < 6


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    array, statistics = to_array(encoded(Image.fromarray(ramp)), 32, PIXELS)
    assert 120 < array.mean() < 135
    assert statistics.saturated < 0.1


def test_transparent_pixels_lie_on_white() -> None:
    hidden = Image.new("RGBA", (32, 32), (200, 0, 0, 0))
    deep = Image.fromarray(np.full((32, 32), 7000, np.uint16))
    for data in (encoded(hidden), encoded(hidden.convert("P"), transparency=bytes(256)),
                 encoded(deep, transparency=7000)):
        array, _ = to_array(data, 32, PIXELS)
        assert (array == 255).all()


def test_statistics_tell_dark_from_light_and_flat_from_rough() -> None:
    black, white = (to_array(encoded(Image.new("L", (64, 64), v)), 32, PIXELS)[1] for v in (0, 255))
    rough = to_array(noise("PNG"), 64, PIXELS)[1]
    assert (black.brightness, white.brightness) == (0, pytest.approx(1))
    assert black.saturated == white.saturated == 1
    assert black.contrast == white.contrast == black.sharpness == 0
    assert 0.4 < rough.brightness < 0.6
    assert rough.contrast > 0.1
    assert rough.sharpness > 0.1


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_mutated_images_are_answered_or_refused_and_nothing_else(form: str) -> None:
    seed = noise(form)
    random = np.random.default_rng(7)
    for _ in range(500):
        data = bytearray(seed)
        for at in random.integers(0, len(data), random.integers(1, 20)):
            data[at] = random.integers(0, 256)
        try:
            array, _ = to_array(bytes(data), 32, 1_000_000)
        except Rejection:
            continue
        assert array.shape == (32, 32, 3)
