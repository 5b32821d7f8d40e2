"""The right answers, from a process that has nothing to do with the pipeline: `python -m tests.faults.oracle`.

Reads {"artifact": folder, "images": {name: path}} from standard input and writes {name: [label, confidence]}; an image
that the model cannot be shown is left out.
"""

import json
import sys
from pathlib import Path

from cargostream.decode import to_array
from cargostream.errors import Rejection
from cargostream.served import open_model


def main() -> None:
    asked = json.load(sys.stdin)
    model = open_model(Path(asked["artifact"]))
    found = {}
    for name, path in asked["images"].items():
        try:
            image, _ = to_array(Path(path).read_bytes(), model.input_size, 50_000_000)
        except Rejection:
            continue
        probabilities, _ = model.predict(image)
        target = int(probabilities.argmax())
        found[name] = (model.labels[target], float(probabilities[target]))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
