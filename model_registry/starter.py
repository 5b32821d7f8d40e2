"""The model that ships, so that the first run needs no training."""

import os
import subprocess
import sys
from pathlib import Path

from cargostream.errors import CargostreamError
from cargostream.records import CHAMPION
from cargostream.registry import ask_aliases, open_registry
from cargostream.settings import Settings

STARTER = Path(__file__).resolve().parent / "starter"
TIMEOUT_S = 120


def ensure_champion(settings: Settings) -> None:
    """Register the starter model as champion if the registered model has none. Safe to repeat, and after a crash.

    Raises:
        Unavailable: MLflow cannot be reached.
        CargostreamError: it does not take the model.
    """
    with open_registry(settings.tracking_uri) as registry:
        if CHAMPION in ask_aliases(registry, settings.model_name):
            return
    # A process of its own: the caller lives as long as the stack and shall not carry mlflow's 200 MB.
    environment = os.environ | {
        "CARGOSTREAM_HOME": str(settings.home), "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "CARGOSTREAM_MODEL_NAME": settings.model_name}
    command = [sys.executable, "-m", "cargostream", "model", "register", str(STARTER)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise CargostreamError(f"Registering the starter model took longer than {TIMEOUT_S} s; "
                               f"see the log of mlflow.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1].removeprefix("error: ")
        raise CargostreamError(f"The starter model was not registered: {last}")
