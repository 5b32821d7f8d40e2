"""MLflow's ASGI application, with its database made or migrated before the first request.

`mlflow server` would import everything twice, once in a parent and once in the process that serves; uvicorn runs this
instead. The `_MLFLOW_SERVER_…` variables are what that command sets for its child, in the pinned version.

Who reaches MLflow may use it: it asks for no password. So that this means models and runs only, and not the files of
whoever started it, artifacts lie where the server keeps them and nowhere else, and what runs programs, writes files
elsewhere or asks other servers is not offered: assistant, jobs, gateway.
"""

import os
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, BACKEND_STORE_URI_ENV_VAR
from mlflow.server.handlers import initialize_backend_stores
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

os.environ["MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX"] = "^(runs|mlflow-artifacts|models):/"
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"

_Store: Any = SqlAlchemyStore
_create_experiment = _Store.create_experiment


def _create_here(store: SqlAlchemyStore, name: str, artifact_location: str | None = None, *more: Any,
                 **others: Any) -> Any:
    """MLflow itself would let a request choose any folder of this machine, and then read and write there."""
    if artifact_location:
        raise MlflowException("artifact_location cannot be chosen: artifacts lie where this server keeps them.",
                              INVALID_PARAMETER_VALUE)
    return _create_experiment(store, name, None, *more, **others)


_Store.create_experiment = _create_here

initialize_backend_stores(
    backend_store_uri=os.environ[BACKEND_STORE_URI_ENV_VAR],
    default_artifact_root=os.environ[ARTIFACT_ROOT_ENV_VAR])

from mlflow.server.fastapi_app import app as whole  # noqa: E402 - the stores first

UNNEEDED = ("/ajax-api/3.0/mlflow/assistant", "/ajax-api/3.0/jobs", "/gateway")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """MLflow, without what is not needed."""
    if scope["type"] == "http" and scope["path"].startswith(UNNEEDED):
        await PlainTextResponse("not offered here\n", 404)(scope, receive, send)
    else:
        await whole(scope, receive, send)


__all__ = ["app"]
