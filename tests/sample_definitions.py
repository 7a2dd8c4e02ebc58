"""Definitions of custom resources, and charts, cut down to the fields that tests write; names are those of real ones.

Kafka and KafkaNodePool as of Strimzi 1.2, DorisCluster of its operator 26.0, RayCluster of KubeRay 1.7; the charts
are bitnami/kafka 32.4, neo4j/neo4j 5.17, datahub/datahub 1.1, community-charts/mlflow 1.11.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from gonogo.providers.helm.mistakes import Definition, definitions

KAFKA = """
type: object
properties:
  spec:
    type: object
    required: [kafka]
    properties:
      kafka:
        type: object
        required: [listeners]
        properties:
          version: {type: string}
          metadataVersion: {type: string}
          config: {type: object, x-kubernetes-preserve-unknown-fields: true}
          listeners:
            type: array
            minItems: 1
            items:
              type: object
              required: [name, port, type, tls]
              properties:
                name: {type: string, pattern: "^[a-z0-9]{1,11}$"}
                port: {type: integer, minimum: 9092}
                type: {type: string, enum: [internal, route, loadbalancer, nodeport, ingress, cluster-ip]}
                tls: {type: boolean}
      entityOperator:
        type: object
        properties:
          topicOperator: {type: object, properties: {watchedNamespace: {type: string}}}
"""
POOL = """
type: object
properties:
  spec:
    type: object
    required: [replicas, storage, roles]
    properties:
      replicas: {type: integer, minimum: 0}
      roles: {type: array, items: {type: string, enum: [controller, broker]}}
      resources: {type: object, properties: {limits: AMOUNTS, requests: AMOUNTS}}
      storage:
        type: object
        required: [type]
        properties:
          type: {type: string, enum: [ephemeral, persistent-claim, jbod]}
          volumes:
            type: array
            items:
              type: object
              required: [type]
              properties:
                id: {type: integer}
                type: {type: string, enum: [ephemeral, persistent-claim]}
                size: {type: string}
                kraftMetadata: {type: string, enum: [shared]}
                deleteClaim: {type: boolean}
"""
NODES = """
type: object
required: [image]
properties:
  replicas: {type: integer}
  electionNumber: {type: integer}
  image: {type: string}
  limits: AMOUNTS
  requests: AMOUNTS
  skipDefaultSystemInit: {type: boolean}
  configMapInfo: {type: object, properties: {configMapName: {type: string}, resolveKey: {type: string}}}
  persistentVolumes:
    type: array
    items:
      type: object
      properties:
        name: {type: string}
        mountPath: {type: string}
        persistentVolumeClaimSpec:
          type: object
          properties:
            accessModes: {type: array, items: {type: string}}
            storageClassName: {type: string}
            resources: {type: object, properties: {requests: AMOUNTS}}
"""
DORIS = """
type: object
properties:
  spec: {type: object, properties: {feSpec: NODES, beSpec: NODES}}
"""
GROUP = """
type: object
required: [template]
properties:
  rayStartParams: {type: object, additionalProperties: {type: string}}
  template: {type: object, properties: {spec: {type: object, properties: {containers: {type: array, items: {type: object, required: [name], properties: {name: {type: string}, image: {type: string}, resources: {type: object, properties: {limits: AMOUNTS, requests: AMOUNTS}}}}}}}}}
"""  # noqa: E501
RAY = """
type: object
properties:
  spec:
    type: object
    required: [headGroupSpec]
    properties:
      rayVersion: {type: string}
      enableInTreeAutoscaling: {type: boolean}
      headGroupSpec: GROUP
      workerGroupSpecs: {type: array, items: WORKERS}
