"""Whatever the bytes of an .npz are, the answer is arrays or one kind of error, and the memory is bounded."""

import io
import resource
import zipfile

import numpy as np
import pytest

from cargostream.arrays import BadArrays, read_arrays


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(f"{name}.npy", content)
    return file.getvalue()


def header(shape: str, dtype: str = "|u1") -> bytes:
    """The beginning of an .npy file that says to be of this shape, whatever comes after it."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def encrypted() -> bytes:
    data = bytearray(npz(a=np.zeros(3)))
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def cut_inside() -> bytes:
    data = bytearray(npz(a=np.arange(1000)))
    data[60:90] = bytes(30)
    return bytes(data)


def test_arrays_come_back_as_they_were():
    data = npz(a=np.arange(4), b=np.array(["x"]))
    assert read_arrays(data)["a"].tolist() == [0, 1, 2, 3]
    assert set(read_arrays(data, ["b"])) == {"b"}


@pytest.mark.parametrize("data", [
    b"", b"no archive", b"PK\x03\x04", npz(b=np.zeros(2)), archive(a=b"no array"), archive(a=b""),
    archive(a=header("(10, 10)") + b"x"), archive(a=header("(10_000_000_000_000,)")), archive(a=header("(-1,)")),
    archive(a=header("(2**70,)")), archive(a=header("(1,)", "|O") + b"cos\nsystem\n(S'touch canary'\ntR."),
    archive(a=header("[[" * 5000)), encrypted(), cut_inside(),
], ids=["empty", "text", "beginning", "another name", "no array", "nothing", "short", "huge promise", "negative",
        "no number", "pickle", "deep", "encrypted", "damaged"])
def test_what_is_no_array_is_one_kind_of_error(data):
    with pytest.raises(BadArrays):
        read_arrays(data, ["a"])


def test_a_bomb_is_told_by_its_size_and_not_unpacked():
    bomb = npz(a=np.zeros(400_000_000, np.uint8))
    assert len(bomb) < 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadArrays, match="400 MB unpacked"):
        read_arrays(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
