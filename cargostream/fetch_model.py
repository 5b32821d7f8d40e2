"""`python -m cargostream.fetch_model NAME VERSION DESTINATION`: download one registered version's artifact from the
server that MLFLOW_TRACKING_URI names.

A process of its own, so that mlflow stays out of the worker. Files are copied; nothing in them is loaded or run.
"""

import os
import resource
import sys

from cargostream.download import MAX_BYTES
from cargostream.process import die_with_parent


def main() -> None:
    """Copy the artifact into the folder DESTINATION."""
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_BYTES, MAX_BYTES))
    name, version, destination = sys.argv[1:]
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.artifacts import download_artifacts

    download_artifacts(artifact_uri=f"models:/{name}/{version}", dst_path=destination)


if __name__ == "__main__":
    main()
