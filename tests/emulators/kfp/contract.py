"""What the official SDK asks of the emulator, and takes: ``python tests/emulators/kfp/contract.py`` where kfp is.

kfp wants an older `kubernetes` than gonogo, so it has an environment of its own: ``tox -e emulator-kfp``.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[2]))

from emulators.kfp import Kubeflow, serving
from kfp_server_api import ApiException

import kfp
from kfp import compiler, dsl


@dsl.container_component
def write(text: str, kept: dsl.Output[dsl.Artifact]):
    command = 'mkdir -p "$(dirname "$1")" && printf %s "$0" > "$1"'
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", command], args=[text, kept.path])


@dsl.container_component
def compare(text: str, kept: dsl.Input[dsl.Artifact]):
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", 'test "$(cat "$1")" = "$0"'], args=[text, kept.path])


@dsl.container_component
def broken():
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", "exit 7"])


@dsl.container_component
def endless():
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", "sleep 600"])


@dsl.pipeline(name="hello")
def hello(text: str = "kept"):
    first = write(text=text)
    compare(text=text, kept=first.outputs["kept"])


@dsl.pipeline(name="failing")
def failing():
    broken().set_caching_options(False)


@dsl.pipeline(name="waiting")
def waiting():
    endless().set_caching_options(False)


def compiled(folder: Path, pipeline) -> str:
    path = str(folder / f"{pipeline.name}.yaml")
    compiler.Compiler().compile(pipeline, path)
    return path


def refused(ask, status: int) -> None:
    try:
        ask()
    except ApiException as error:
        told = error.status
    else:
        told = 200
    assert told == status


def single_user(client: kfp.Client, folder: Path) -> None:
    assert client.get_kfp_healthz().multi_user is False
    assert client.list_pipelines().pipelines is None, "an empty list has no array"

    made = client.upload_pipeline(compiled(folder, hello), pipeline_name="hello")
    assert client.get_pipeline_id("hello") == made.pipeline_id
    (version,) = client.list_pipeline_versions(made.pipeline_id).pipeline_versions
    refused(lambda: client.upload_pipeline(compiled(folder, hello), pipeline_name="hello"), 409)
    refused(lambda: client.delete_pipeline(made.pipeline_id), 400)

    experiment = client.create_experiment("trying")
    assert client.get_experiment(experiment_name="trying").experiment_id == experiment.experiment_id
    run = client.run_pipeline(experiment.experiment_id, "one", pipeline_id=made.pipeline_id,
                              version_id=version.pipeline_version_id, params={"text": "of ours"})  # fmt: skip
    assert run.state == "PENDING"
    done = client.wait_for_run_completion(run.run_id, timeout=30, sleep_duration=0)
    assert done.state == "SUCCEEDED"
    assert [h.state for h in done.state_history] == ["PENDING", "RUNNING", "SUCCEEDED"]
    states = {one.display_name: one.state for one in done.run_details.task_details if one.display_name}
    assert (states["write"], states["compare"], states["executor"]) == ("SUCCEEDED",) * 3
    again = client.run_pipeline(experiment.experiment_id, "two", pipeline_id=made.pipeline_id,
                                version_id=version.pipeline_version_id, params={"text": "of ours"})  # fmt: skip
    cached = client.wait_for_run_completion(again.run_id, timeout=30, sleep_duration=0)
    assert {t.state for t in cached.run_details.task_details if t.display_name == "executor"} == {"SKIPPED"}
    listed = client.list_runs(experiment_id=experiment.experiment_id, sort_by="created_at desc", page_size=1)
    assert (listed.runs[0].display_name, listed.total_size, bool(listed.next_page_token)) == ("two", 2, True)
    refused(lambda: client.list_runs(sort_by="nothing"), 400)
    refused(lambda: client.get_run("nosuch"), 404)

    fails = client.create_run_from_pipeline_package(compiled(folder, failing), experiment_name="trying")
    told = client.wait_for_run_completion(fails.run_id, timeout=30, sleep_duration=0)
    assert (told.state, told.error) == ("FAILED", None)

    waits = client.create_run_from_pipeline_package(compiled(folder, waiting), experiment_name="trying")
    assert [client.get_run(waits.run_id).state for _ in range(2)] == ["PENDING", "RUNNING"]
    client.terminate_run(waits.run_id)
    assert [client.get_run(waits.run_id).state for _ in range(2)] == ["CANCELING", "FAILED"]
    refused(lambda: client.terminate_run(waits.run_id), 400)

    often = client.create_recurring_run(experiment.experiment_id, "often", pipeline_id=made.pipeline_id,
                                        version_id=version.pipeline_version_id, interval_second=10)  # fmt: skip
    assert (often.status, often.mode) == ("ENABLED", "ENABLE")
    made_by_it = [one for one in client.list_runs(page_size=50).runs if one.recurring_run_id]
    assert {one.recurring_run_id for one in made_by_it} == {often.recurring_run_id}
    client.disable_recurring_run(often.recurring_run_id)
    assert client.get_recurring_run(often.recurring_run_id).status == "DISABLED"
    assert len(client.list_recurring_runs().recurring_runs) == 1
    client.delete_recurring_run(often.recurring_run_id)

    client.delete_run(run.run_id)
    refused(lambda: client.get_run(run.run_id), 404)
    client.delete_experiment(experiment.experiment_id)
    client.delete_pipeline_version(made.pipeline_id, version.pipeline_version_id)
    client.delete_pipeline(made.pipeline_id)
    assert client.list_pipelines().pipelines is None


def multi_user(kubeflow: Kubeflow) -> None:
    client = kfp.Client(host=kubeflow.url, existing_token="of-ours", namespace="team")
    assert client.get_kfp_healthz().multi_user is True
    made = client.create_experiment("trying", namespace="team")
    assert made.namespace == "team"
    assert [one.display_name for one in client.list_experiments(namespace="team").experiments] == ["trying"]
    refused(lambda: client.list_experiments(namespace="others"), 403)
    refused(lambda: kfp.Client(host=kubeflow.url, existing_token="x", namespace="team").list_experiments(), 401)


def main() -> None:
    with TemporaryDirectory() as folder:
        with serving() as kubeflow:
            single_user(kfp.Client(host=kubeflow.url), Path(folder))
        with serving(Kubeflow(multi_user=True, tokens={"of-ours": ["team"]})) as kubeflow:
            multi_user(kubeflow)
    sys.stdout.write(f"kfp {kfp.__version__} takes the emulator's answers\n")


if __name__ == "__main__":
    main()
