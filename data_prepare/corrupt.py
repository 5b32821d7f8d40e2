"""The kinds of damage, by name, at severities 1 (slight) to 5 (hard); 3 is the middle.

Every kind is a pure function of the pixels, the severity and a random generator. Magnitudes were chosen from
published ones and by eye on the contact sheet, before any model was measured on them.
"""

from collections.abc import Callable

import numpy as np

from cargostream.errors import UsageError
from data_prepare.corrupt_camera import blur, jpeg, low_light, noise, over_exposure
from data_prepare.corrupt_shapes import mosaic, random_boxes, random_line
from data_prepare.corrupt_weather import dirt, fog, precipitation
from data_prepare.fields import Parameters, Pixels

Corruption = Callable[[Pixels, int, np.random.Generator], tuple[Pixels, Parameters]]

KINDS: dict[str, Corruption] = {
    "random_boxes": random_boxes, "mosaic": mosaic, "random_line": random_line, "blur": blur, "noise": noise,
    "low_light": low_light, "over_exposure": over_exposure, "fog": fog, "precipitation": precipitation, "dirt": dirt,
    "jpeg": jpeg,
}
MIXTURES = {"mixed": tuple(KINDS), "mixed-original": ("random_boxes", "mosaic", "random_line")}
"""Names that stand for one of several kinds, each as likely as the others, drawn anew for each image."""

TYPES = (*KINDS, *MIXTURES)
SEVERITIES = (1, 2, 3, 4, 5)


def corrupt(pixels: Pixels, name: str, severity: int, rng: np.random.Generator) -> tuple[Pixels, str, Parameters]:
    """The spoiled picture, the kind that it was spoiled with and what was done. Any size from 1 x 1; `pixels` stay.

    Raises:
        UsageError: there is no such kind or severity.
    """
    check_type(name, severity)
    # A child of the generator chooses, so that the same seed spoils alike whether the kind was drawn or asked for.
    kind = str(rng.spawn(1)[0].choice(MIXTURES[name])) if name in MIXTURES else name
    spoiled, parameters = KINDS[kind](pixels, severity, rng)
    return spoiled, kind, parameters


def check_type(name: str, severity: int) -> None:
    """Refuse a wrong word before anything is done.

    Raises:
        UsageError: there is no such kind or severity; the message names those that there are.
    """
    if name not in TYPES:
        raise UsageError(f"There is no type of damage {name!r}; there are {', '.join(TYPES)}.")
    if severity not in SEVERITIES:
        raise UsageError(f"There is no severity {severity}; there are 1 (slight) to 5 (hard).")
