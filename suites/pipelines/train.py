"""The program that the check of the ML workflow hands to Ray: train in tasks, log to MLflow by REST.

It runs where Ray runs, with that Python and its standard library. Everything it is told stands in
environment variables; nothing secret stands in its text, which Ray shows to whoever lists its jobs.
"""

import base64
import json
import os
import ssl
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import ray

SERVER = os.environ["MLFLOW_TRACKING_URI"]
HEADERS = {"Host": os.environ["MLFLOW_HOST"], "Content-Type": "application/json"}
if "MLFLOW_TRACKING_USERNAME" in os.environ:
    account = os.environ["MLFLOW_TRACKING_USERNAME"] + ":" + os.environ["MLFLOW_TRACKING_PASSWORD"]
    HEADERS["Authorization"] = "Basic " + base64.b64encode(account.encode()).decode()
TLS = None
if SERVER.startswith("https"):
    TLS = ssl.create_default_context(cadata=os.environ.get("MLFLOW_CA"))
    if "MLFLOW_CERT" in os.environ and Path(os.environ["MLFLOW_CERT"]).exists():
        TLS.load_cert_chain(os.environ["MLFLOW_CERT"], os.environ["MLFLOW_KEY"])
CORRELATION = os.environ["CORRELATION"]
SECONDS = {}
"""Hop to what its calls took."""
POINTS = [(x / 10, 2 * x / 10 + 1) for x in range(10)]


@ray.remote(num_cpus=0.25)
def trained(rate):
    """A line through the points, by gradient descent with this learning rate: its loss, slope and height at 0."""
    slope = height = 0.0
    for _ in range(2000):
        errors = [(slope * x + height - y, x) for x, y in POINTS]
        slope -= rate * sum(e * x for e, x in errors) / len(errors)
        height -= rate * sum(e for e, _ in errors) / len(errors)
    return sum((slope * x + height - y) ** 2 for x, y in POINTS), slope, height


def refused(hop, said):
    """End, and say where and why."""
    sys.stdout.write(json.dumps({"path": {"seconds": SECONDS, "hop": hop, "refused": said}}) + "\n")
    sys.exit(1)


def ask(path, body, method="POST"):
    """One call of MLflow's REST interface."""
    began = time.monotonic()
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urlopen(Request(SERVER + path, data, HEADERS, method=method), timeout=20, context=TLS) as answer:
            return json.loads(answer.read() or b"{}")
    except HTTPError as error:
        said = f"{method} {path}: HTTP {error.code} {error.read(300).decode(errors='replace')}"
        # a 5xx of the way of artifacts is the store's, which the server asks
        refused("S3" if "/mlflow-artifacts/" in path and error.code >= 500 else "MLflow", said)
    except (URLError, ssl.SSLError) as error:
        if not isinstance(error if isinstance(error, ssl.SSLError) else error.reason, ssl.SSLError):
            raise
        refused("MLflow", f"{method} {path}: {error}")
    finally:
        hop = "S3" if "/mlflow-artifacts/" in path else "MLflow"
        SECONDS[hop] = SECONDS.get(hop, 0) + time.monotonic() - began


ray.init(log_to_driver=False)
loss, slope, height = min(ray.get([trained.remote(rate) for rate in (0.5, 1.0)]))
model = json.dumps({"correlation": CORRELATION, "slope": slope, "height": height}).encode()

now = int(time.time() * 1000)
tags = [{"key": "correlation", "value": CORRELATION}]
experiment = os.environ["MLFLOW_EXPERIMENT_ID"]
run = ask("/api/2.0/mlflow/runs/create", {"experiment_id": experiment, "start_time": now, "tags": tags})["run"]["info"]
metrics = [{"key": "loss", "value": loss, "timestamp": now, "step": 0}]
ask("/api/2.0/mlflow/runs/log-batch", {"run_id": run["run_id"], "metrics": metrics})
place = run["artifact_uri"].removeprefix("mlflow-artifacts:/").lstrip("/")
ask(f"/api/2.0/mlflow-artifacts/artifacts/{place}/{CORRELATION}/model.json", model, "PUT")
ask("/api/2.0/mlflow/runs/update", {"run_id": run["run_id"], "status": "FINISHED", "end_time": now})
sys.stdout.write(f"correlation {CORRELATION} run {run['run_id']} model {model.decode()}\n")
sys.stdout.write(json.dumps({"path": {"seconds": SECONDS}}) + "\n")
