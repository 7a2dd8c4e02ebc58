"""The program that the check of batch scoring hands to Ray: score a batch with a registered model, and load it.

It runs where Ray runs, with that Python. Everything it is told stands in environment variables: its accounts are its
own, and go with it. It says as JSON what it saw.
"""

import base64
import importlib.util
import json
import os
import ssl
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import ray

SEPARATOR = "|"
LOADED = ("Success", "Publish Timeout")
"""What Doris calls a load that is committed."""


def say(**told):
    """The last line, which the check reads."""
    sys.stdout.write(json.dumps({"path": told}) + "\n")
    sys.stdout.flush()


if importlib.util.find_spec("mlflow") is None:
    say(missing="mlflow")
    sys.exit(1)


@ray.remote(num_cpus=0.25, max_retries=0)
def scored(told):
    """A task: the predictions for the batch, the seconds at each hop, and where it was refused, and how.

    It is tried once: a load that was made, and tried again, would be refused by its label.
    """
    found = {"seconds": {}, "hop": ""}
    try:
        found["predicted"] = predictions(told, found)
        words = (f"{told['CORRELATION']} {value!r}" for value in found["predicted"])
        rows = [f"{number}{SEPARATOR}{word}" for number, word in enumerate(words, 1)]
        with at("Doris", found):
            load(told, rows)
    except Exception as error:
        if not found["hop"]:
            raise
        found["refused"] = f"{type(error).__name__}: {error}"[:500]
    return found


@contextmanager
def at(hop, found):
    """What the body raises was refused at this hop."""
    found["hop"], began = hop, time.monotonic()
    try:
        yield
    finally:
        found["seconds"][hop] = time.monotonic() - began
    found["hop"] = ""


def predictions(told, found):
    """What the model of that name answers, loaded by MLflow's own library, which keeps nothing that it brought."""
    with tempfile.TemporaryDirectory(prefix="gonogo-") as folder:
        os.environ.update(of_library(told, Path(folder)))
        from mlflow import pyfunc
        from mlflow.artifacts import download_artifacts
        from mlflow.tracking import MlflowClient

        with at("MLflow", found):
            source = MlflowClient().get_model_version_download_uri(told["MODEL"], "1")
        with at("S3", found):
            kept = download_artifacts(artifact_uri=source, dst_path=folder)
        return [float(value) for value in pyfunc.load_model(kept).predict(json.loads(told["ASKED"]))]


def of_library(told, folder):
    """What MLflow's library is told besides, with the certificates that it is to show and to trust in files."""
    given = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
    given |= {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
    if "MLFLOW_CA" in told:
        folder.joinpath("ca.pem").write_text(told["MLFLOW_CA"])
        given["MLFLOW_TRACKING_SERVER_CERT_PATH"] = str(folder / "ca.pem")
    if "MLFLOW_CERT" in told and Path(told["MLFLOW_CERT"]).exists():
        files, pair = dict.fromkeys((told["MLFLOW_CERT"], told["MLFLOW_KEY"])), folder / "client.pem"
        pair.touch(mode=0o600)
        pair.write_text("\n".join(Path(one).read_text() for one in files))
        given["MLFLOW_TRACKING_CLIENT_CERT_PATH"] = str(pair)
    return given


def load(told, rows):
    """One stream load, whose label is the correlation id. A frontend leads it on to a backend, and nowhere else."""
    account = f"{told['DORIS_USERNAME']}:{told['DORIS_PASSWORD']}".encode()
    headers = {
        "Authorization": "Basic " + base64.b64encode(account).decode(),
        "Expect": "100-continue",  # without it a frontend does not lead on
        "label": told["CORRELATION"],
        "column_separator": SEPARATOR,
        "format": "csv",
    }
    path, body = f"/api/{told['DORIS_TABLE']}/_stream_load", "\n".join(rows).encode()
    status, place, answer = put(told["DORIS_URL"], path, body, headers, told)
    if status == 307:
        to, known = urlsplit(place), told["DORIS_BACKENDS"].split()
        if f"{to.hostname}:{to.port}" not in known or to.scheme != urlsplit(told["DORIS_URL"]).scheme:
            raise ValueError(f"the load was led to {to.scheme}://{to.hostname}:{to.port}, which is no backend's")
        status, _, answer = put(f"{to.scheme}://{to.hostname}:{to.port}", path, body, headers, told)
    try:
        said = json.loads(answer)
        done = said["Status"] in LOADED and said["NumberLoadedRows"] == len(rows)
    except (ValueError, KeyError, TypeError):
        done = False
    if not done:
        raise ValueError(f"HTTP {status} {answer.decode(errors='replace')}")


def put(url, path, body, headers, told):
    """Status, address to go on to and body of an answer."""
    to = urlsplit(url)
    if to.scheme == "https":
        tls = ssl.create_default_context(cadata=told.get("DORIS_CA"))
        if "DORIS_CERT" in told and Path(told["DORIS_CERT"]).exists():
            tls.load_cert_chain(told["DORIS_CERT"], told["DORIS_KEY"])
        connection = HTTPSConnection(to.hostname, to.port, timeout=20, context=tls)
    else:
        connection = HTTPConnection(to.hostname, to.port, timeout=20)
    with closing(connection):
        connection.request("PUT", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location", ""), answer.read(2000)


ray.init(log_to_driver=False)
told = {
    key: os.environ[key] for key in os.environ if key.startswith(("CORRELATION", "MODEL", "ASKED", "MLFLOW_", "DORIS_"))
}
found = ray.get(scored.remote(told))
if "refused" in found:
    say(seconds=found["seconds"], hop=found["hop"], refused=found["refused"])
    sys.exit(1)
sys.stdout.write(f"correlation {os.environ['CORRELATION']}\n")
say(seconds=found["seconds"], found={"predicted": found["predicted"]})
