"""Frees what the processes of a trial held, or waited for, when the trial itself has died."""

from __future__ import annotations

import ray
from ray._private.state import state
from ray.core.generated.gcs_pb2 import PlacementGroupTableData
from ray.util import remove_placement_group
from ray.util.placement_group import PlacementGroup


def remove_abandoned_groups() -> int:
    """Removes this job's placement groups whose creator, an actor, has died; returns how many.

    Ray keeps such a group until the whole job has ended, and even gives it a place if it had none: the next trial
    would wait for that for ever. Ray Train's own cleaner needs Ray's dashboard, which is off. Ray's public tables do
    not say who created a group, so this reads the record behind them.
    """
    job = bytes.fromhex(ray.get_runtime_context().get_job_id())
    records = map(PlacementGroupTableData.FromString, state._connect_and_get_accessor().get_placement_group_table())
    abandoned = [record.placement_group_id for record in records if is_abandoned(record, job)]
    for group in abandoned:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID(group)))
    return len(abandoned)


def is_abandoned(record: PlacementGroupTableData, job: bytes) -> bool:
    """True if nobody will ever use or remove this group of the job: the actor that created it has died."""
    if record.creator_job_id != job or record.is_detached or record.state == PlacementGroupTableData.REMOVED:
        return False
    # Ray also calls the creator dead where it was no actor, but the search itself, as Ray Tune's groups are.
    return bool(record.creator_actor_dead) and not ray.ActorID(record.creator_actor_id).is_nil()
