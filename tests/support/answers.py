"""One good answer, as the worker writes it."""

from cargostream.records import Prediction

GOOD = Prediction(
    source_id=0, status="predicted", source_epoch=1, source_partition=0, source_offset=0,
    timestamp="2026-11-21T10:00:00.123456Z", image_path="stream/brick/1.jpg", target=1, label="brick", confidence=0.75,
    probabilities=[0.05, 0.75, 0.1, 0.05, 0.05], model_name="cargo-ground", model_version=3, engine="onnxruntime-fp32",
    image_sha256="a" * 64, brightness=0.5, contrast=0.25, sharpness=0.125, saturated=0.0, embedding_distance=0.125,
    source_lsn=77, committed_at="2026-11-21T10:00:00.200Z", received_at="2026-11-21T10:00:00.3Z",
    predicted_at="2026-11-21T10:00:00.4Z")
