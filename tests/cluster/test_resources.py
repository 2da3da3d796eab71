from math import inf, nan

import pytest

from paretoseg.cluster.resources import Node, Resources


@pytest.mark.parametrize(
    ("resources", "cluster", "slots"),
    [
        (Resources(cpus=1), (2, 0), 2),
        (Resources(cpus=0.5), (2, 0), 4),
        (Resources(cpus=0.1), (1, 0), 10),
        (Resources(cpus=3), (8, 0), 2),
        (Resources(cpus=1, gpus=1), (16, 4), 4),
        (Resources(cpus=1, gpus=0.25), (16, 2), 8),
        (Resources(cpus=4, gpus=0.25), (16, 2), 4),
        (Resources(cpus=1, gpus=2), (16, 5), 2),
        (Resources(cpus=1, max_concurrent=3), (16, 0), 3),
        (Resources(cpus=1, max_concurrent=3), (2, 0), 2),
    ],
)
def test_slots_by_hand(resources, cluster, slots):
    assert resources.count_slots([Node(*cluster)]) == slots


@pytest.mark.parametrize(
    ("resources", "nodes", "slots"),
    [
        (Resources(cpus=1, gpus=0.6), [Node(3, 2)], 2),
        (Resources(cpus=1, gpus=0.4), [Node(16, 3)], 6),
        (Resources(cpus=3), [Node(4)] * 3, 3),
        (Resources(cpus=1, gpus=2), [Node(16, 3)] * 2, 3),
        (Resources(cpus=1, gpus=1), [Node(0, 0), Node(2, 4), Node(4, 1)], 3),
        (Resources(cpus=2, workers=2), [Node(1), Node(1), Node(3)], 2),
        (Resources(cpus=1, workers=3), [Node(1)], 1),
    ],
)
def test_no_process_is_cut_in_two_between_nodes_or_gpus(resources, nodes, slots):
    assert resources.count_slots(nodes) == slots


def test_a_trial_that_only_two_nodes_together_could_hold_is_refused():
    with pytest.raises(ValueError, match="needs 3 CPUs and 0 GPUs, but the cluster has 2 and 0, 1 and 1 on its nodes"):
        Resources(cpus=3).count_slots([Node(2), Node(2), Node(1, 1)])


@pytest.mark.parametrize(("resources", "cluster"), [(Resources(cpus=4), (2, 0)), (Resources(gpus=1), (8, 0))])
def test_a_trial_that_fits_nowhere_is_refused_with_the_way_out(resources, cluster):
    with pytest.raises(
        ValueError, match=r"a trial needs .* CPUs and .* GPUs, but the cluster has .*lower resources\.cpus"
    ):
        resources.count_slots([Node(*cluster)])


@pytest.mark.parametrize(("cpus", "threads"), [(0.5, 1), (1, 1), (2.9, 2), (8, 8)])
def test_a_trial_has_as_many_threads_as_whole_cores(cpus, threads):
    assert Resources(cpus=cpus).num_threads == threads


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cpus": 0}, r"resources\.cpus must be above 0 and finite, got 0"),
        ({"gpus": -1}, r"resources\.gpus must be 0, a share of one GPU, or a whole number, got -1"),
        ({"gpus": 1.5}, r"resources\.gpus .*got 1\.5"),
        ({"max_concurrent": -1}, r"resources\.max_concurrent must not be negative, got -1"),
        ({"timeout_min": 0}, r"resources\.timeout_min must be above 0 and finite, got 0"),
        ({"cpus": nan}, r"resources\.cpus must be above 0 and finite, got nan"),
        ({"cpus": inf}, r"resources\.cpus must be above 0 and finite, got inf"),
        ({"gpus": nan}, r"resources\.gpus must be 0, a share of one GPU, or a whole number, got nan"),
        ({"gpus": inf}, r"resources\.gpus must be 0, a share of one GPU, or a whole number, got inf"),
        ({"timeout_min": nan}, r"resources\.timeout_min must be above 0 and finite, got nan"),
        ({"timeout_min": inf}, r"resources\.timeout_min must be above 0 and finite, got inf"),
    ],
)
def test_what_no_machine_can_give_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Resources(**settings)


@pytest.mark.parametrize(
    ("wanted", "num_workers", "num_threads"),
    [
        ({}, 1, 1),
        ({"cpus": 4}, 1, 4),
        ({"gpus": 0.5, "cpus": 2}, 1, 2),
        ({"gpus": 4, "cpus": 10}, 4, 2),
        ({"workers": 2, "cpus": 2}, 2, 1),
        ({"workers": 3, "cpus": 1}, 3, 1),
        ({"workers": 4, "gpus": 4, "cpus": 32}, 4, 8),
    ],
)
def test_a_trial_has_as_many_workers_as_whole_gpus_or_as_are_asked_for(
    wanted: dict[str, float], num_workers: int, num_threads: int
) -> None:
    resources = Resources(**wanted)  # type: ignore[arg-type]
    assert (resources.num_workers, resources.num_threads) == (num_workers, num_threads)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"workers": -1}, "resources.workers must not be negative, got -1"),
        ({"workers": 2, "gpus": 4}, "resources.workers must be 4 with resources.gpus=4, got 2"),
        ({"workers": 2, "gpus": 0.5}, "resources.workers must be 1 with resources.gpus=0.5, got 2"),
    ],
)
def test_workers_that_do_not_fit_their_gpus_are_refused(wanted: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Resources(**wanted)  # type: ignore[arg-type]
