"""How sure a network may be: one number that its logits are divided by."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

BOUNDS = (0.05, 20.0)


def temperature(logits: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]) -> float:
    """The temperature at which logits, (n, classes), explain the true classes, (n,), best: their likelihood is largest.

    Temperature scaling of Guo et al., On Calibration of Modern Neural Networks, arXiv 1706.04599. It changes no answer,
    only how sure it is.
    """
    values = logits.astype(np.float64)

    def loss(power: float) -> float:
        return float(-log_softmax(values / np.exp(power), axis=1)[np.arange(len(truth)), truth].mean())

    found = minimize_scalar(loss, bounds=np.log(BOUNDS), method="bounded")
    return float(np.exp(found.x))
