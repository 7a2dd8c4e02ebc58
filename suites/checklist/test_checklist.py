"""May we deploy? The pre-deployment checklist: seven lines of the plan, and what it forgot."""

from __future__ import annotations

import pytest

from fixtures.checklist import Checklist, met
from fixtures.health import Health
from gonogo import at_least, expect, something


@pytest.mark.criterion("checklist.answers")
@pytest.mark.needs("kubernetes")
def test_the_place_is_the_one_that_is_meant(checklist: Checklist) -> None:
    """The cluster answers, and is the one that the target file means."""
    expect(checklist.answers(), something(), cause="checklist.answer_garbled")


# -- the seven lines


@pytest.mark.criterion("checklist.health")
@pytest.mark.needs("kubernetes")
def test_enough_pods_are_healthy_to_deploy_on_top_of_them(checklist: Checklist, health: Health) -> None:
    """The share of healthy pods, strictly counted, reaches the checklist's threshold."""
    seen = checklist.health(health.tally())

    expect(seen.strict, at_least(checklist.health_threshold, "%"), cause="checklist.health_short", message=str(seen))


@pytest.mark.criterion("checklist.storage")
@pytest.mark.needs("kubernetes")
def test_there_is_storage_for_every_planned_claim(checklist: Checklist) -> None:
    """Every claim of the plan has room in its class, as far as that class tells."""
    seen = checklist.storage()

    expect(seen, met(seen), cause="checklist.storage_short")


@pytest.mark.criterion("checklist.services")
def test_every_service_that_has_to_run_before_answers(checklist: Checklist) -> None:
    """Each service that the target file names answers its own client."""
    seen = checklist.services()

    expect(seen, met(seen), cause="checklist.service_down")


@pytest.mark.criterion("checklist.backup")
def test_the_newest_backup_is_young_enough(checklist: Checklist) -> None:
    """Every place that the target file names shows a backup that is young enough, and that nothing speaks against."""
    seen = checklist.backup()

    expect(seen, met(seen), cause="checklist.backup_missing")


@pytest.mark.criterion("checklist.git")
def test_what_is_checked_out_is_what_is_pushed(checklist: Checklist) -> None:
    """Nothing is uncommitted, and the commit is the one of the remote's branch."""
    seen = checklist.git()

    expect(seen, met(seen), cause="checklist.uncommitted")


@pytest.mark.criterion("checklist.revision")
@pytest.mark.needs("kubernetes")
def test_argo_cd_runs_what_is_checked_out(checklist: Checklist) -> None:
    """Every Application of this repository runs the commit that is checked out."""
    seen = checklist.revision()

    expect(seen, met(seen), cause="checklist.revision_differs")


@pytest.mark.criterion("checklist.applications")
@pytest.mark.needs("kubernetes")
def test_the_applications_of_argo_cd_are_well(checklist: Checklist) -> None:
    """Argo CD's Applications are healthy and in sync, and were looked at lately."""
    seen = checklist.applications()

    expect(seen, met(seen), cause="checklist.application_unwell")


@pytest.mark.criterion("checklist.room")
@pytest.mark.needs("kubernetes")
def test_every_planned_pod_has_a_place(checklist: Checklist) -> None:
    """There is a node for every pod of the plan, all at once."""
    seen = checklist.room()

    expect(seen, met(seen), cause="checklist.room_short")


@pytest.mark.criterion("checklist.room_at_most")
@pytest.mark.needs("kubernetes")
def test_there_is_a_place_for_what_autoscalers_may_add(checklist: Checklist) -> None:
    """There is a node for every pod of the plan at the maximum of its autoscalers."""
    seen = checklist.room_at_most()

    expect(seen, met(seen), cause="checklist.room_short")


@pytest.mark.criterion("checklist.room_node_lost")
@pytest.mark.needs("kubernetes")
def test_there_is_a_place_for_all_with_a_node_lost(checklist: Checklist) -> None:
    """What is planned has a place when the worst of the nodes is lost."""
    seen = checklist.room_with_a_node_lost()

    expect(seen, met(seen), cause="checklist.room_short")


