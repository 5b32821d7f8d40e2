"""`cargostream data` as it is typed: from a folder of photos to a spoiled, imported and checked set. No stack runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prepare.photograph import photograph

LABELS = ("background", "brick", "concrete", "ground", "wood")


@pytest.fixture
def data(tmp_path: Path):
    """Run a `data` command in a home folder of its own; checks the exit status."""
    def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "CARGOSTREAM_HOME": str(tmp_path / "home"), "COLUMNS": "200"}
        done = subprocess.run([sys.executable, "-m", "cargostream", "data", *map(str, arguments)], env=environment,
                              text=True, capture_output=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for target, label in enumerate(LABELS):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(2):
            photo = photograph(label, np.random.default_rng([target, number]))
            (tmp_path / "photos" / label / f"{label}{number}.jpg").write_bytes(photo)
    return tmp_path / "photos"


def test_photos_are_spoiled_imported_and_checked(data, photos: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled"
    done = json.loads(data("corrupt", photos, spoiled, "--type", "low_light", "--sheet", tmp_path / "a.png",
                           "--json").stdout)
    assert (done["images"], done["kinds"]) == (10, {"low_light": 10})
    manifest = [json.loads(line) for line in Path(done["manifest"]).read_text().splitlines()]
    assert {line["severity"] for line in manifest} == {3}
    with Image.open(tmp_path / "a.png") as sheet:
        assert min(sheet.size) > 1000

    for folder, name in ((photos, "monday"), (spoiled, "dark")):
        done = json.loads(data("import", folder, "--name", name, "--json").stdout)
        assert done["classes"] == dict.fromkeys(LABELS, 2)
        assert sum(done["ways"].values()) == 10
    assert "nothing speaks against" in data("check", "monday").stdout
    refused = data("check", "dark", "--max-shift", "0.3", "--significance", "0.05", code=1)
    assert "refused: too far from monday: brightness" in refused.stderr
    refused = json.loads(data("check", "dark", "--reference", "none", "--against", "dark", "--json", code=1).stdout)
    assert refused["findings"][0].startswith("dark and dark share 10 images")


def test_unreadable_images_are_listed_and_skipped_only_on_request(data, photos: Path, tmp_path: Path) -> None:
    (photos / "wood/broken.jpg").write_text("no image")
    for command in (("corrupt", photos, tmp_path / "out"), ("import", photos, "--name", "mine")):
        refused = data(*command, code=1)
        assert "wood/broken.jpg: not_an_image" in refused.stderr
        assert "--skip-unreadable" in refused.stderr
        data(*command, "--skip-unreadable")


@pytest.mark.parametrize(("arguments", "said"), [
    (("corrupt", "{photos}", "{out}", "--type", "rust"), "there are random_boxes, mosaic, random_line, blur"),
    (("corrupt", "{photos}", "{out}", "--severity", "6"), "--severity"),
    (("corrupt", "{photos}", "{photos}"), "is there already"),
    (("corrupt", "{photos}", "{out}", "--sheet", "a.jpg"), "does not end in .png"),
    (("import", "{photos}", "--name", "a/b"), "cannot be the name of a set"),
    (("import", "{photos}"), "--name"),
    (("check", "nosuch"), "There is no set nosuch"),
    (("synthesize", "sunday"), "stream-tuesday")])
def test_what_is_typed_wrong_exits_2_and_says_what_would_be_right(
        data, photos: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    filled = [each.format(photos=photos, out=tmp_path / "out") for each in arguments]
    assert said in " ".join(data(*filled, code=2).stderr.split())
    assert not (tmp_path / "out").exists()


def test_the_contact_sheet_needs_no_image(data, tmp_path: Path) -> None:
    data("sheet", tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"
