"""What the official client makes of a DataHub: run by its own Python, which has no gonogo; JSON in, JSON out."""

from __future__ import annotations

import json
import sys
from typing import Any

from datahub.emitter.mcp import MetadataChangeProposalWrapper
from datahub.emitter.request_helper import OpenApiRequest
from datahub.emitter.rest_emitter import pre_json_transform
from datahub.ingestion.graph.client import DatahubClientConfig, DataHubGraph
from datahub.metadata.schema_classes import (
    AuditStampClass,
    DatasetPropertiesClass,
    TelemetryClientIdClass,
    UpstreamClass,
    UpstreamLineageClass,
)


def urn_of(name: str) -> str:
    return f"urn:li:dataset:(urn:li:dataPlatform:kafka,{name},DEV)"


def lineage(upstream: str) -> UpstreamLineageClass:
    stamp = AuditStampClass(time=0, actor="urn:li:corpuser:unknown")
    return UpstreamLineageClass([UpstreamClass(dataset=upstream, type="TRANSFORMED", auditStamp=stamp)])


class Questions:
    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        config = DatahubClientConfig(
            server=given["url"], token=given["token"], openapi_ingestion=given.get("openapi"), retry_max_times=1
        )
        self.graph = DataHubGraph(config)

    def round(self) -> dict[str, Any]:
        graph, one, two = self.graph, urn_of("official-0"), urn_of("official-1")
        graph.test_connection()
        for urn, name in ((one, "official-0"), (two, "official-1")):
            graph.emit_mcp(MetadataChangeProposalWrapper(entityUrn=urn, aspect=DatasetPropertiesClass(name=name)))
        graph.emit_mcp(MetadataChangeProposalWrapper(entityUrn=two, aspect=lineage(one)))
        kept = graph.get_aspect(two, UpstreamLineageClass)
        properties = graph.get_aspect(two, DatasetPropertiesClass)
        related = list(graph.get_related_entities(one, ["DownstreamOf"], DataHubGraph.RelationshipDirection.INCOMING))
        found = sorted(graph.get_urns_by_filter(entity_types=["dataset"], query="official-*"))
        rows, _ = graph.hard_delete_entity(two)
        left = sorted(graph.get_urns_by_filter(entity_types=["dataset"], query="official-*"))
        graph.hard_delete_entity(one)
        return {
            "connected": True,
            "version": graph.server_config.raw_config["versions"]["acryldata/datahub"]["version"],
            "upstreams": [up.dataset for up in kept.upstreams] if kept else None,
            "name": properties.name if properties else None,
            "found": found,
            "related": [entity.urn for entity in related],
            "rows": rows,
            "left": left,
        }

    def reads(self) -> list[dict[str, Any]]:
        found = []
        for urn in self.given["urns"]:
            kept = self.graph.get_aspect(urn, UpstreamLineageClass)
            properties = self.graph.get_aspect(urn, DatasetPropertiesClass)
            assert properties is not None
            found.append(
                {
                    "upstreams": [up.dataset for up in kept.upstreams] if kept else [],
                    "name": properties.name,
                    "run": properties.customProperties["run"],
                    "valid": properties.validate() and (kept is None or kept.validate()),
                }
            )
        return found

    def sends(self) -> dict[str, Any]:
        aspect = lineage(self.given["upstream"])
        proposal = MetadataChangeProposalWrapper(entityUrn=self.given["urn"], aspect=aspect)
        request = OpenApiRequest.from_mcp(proposal, "", async_flag=False)
        assert request is not None
        for entity in request.payload:
            stamped = entity["upstreamLineage"]
            stamped.pop("systemMetadata"), stamped.pop("headers")
        told = pre_json_transform(proposal.to_obj())
        told.pop("systemMetadata", None)
        return {"path": request.url, "openapi": request.payload, "proposal": told}

    def lags(self) -> dict[str, Any]:
        return self.graph.get_kafka_consumer_offsets()

    def identity(self) -> str | None:
        held = self.graph.get_aspect("urn:li:telemetry:clientId", TelemetryClientIdClass)
        return held.clientId if held else None

    def queries(self) -> dict[str, Any]:
        given = {"input": {"urn": urn_of("a"), "query": "*", "count": 1}}
        return {name: self.graph.execute_graphql(query, given) for name, query in self.given["queries"].items()}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    try:
        questions = Questions(asked)
        answers = {name: getattr(questions, name)() for name in asked["questions"]}
    except Exception as error:
        if not asked.get("refused"):
            raise
        answers = {"refused": str(error)}
    sys.stdout.write(f"{json.dumps(answers)}\n")