# -- what would be made


@pytest.mark.criterion("checklist.api_versions")
@pytest.mark.needs("kubernetes")
def test_every_planned_kind_is_served(checklist: Checklist) -> None:
    """The API server serves every kind and version that would be made, or the plan defines it."""
    seen = checklist.api_versions()

    expect(seen, met(seen), cause="checklist.not_served")


@pytest.mark.criterion("checklist.going_versions")
@pytest.mark.needs("kubernetes")
def test_no_planned_version_is_about_to_go(checklist: Checklist) -> None:
    """Nothing that would be made is of a version that will no longer be served."""
    seen = checklist.going()

    expect(seen, met(seen), cause="checklist.version_going")


@pytest.mark.criterion("checklist.definitions")
@pytest.mark.needs("kubernetes")
def test_definitions_are_as_new_as_the_charts(checklist: Checklist) -> None:
    """A definition that is there has all versions and fields of the chart's."""
    seen = checklist.definitions()

    expect(seen, met(seen), cause="checklist.definition_outdated")


@pytest.mark.criterion("checklist.values")
@pytest.mark.needs("kubernetes")
def test_charts_take_what_is_written_for_them(checklist: Checklist) -> None:
    """Charts and definitions take every value that is written for them."""
    seen = checklist.values()

    expect(seen, met(seen), cause="checklist.values_wrong")


@pytest.mark.criterion("checklist.references")
@pytest.mark.needs("kubernetes")
def test_what_planned_pods_name_is_there(checklist: Checklist) -> None:
    """Secrets, ConfigMaps and ServiceAccounts that planned pods and Ingresses name are there, or would be made."""
    seen = checklist.references()

    expect(seen, met(seen), cause="checklist.reference_missing")


@pytest.mark.criterion("checklist.classes")
@pytest.mark.needs("kubernetes")
def test_the_classes_that_the_plan_names_are_there(checklist: Checklist) -> None:
    """Every runtime, ingress, gateway and snapshot class that the plan names is there, or would be made."""
    seen = checklist.classes()

    expect(seen, met(seen), cause="checklist.class_missing")


@pytest.mark.criterion("checklist.ingress_class")
@pytest.mark.needs("kubernetes")
def test_every_planned_ingress_is_of_a_class(checklist: Checklist) -> None:
    """Every planned Ingress names a class, or one is the default."""
    seen = checklist.ingress_class()

    expect(seen, met(seen), cause="checklist.ingress_unclassed")


@pytest.mark.criterion("checklist.hosts")
@pytest.mark.needs("kubernetes")
def test_hosts_in_the_plan_are_services(checklist: Checklist) -> None:
    """Names of Services that stand in what would be made are of Services that are there, or would be made."""
    seen = checklist.hosts()

    expect(seen, met(seen), cause="checklist.host_missing")


@pytest.mark.criterion("checklist.selectors")
@pytest.mark.needs("kubernetes")
def test_planned_selectors_select_pods(checklist: Checklist) -> None:
    """Selectors of planned Services, budgets and network policies fit a pod."""
    seen = checklist.selectors()

    expect(seen, met(seen), cause="checklist.selector_empty")


@pytest.mark.criterion("checklist.images")
@pytest.mark.needs("kubernetes")
def test_planned_images_are_named_exactly(checklist: Checklist) -> None:
    """Images of the plan name their version, and are of no catalogue that is gone."""
    seen = checklist.images()

    expect(seen, met(seen), cause="checklist.image_doubtful")


@pytest.mark.criterion("checklist.images_pulled")
@pytest.mark.needs("kubernetes")
@pytest.mark.writes
def test_planned_images_come(checklist: Checklist) -> None:
    """The cluster pulls every image of the plan, each by one short pod of which nothing is run."""
    seen = checklist.pulled()

    expect(seen, met(seen), cause="checklist.image_unpulled")


