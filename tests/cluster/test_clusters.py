import pytest

from paretoseg.cluster.cluster import BatchConfig, ClusterConfig, DirectConfig
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


@pytest.mark.parametrize("base", [ClusterConfig, DirectConfig, BatchConfig])
def test_a_place_that_does_not_say_how_it_is_used_cannot_be_made(base):
    with pytest.raises(TypeError, match="abstract"):
        base()
