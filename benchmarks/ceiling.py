"""The most that this machine can do: read, decode and predict in a bare loop, with the worker's code and threads."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.images import BenchImage
from cargostream.decode import to_array
from cargostream.images import FolderStore
from cargostream.served import ServedModel
from cargostream.settings import Settings


def bare_loop(
    settings: Settings, store: Path, model: ServedModel, images: list[BenchImage], threads: int
) -> tuple[float, dict[str, str]]:
    """Images a second over `images`, and the label of each path: the answers that the pipeline's are held against."""
    folder = FolderStore(store, settings.image_max_bytes)

    def label(image: BenchImage) -> str:
        array, _ = to_array(folder.read(image.path), model.input_size, settings.image_max_pixels)
        return model.labels[int(model.predict(array).probabilities.argmax())]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(label, images[:32]))
        start = time.perf_counter()
        labels = list(pool.map(label, images))
        seconds = time.perf_counter() - start
    return len(images) / seconds, {image.path: name for image, name in zip(images, labels, strict=True)}
