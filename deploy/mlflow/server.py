"""MLflow's tracking server with its basic-auth app, in one process.

``mlflow server --app-name basic-auth`` prepares the stores and then starts uvicorn in a second interpreter,
which imports everything again: 7.5 s until it answers, against 3.4 s here. What it is told it reads from the
same environment variables as that command, so that no password stands on a command line.
"""

from __future__ import annotations

import os
import ssl
import sys
from typing import Any

import boto3
import botocore.session
import uvicorn  # before mlflow.server, which looks whether it runs under one
from botocore.config import Config
from mlflow.environment_variables import _MLFLOW_SGI_NAME
from mlflow.server import _UVICORN_LOG_CONFIG, constants

ARTIFACT_ROOT = "mlflow-artifacts:/"
"""What makes artifacts go through the server: clients then need no key of the store behind it."""


def main() -> None:
    """Serve on 127.0.0.1 at the port given as the only argument, until SIGTERM."""
    backend = os.environ["MLFLOW_BACKEND_STORE_URI"]
    os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = backend
    os.environ[constants.ARTIFACTS_DESTINATION_ENV_VAR] = os.environ["MLFLOW_ARTIFACTS_DESTINATION"]
    os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = ARTIFACT_ROOT
    os.environ[constants.SERVE_ARTIFACTS_ENV_VAR] = "true"
    os.environ[_MLFLOW_SGI_NAME.name] = "uvicorn"

    from mlflow.server.handlers import initialize_backend_stores

    tls: dict[str, Any] = {}
    if cert := os.environ.get("SERVER_CERT"):
        key, clients = os.environ["SERVER_KEY"], os.environ.get("SERVER_CA")
        shown_to_the_store(cert, key)
        tls = {"ssl_certfile": cert, "ssl_keyfile": key}
        if clients:
            tls |= {"ssl_ca_certs": clients, "ssl_cert_reqs": ssl.CERT_REQUIRED}
    # the tables are made before the port opens, or the first two requests would both make them
    initialize_backend_stores(backend, backend, ARTIFACT_ROOT)
    uvicorn.run(
        "mlflow.server.auth:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_config=str(_UVICORN_LOG_CONFIG),
        **tls,
    )


def shown_to_the_store(cert: str, key: str) -> None:
    """Have MLflow's clients of S3 show this certificate: none of its settings names one, nor do boto3's files."""
    session = botocore.session.get_session()
    session.set_default_client_config(Config(client_cert=(cert, key)))
    boto3.setup_default_session(botocore_session=session)


if __name__ == "__main__":
    main()
