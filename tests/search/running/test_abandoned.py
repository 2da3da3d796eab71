"""Which placement groups are nobody's any more; that they are freed shows in the end-to-end tests."""

from __future__ import annotations

import pytest
from ray import ActorID, JobID
from ray.core.generated.gcs_pb2 import PlacementGroupTableData

from paretoseg.search.running.abandoned import is_abandoned

OURS, OTHER = JobID.from_int(1).binary(), JobID.from_int(2).binary()
ACTOR, NO_ACTOR = ActorID.from_random().binary(), ActorID.nil().binary()


def record(**changed: object) -> PlacementGroupTableData:
    fields = {"creator_job_id": OURS, "creator_actor_id": ACTOR, "creator_actor_dead": True} | changed
    return PlacementGroupTableData(state=PlacementGroupTableData.PENDING, **fields)


def test_a_group_is_abandoned_when_the_actor_that_made_it_has_died() -> None:
    assert is_abandoned(record(), OURS)


@pytest.mark.parametrize(
    "changed",
    [
        {"creator_actor_dead": False},
        {"creator_actor_id": NO_ACTOR},  # the search itself made it; Ray calls its actor dead all the same
        {"creator_job_id": OTHER},
        {"is_detached": True},
    ],
)
def test_groups_that_somebody_uses_stay(changed: dict[str, object]) -> None:
    assert not is_abandoned(record(**changed), OURS)


def test_a_removed_group_is_not_removed_again() -> None:
    group = record()
    group.state = PlacementGroupTableData.REMOVED
    assert not is_abandoned(group, OURS)