@pytest.mark.criterion("checklist.pod_security")
@pytest.mark.needs("kubernetes")
def test_planned_pods_keep_the_level_of_their_namespace(checklist: Checklist) -> None:
    """No planned pod breaks the Pod Security level that its namespace enforces."""
    seen = checklist.pod_security()

    expect(seen, met(seen), cause="checklist.pod_refused")


@pytest.mark.criterion("checklist.quotas")
@pytest.mark.needs("kubernetes")
def test_quotas_take_what_is_planned(checklist: Checklist) -> None:
    """ResourceQuotas and LimitRanges take what would be made."""
    seen = checklist.quotas()

    expect(seen, met(seen), cause="checklist.quota_refuses")


@pytest.mark.criterion("checklist.injection")
@pytest.mark.needs("kubernetes")
def test_a_mesh_knows_who_speaks_first(checklist: Checklist) -> None:
    """In namespaces of a mesh, ports on which the server speaks first name their protocol."""
    seen = checklist.injection()

    expect(seen, met(seen), cause="checklist.protocol_unnamed")


# -- what is there


@pytest.mark.criterion("checklist.default_class")
@pytest.mark.needs("kubernetes")
def test_one_storage_class_is_the_default(checklist: Checklist) -> None:
    """Exactly one StorageClass is the default one."""
    seen = checklist.default_class()

    expect(seen, met(seen), cause="checklist.default_class_wrong")


@pytest.mark.criterion("checklist.nodes")
@pytest.mark.needs("kubernetes")
def test_every_node_takes_pods(checklist: Checklist) -> None:
    """No node is cordoned, not ready or under pressure."""
    seen = checklist.nodes()

    expect(seen, met(seen), cause="checklist.node_unfit")


@pytest.mark.criterion("checklist.clocks")
@pytest.mark.needs("kubernetes")
def test_the_clocks_of_the_nodes_agree(checklist: Checklist) -> None:
    """The clock of every node is close to the API server's."""
    seen = checklist.clocks()

    expect(seen, met(seen), cause="checklist.clock_off")


@pytest.mark.criterion("checklist.certificates")
@pytest.mark.needs("kubernetes")
def test_certificates_hold_for_days_to_come(checklist: Checklist) -> None:
    """No certificate and no caBundle expires within the expected days."""
    seen = checklist.certificates()

    expect(seen, met(seen), cause="checklist.certificate_ends")


@pytest.mark.criterion("checklist.webhooks")
@pytest.mark.needs("kubernetes")
def test_webhooks_have_somebody_behind_them(checklist: Checklist) -> None:
    """Every Service that the API server calls is there, with a ready endpoint."""
    seen = checklist.webhooks()

    expect(seen, met(seen), cause="checklist.webhook_dead")


@pytest.mark.criterion("checklist.namespaces")
@pytest.mark.needs("kubernetes")
def test_no_namespace_is_on_its_way_out(checklist: Checklist) -> None:
    """No namespace that is deployed to is Terminating."""
    seen = checklist.namespaces()

    expect(seen, met(seen), cause="checklist.namespace_ends")


@pytest.mark.criterion("checklist.version_skew")
@pytest.mark.needs("kubernetes")
def test_kubelets_fit_the_api_server(checklist: Checklist) -> None:
    """No kubelet is newer than the API server, or too old for it."""
    seen = checklist.skew()

    expect(seen, met(seen), cause="checklist.kubelet_skewed")


@pytest.mark.criterion("checklist.releases")
@pytest.mark.needs("kubernetes")
def test_no_release_is_pending(checklist: Checklist) -> None:
    """No helm release is in the midst of a change."""
    seen = checklist.releases()

    expect(seen, met(seen), cause="checklist.release_pending")


@pytest.mark.criterion("checklist.drains")
@pytest.mark.needs("kubernetes")
def test_nodes_can_be_drained(checklist: Checklist) -> None:
    """Every PodDisruptionBudget allows a disruption."""
    seen = checklist.drains()

    expect(seen, met(seen), cause="checklist.drain_held")