"""
AMOUNTS = {
    "type": "object",
    "additionalProperties": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
}


def _filled(schema: Any, parts: dict[str, Any]) -> Any:
    """With the named parts in their place."""
    if isinstance(schema, dict):
        return {key: _filled(one, parts) for key, one in schema.items()}
    if isinstance(schema, list):
        return [_filled(one, parts) for one in schema]
    return parts.get(schema, schema) if isinstance(schema, str) else schema


def _definition(group: str, kind: str, text: str, *versions: dict[str, Any]) -> Definition:
    nodes = _filled(yaml.safe_load(NODES), {"AMOUNTS": AMOUNTS})
    head = _filled(yaml.safe_load(GROUP), {"AMOUNTS": AMOUNTS})
    more = {"groupName": "string", "replicas": "integer", "minReplicas": "integer", "maxReplicas": "integer"}
    workers = {
        **head,
        "required": ["groupName", "template"],
        "properties": {**head["properties"], **{name: {"type": one} for name, one in more.items()}},
    }
    parts = {"AMOUNTS": AMOUNTS, "NODES": nodes, "GROUP": head, "WORKERS": workers}
    schema = {"openAPIV3Schema": _filled(yaml.safe_load(text), parts)}
    spec = {
        "group": group,
        "names": {"kind": kind, "plural": f"{kind.lower()}s"},
        "versions": [{"served": True, "schema": schema, **one} for one in versions],
    }
    [found] = definitions([{"kind": "CustomResourceDefinition", "spec": spec}])
    return found


V1 = {"name": "v1", "storage": True}
DEFINITIONS = [
    _definition("kafka.strimzi.io", "Kafka", KAFKA, V1),
    _definition("kafka.strimzi.io", "KafkaNodePool", POOL, V1),
    _definition("doris.selectdb.com", "DorisCluster", DORIS, V1),
    _definition("ray.io", "RayCluster", RAY, V1, {"name": "v1alpha1", "deprecated": True}),
]

VALUES = {
    "kafka": """
controller: {replicaCount: 3, controllerOnly: false, persistence: {enabled: true, size: 8Gi}, extraEnvVars: []}
broker: {replicaCount: 0, persistence: {enabled: true, size: 8Gi}}
listeners: {client: {protocol: SASL_PLAINTEXT}}
""",
    "neo4j": """
neo4j: {name: "", password: "", passwordFromSecret: "", edition: community, resources: {cpu: "1000m", memory: 2Gi}}
disableLookups: false
volumes:
  data:
    mode: ""
    defaultStorageClass: {accessModes: [ReadWriteOnce], requests: {storage: 10Gi}}
    dynamic: {storageClassName: neo4j, accessModes: [ReadWriteOnce], requests: {storage: 100Gi}}
services: {neo4j: {enabled: true, spec: {type: LoadBalancer}}}
env: {}
""",
    "datahub": """
global:
  graph_service_impl: elasticsearch
  datahub_standalone_consumers_enabled: false
  elasticsearch: {host: es, port: "9200", useSSL: "false"}
  kafka: {bootstrap: {server: "kafka:9092"}}
  neo4j: {host: "neo4j:7474", uri: "bolt://neo4j", username: neo4j, password: {secretRef: s, secretKey: k}}
  sql: {datasource: {host: "mysql:3306", port: "3306", username: root}}
datahubSystemUpdate: {enabled: true, sql: {setup: {createDatabase: true}}}
""",
    "mlflow": """
replicaCount: 1
backendStore: {postgres: {enabled: false, host: "", port: 5432, database: "", user: "", password: ""}}
artifactRoot: {proxiedArtifactStorage: false, s3: {enabled: false, bucket: "", awsAccessKeyId: "", awsSecretAccessKey: ""}}
auth: {enabled: false}
""",  # noqa: E501
}


def _closed(values: Any) -> dict[str, Any]:
    """A schema that takes these keys, of these types, and no others."""
    if isinstance(values, dict):
        inner = {key: _closed(one) for key, one in values.items()}
        return {"type": "object", "additionalProperties": False, "properties": inner}
    kinds = {bool: "boolean", int: "integer", str: "string"}
    return {"type": kinds[type(values)]}


def charts(folder: Path) -> Path:
    """The charts, each in a folder of its name."""
    for name, text in VALUES.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n")
        (folder / name / "values.yaml").write_text(text)
    (folder / "mlflow/values.schema.json").write_text(json.dumps(_closed(yaml.safe_load(VALUES["mlflow"]))))
    return folder
