"""MLflow's ASGI application, with its database made or migrated before the first request.

`mlflow server` would import everything twice, once in a parent and once in the process that serves; uvicorn runs this
instead. The `_MLFLOW_SERVER_…` variables are what that command sets for its child, in the pinned version.
"""

import os

from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, BACKEND_STORE_URI_ENV_VAR
from mlflow.server.handlers import initialize_backend_stores

initialize_backend_stores(
    backend_store_uri=os.environ[BACKEND_STORE_URI_ENV_VAR],
    default_artifact_root=os.environ[ARTIFACT_ROOT_ENV_VAR])

from mlflow.server.fastapi_app import app  # noqa: E402 - the stores first

__all__ = ["app"]
