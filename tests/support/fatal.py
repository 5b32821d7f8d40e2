"""A decoder that ends the process at one file: in every Python process that a rig's worker starts, and in itself."""

from tests.support.workers import Rig

# A signal that a process sends itself may reach it a moment later, in another thread, at another record: the crash has
# to be one.
FATAL = """
import ctypes
from PIL import Image
really_open = Image.open
def open_or_die(file, *args, **kwargs):
    if b"deadly" in file.getvalue():
        FAULT
    return really_open(file, *args, **kwargs)
Image.open = open_or_die
"""


def fatal_decoder(rig: Rig, fault: str = "ctypes.string_at(0)") -> None:
    """Put the file deadly.png into the store, and let `fault` happen to whoever decodes it."""
    folder = rig.home / "faults"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FATAL.replace("FAULT", fault))
    rig.variables["PYTHONPATH"] = str(folder)
    (rig.images / "deadly.png").write_bytes(b"deadly")
