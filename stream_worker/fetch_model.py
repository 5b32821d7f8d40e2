"""`python -m stream_worker.fetch_model URI NAME VERSION DESTINATION`: download one registered version's artifact.

A process of its own, so that mlflow stays out of the worker. Files are copied; nothing in them is loaded or run.
"""

import ctypes
import os
import signal
import sys


def main() -> None:
    """Copy the artifact into the folder DESTINATION."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)  # not to outlive a killed worker
    uri, name, version, destination = sys.argv[1:]
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ["MLFLOW_TRACKING_URI"] = uri  # as an argument it would not reach the registry
    from mlflow.artifacts import download_artifacts

    download_artifacts(artifact_uri=f"models:/{name}/{version}", dst_path=destination)


if __name__ == "__main__":
    main()
