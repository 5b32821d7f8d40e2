"""`cargostream model compare`, with trainings of a few images."""

from pathlib import Path

import pytest
import torch

from cargostream.cli.model_compare import compare
from cargostream.errors import UsageError
from cargostream.labels import CARGO_LABELS
from data_prepare.sets import SETS, ensure_set
from model_registry.network import GroundNet
from model_registry.weights import write_weights

FEW = {name: SETS[name]._replace(counts=(4,) * 5)
       for name in ("monday", "tuesday", "evaluation-monday", "evaluation-tuesday")}


def test_it_goes_on_only_with_what_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARGOSTREAM_HOME", str(tmp_path / "home"))
    store, out = tmp_path / "store", tmp_path / "out"
    for name in FEW:
        ensure_set(store, name, sets=FEW)
    weights, embedder, listing = tmp_path / "weights.npz", tmp_path / "embedder.onnx", store / "tuesday.jsonl"
    torch.manual_seed(0)
    weights.write_bytes(write_weights(GroundNet(len(CARGO_LABELS), 0.5)))
    embedder.write_bytes(b"one")  # choosing at random does not open it

    def go_on() -> dict[Path, int]:
        compare(seeds=1, first_seed=1, budget=5, keeps=["random"], weights=str(weights), embedder=embedder, epochs=1,
                device="cpu", store=store, folder=out, as_json=True)
        return {file: file.stat().st_mtime_ns for file in out.glob("*-seed1.json")}

    trained = go_on()
    assert {file.name for file in trained} == {"no-training-seed1.json", "random-seed1.json"}
    assert go_on() == trained
    for file, data, word in ((weights, write_weights(GroundNet(len(CARGO_LABELS), 0.5)), "weights"),
                             (embedder, b"other", "embedder"),
                             (listing, b"".join(reversed(listing.read_bytes().splitlines(True))), "list tuesday")):
        before = file.read_bytes()
        file.write_bytes(data)
        with pytest.raises(UsageError, match=rf"run of other settings \({word} "):
            go_on()
        file.write_bytes(before)
