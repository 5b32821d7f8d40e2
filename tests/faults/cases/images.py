"""B1 to B6, B8 to B14, B20: what may stand in an image file."""

from collections import Counter

from cargostream.decode import to_array
from cargostream.errors import Rejection
from cargostream.served import open_model
from cargostream.settings import CLONE
from tests.faults import bad_images, same_images
from tests.faults.bench import Bench
from tests.faults.case import case
from tests.faults.inputs import (
    Written,
    answered,
    forget_peak,
    refuse,
    refused_files,
    resident_kb,
    same_answers,
    same_worker,
    traced,
    write_among_good,
)
from tests.faults.mutations import mutated_image


@case("B1", "files of no bytes", "`empty_file`")
def empty(bench: Bench) -> str:
    return refuse(bench, "B1", bad_images.empty())


@case("B2", "text, HTML, SVG, PDF, ELF, ZIP, a pickle, magic bytes alone", "`not_an_image`")
def no_images(bench: Bench) -> str:
    return refuse(bench, "B2", bad_images.no_images())


@case("B3", "JPEG, progressive JPEG and PNG cut at 10, 50, 90 and 99 %", "`corrupt_image`")
def truncated(bench: Bench) -> str:
    return refuse(bench, "B3", bad_images.truncated())


@case("B4", "PNGs with one bit of their pixels flipped", "`corrupt_image`, wherever the bit is")
def flipped(bench: Bench) -> str:
    return refuse(bench, "B4", bad_images.flipped(bench.seed, 100), good=101)


@case("B5", "JPEGs with a flipped bit that decode to other pixels",
      "`checksum_mismatch` where the row has the image's digest; without one it is predicted as it looks (a limit)")
def flipped_jpegs(bench: Bench) -> str:
    known, unknown = [], []
    for number, (data, whole) in enumerate(bad_images.flipped_jpegs(bench.seed, 20)):
        before = bench.put(f"B5/{number}.jpg", whole)
        picture = bench.put(f"B5/{number}.jpg", data)
        bench.expect(picture.path, before.sha256, "checksum_mismatch")
        bench.expect(picture.path, None, bench.good(picture))
        known.append((picture.path, before.sha256))
        unknown.append((picture.path, None))
    with same_worker(bench):
        mixed = write_among_good(bench, [*known, *unknown])
        said = bench.verdict(minimum=len(known))
    codes = [answer.error_code for answer in answered(bench, mixed.bad)]
    assert codes == ["checksum_mismatch"] * len(known) + [None] * len(unknown)
    return f"{len(known)} of {len(known)} refused by their digest, without it predicted as they look; {said}"


@case("B6", "bombs: PNGs of 81, 144 and 400 megapixels, a JPEG header of 4,225, text and profiles that inflate to "
      "100 MB, a JPEG drawn over 20,000 times", "`too_many_pixels` before anything is decoded, RSS + < 50 MB")
def bombs(bench: Bench) -> str:
    answered(bench, write_among_good(bench, [], good=200).good)
    with same_worker(bench) as pid:
        forget_peak(pid)
        before = resident_kb(pid)
        said = refuse(bench, "B6", bad_images.bombs())
        grown = (resident_kb(pid, "VmHWM") - before) / 1024
    bench.figures["rss_grown_mb"] = round(grown, 1)
    assert grown < 50, f"the worker's memory rose by {grown:.0f} MB"
    return f"peak RSS + {grown:.0f} MB; {said}"


@case("B8", "grey, grey with alpha, 1 bit, palette, CMYK, YCbCr, progressive",
      "predicted, with the answer of the plain image that shows the same")
def modes(bench: Bench) -> str:
    return same_answers(bench, "B8", same_images.modes(bench.seed) | {
        f"2-{name}": pair for name, pair in same_images.modes(bench.seed + 1).items()})


@case("B9", "16-bit PNG: grey, colour, both with alpha", "scaled to 8 bits, never saturated: same answer as plain")
def deep(bench: Bench) -> str:
    return same_answers(bench, "B9", same_images.deep(bench.seed))


@case("B10", "transparency: alpha, a clear colour (8 and 16 bit), a clear palette entry, colours hidden behind",
      "composited on white: same answer as plain")
def transparent(bench: Bench) -> str:
    return same_answers(bench, "B10", same_images.transparent(bench.seed))


@case("B11", "animated GIF, APNG and WebP, TIFF of several pages", "`unsupported_format`")
def moving(bench: Bench) -> str:
    return refuse(bench, "B11", bad_images.moving())


@case("B12", "EXIF orientation 1 to 8, PNG and JPEG", "same answer as upright")
def turned(bench: Bench) -> str:
    return same_answers(bench, "B12", same_images.turned(bench.seed))


@case("B13", "PNG named .jpg and the reverse; GIF, TIFF, WebP, BMP, ICO and EPS named .jpg",
      "by content: predicted, or `unsupported_format`; no Ghostscript or other process is started",
      needs=("strace",))
def misnamed(bench: Bench) -> str:
    rows = refused_files(bench, "B13", bad_images.misnamed())
    with same_worker(bench) as pid, traced(pid, "-e", "trace=execve,execveat") as trace:
        answered(bench, write_among_good(bench, rows).bad)
    assert not trace.calls("execve", "execveat"), f"processes were started: {trace.lines[:3]}"
    said = same_answers(bench, "B13", same_images.misnamed(bench.seed))
    return f"{len(rows)} files unsupported_format, no execve seen by strace; {said}"


@case("B14", "images of 1x1, 1x20,000, 65,535x1, 8x20,000, 65,535x8, 0x9 and other pixels",
      "predicted from 8 pixels a side on, `bad_dimensions` below; no division by zero")
def odd_sizes(bench: Bench) -> str:
    rows: list[Written] = []
    codes = []
    for name, (content, code) in bad_images.odd_sizes().items():
        picture = bench.put(f"B14/{name}", content)
        bench.expect(picture.path, None, bench.good(picture) if code is None else code)
        rows.append((picture.path, None))
        codes.append(code)
    with same_worker(bench):
        answers = answered(bench, write_among_good(bench, rows).bad)
    assert [answer.error_code for answer in answers] == codes
    refused = len(codes) - codes.count(None)
    return f"{codes.count(None)} predicted, {refused} bad_dimensions or less; {bench.verdict(minimum=len(rows))}"


@case("B20", "300 JPEGs and PNGs with random bytes changed (10,000 each: `python -m tests.faults.fuzz`)",
      "each predicted or refused; no crash, no hang")
def mutated(bench: Bench) -> str:
    rows: list[Written] = []
    size = open_model(CLONE / "model_registry" / "starter").input_size
    for kind in ("jpeg", "png"):
        for number in range(150):
            picture = bench.put(f"B20/{number}.{kind}", mutated_image(kind, bench.seed, number))
            rows.append((picture.path, None))
            try:
                to_array((bench.settings.image_store / picture.path).read_bytes(), size, 50_000_000)
            except Rejection as error:
                bench.expect(*rows[-1], error.code.value)
            else:
                bench.expect(*rows[-1], bench.good(picture))
    with same_worker(bench):
        mixed = write_among_good(bench, rows, good=len(rows) + 1)
        codes = Counter(answer.error_code for answer in answered(bench, mixed.bad, timeout_s=180))
    words = ", ".join(f"{code or 'predicted'} {count}" for code, count in codes.most_common())
    return f"{words}; {bench.verdict(minimum=len(rows))}"
