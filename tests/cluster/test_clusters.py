import pytest

from paretoseg.cluster.cluster import ClusterConfig
from paretoseg.cluster.local import LocalConfig
from paretoseg.cluster.resources import Node
from paretoseg.cluster.serial import SerialConfig


def test_the_serial_cluster_is_this_process_alone():
    with SerialConfig().connect() as found:
        assert found == [Node(1.0)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cpus": -1}, r"cluster\.cpus must not be negative, got -1"),
        ({"gpus": -2}, r"cluster\.gpus must be -1 or more, got -2"),
    ],
)
def test_a_local_cluster_of_nothing_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LocalConfig(**settings)


def test_a_cluster_that_forgot_to_say_how_it_connects_is_our_mistake():
    with pytest.raises(AssertionError, match="ClusterConfig must say how it connects"):
        ClusterConfig().connect()
