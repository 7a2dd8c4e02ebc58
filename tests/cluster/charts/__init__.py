"""Charts whose pods run the real servers of the main job, made of the manifests in ``platform/``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from cluster.images import PLATFORM, image

HERE = Path(__file__).parent

COMPONENTS = sorted(path.parent.name for path in HERE.glob("*/helm.toml"))


def charts(folder: Path) -> None:
    """Each component's ``helm.toml`` with its chart beside it. The manifests' Secrets are for gonogo to make."""
    for component in COMPONENTS:
        place = folder / component
        shutil.copytree(HERE / component, place)
        templates = place / "chart" / "templates"
        templates.mkdir(parents=True)
        (place / "chart" / "Chart.yaml").write_text(f"apiVersion: v2\nname: {component}\nversion: 1.0.0\n")
        (place / "chart" / "values.yaml").write_text('{image: "", s3: ""}\n')
        given = place / "values.yaml"
        given.write_text((given.read_text() if given.exists() else "") + f"image: {image(component)}\n")
        manifest = (PLATFORM / f"{component}.yaml").read_text()
        kept = [one for one in re.split(r"^---\n", manifest, flags=re.MULTILINE) if "kind: Secret\n" not in one]
        text = "---\n".join(kept).replace("${namespace}", "{{ .Release.Namespace }}")
        for given, taken in {
            f"${{{component}_image}}": "{{ .Values.image }}",
            "http://s3:8333": "{{ .Values.s3 }}",
            "secretKeyRef: {name: s3,": "secretKeyRef: {name: mlflow-s3,",
            "${kafka_cluster_id}": "$(cat /secret/cluster_id)",
        }.items():
            text = text.replace(given, taken)
        if "shareProcessNamespace" not in text:  # else a server is the first process, which nothing inside stops
            text = re.sub(
                r"^( +)terminationGracePeriodSeconds: .*\n", r"\g<0>\1shareProcessNamespace: true\n", text, flags=re.M
            )
        (templates / "all.yaml").write_text(text)
