"""The program that the check of serving hands to Ray: deploy the registered model, ask it over HTTP, and take it down.

It runs where Ray runs, with that Python. Serve is started on loopback and a free port, and ends with this program;
where it runs already, the application is one more of it, and only that one goes. Everything it is told stands in
environment variables. It says as JSON what it saw.
"""

import importlib.util
import json
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

CORRELATION, APPLICATION = os.environ["CORRELATION"], os.environ["APPLICATION"]
ASKED, WITHIN = json.loads(os.environ["ASKED"]), float(os.environ["SECONDS"])
SECONDS = {}
"""Hop to what it took."""


def say(**told):
    """The last line, which the check reads."""
    sys.stdout.write(json.dumps({"path": {"seconds": SECONDS, **told}}) + "\n")
    sys.stdout.flush()


for package in ("mlflow", "fastapi", "starlette", "uvicorn"):
    if importlib.util.find_spec(package) is None:
        say(missing=package)
        sys.exit(1)
try:
    import ray
    from ray import serve
except ImportError as error:
    say(missing=error.name or "ray[serve]")
    sys.exit(1)


class Served:
    """What loads the model by its name of the registry, and answers with its predictions.

    What it was refused on the way is its answer too: an error here would only have Serve try again.
    """

    def __init__(self, told):
        self.seconds, self.refused, self.at = {}, "", ""
        stay_on_loopback()
        with tempfile.TemporaryDirectory(prefix="gonogo-") as folder:
            try:
                self.load(told, Path(folder))
            except Exception as error:
                self.refused = f"{type(error).__name__}: {error}"[:500]

    def load(self, told, folder):
        """From the registry, by MLflow's own library, which keeps nothing that it brought."""
        os.environ.update(of_library(told, folder))
        self.at = "Ray Serve"
        from mlflow import pyfunc
        from mlflow.artifacts import download_artifacts
        from mlflow.tracking import MlflowClient

        self.at, began = "MLflow", time.monotonic()  # the library's own loading is of what serves
        source = MlflowClient().get_model_version_download_uri(told["MODEL"], "1")
        self.seconds["MLflow"], self.at, began = time.monotonic() - began, "S3", time.monotonic()
        model = download_artifacts(artifact_uri=source, dst_path=str(folder))
        self.seconds["S3"], self.at = time.monotonic() - began, "Ray Serve"
        self.model = pyfunc.load_model(model)
        self.correlation = json.loads(Path(model, "line.json").read_text())["correlation"]

    async def __call__(self, request):
        told = {"seconds": self.seconds, "hop": self.at, "refused": self.refused}
        if self.refused:
            return told
        return {**told, "correlation": self.correlation, "predicted": self.model.predict(await request.json())}


def of_library(told, folder):
    """What MLflow's library is told, with the certificates that it is to show and to trust in files."""
    given = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
    given |= {key: told[key] for key in told if key.startswith("MLFLOW_TRACKING_")}
    given |= {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
    if "MLFLOW_CA" in told:
        folder.joinpath("ca.pem").write_text(told["MLFLOW_CA"])
        given["MLFLOW_TRACKING_SERVER_CERT_PATH"] = str(folder / "ca.pem")
    if "MLFLOW_CERT" in told and Path(told["MLFLOW_CERT"]).exists():
        files = dict.fromkeys((told["MLFLOW_CERT"], told["MLFLOW_KEY"]))
        pair = folder / "client.pem"
        pair.touch(mode=0o600)
        pair.write_text("\n".join(Path(file).read_text() for file in files))
        given["MLFLOW_TRACKING_CLIENT_CERT_PATH"] = str(pair)
    return given


def stay_on_loopback():
    """Keep a replica's server for other replicas off every interface, where the cluster itself is on loopback.

    Serve binds it to all of them (seen in 2.60). This is private API: elsewhere, and where it is called otherwise,
    nothing is touched.
    """
    replica = sys.modules.get("ray.serve._private.replica")
    bind = getattr(replica, "add_port_to_grpc_server", None)
    if bind is not None and ray.util.get_node_ip_address().startswith("127."):
        replica.add_port_to_grpc_server = lambda server, address: bind(server, address.replace("[::]", "127.0.0.1"))


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def started():
    """Where Serve listens, and whether this program started it."""
    from ray.serve.context import _get_global_client

    client = _get_global_client(raise_if_no_controller_running=False)
    if client is not None:
        http = client.http_config
        host = "127.0.0.1" if http.host in (None, "0.0.0.0", "::") else http.host
        return f"http://{host}:{http.port}", False
    from ray.experimental.internal_kv import _internal_kv_put

    # whoever cleans up after this program, where it is killed, learns from it whose Serve this is
    _internal_kv_put(f"started by {APPLICATION}".encode(), b"1")
    port = free_port()
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
    return f"http://127.0.0.1:{port}", True


def ask(address):
    """The answer of the application over HTTP."""
    url, body = f"{address}/{APPLICATION}", json.dumps(ASKED).encode()
    try:
        with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=20) as answer:
            return json.loads(answer.read())
    except HTTPError as error:
        return {"hop": "Ray Serve", "refused": f"HTTP {error.code} {error.read(300).decode(errors='replace')}"}
    except (URLError, TimeoutError, ValueError) as error:
        return {"hop": "Ray Serve", "refused": f"{type(error).__name__}: {error}"}


def deployed(application):
    """Why Serve has not deployed the application in time; empty where it has."""
    errors = []

    def run():
        try:
            serve.run(application, name=APPLICATION, route_prefix=f"/{APPLICATION}")
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}"[:500])

    running = Thread(target=run, daemon=True)  # Serve itself waits without a limit
    running.start()
    running.join(WITHIN)
    if running.is_alive():
        told = serve.status().applications.get(APPLICATION)
        waits = [f"{d.status}: {d.message}" for d in told.deployments.values()] if told else []
        return f"not deployed within {WITHIN:g} s: {told and told.status}; {'; '.join(waits)}"[:600]
    return errors[0] if errors else ""


# a job that is stopped takes down what it deployed
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
ray.init(log_to_driver=False)
began = time.monotonic()
address, ours = started()
try:
    served = serve.deployment(
        Served,
        name="model",
        ray_actor_options={"num_cpus": 0.25},
        graceful_shutdown_timeout_s=2,
        graceful_shutdown_wait_loop_s=0.1,
    )
    told = {key: os.environ[key] for key in os.environ if key == "MODEL" or key.startswith("MLFLOW_")}
    refused = deployed(served.bind(told))
    answer = {"hop": "Ray Serve", "refused": refused} if refused else ask(address)
    SECONDS.update(answer.get("seconds", {}))
    SECONDS["Ray Serve"] = time.monotonic() - began - sum(SECONDS.get(hop, 0) for hop in ("MLflow", "S3"))
finally:
    serve.delete(APPLICATION)
    if ours and not serve.status().applications:
        serve.shutdown()
if answer.get("refused"):
    say(hop=answer["hop"], refused=answer["refused"])
    sys.exit(1)
sys.stdout.write(f"correlation {CORRELATION}\n")
say(found={key: answer.get(key) for key in ("correlation", "predicted")})
