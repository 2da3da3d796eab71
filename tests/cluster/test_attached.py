import socket
from math import inf, nan

import pytest

from paretoseg.cluster.attached import AttachedConfig, MoreNodes
from paretoseg.cluster.resources import Node, Resources


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def test_the_address_is_that_of_the_environment_unless_it_is_given(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert AttachedConfig().locate() == ("10.0.0.1", 6379)
    assert AttachedConfig(address="head.cluster:20000").locate() == ("head.cluster", 20000)
    assert AttachedConfig(address="[::1]:20000").locate() == ("::1", 20000)


def test_without_an_address_it_says_where_to_put_one():
    with pytest.raises(ValueError, match=r"set cluster\.address=<host>:<port> or RAY_ADDRESS, or use cluster=local"):
        AttachedConfig().check(Resources())


@pytest.mark.parametrize("address", ["auto", "head", "head:port", "head:70000", ":6379", "ray://head:10001", "h:1/x"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="must be <host>:<port>"):
        AttachedConfig(address=address).check(Resources())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_nodes": 0}, r"cluster\.num_nodes must be at least 1, got 0"),
        ({"wait_s": nan}, r"cluster\.wait_s must be finite and not negative, got nan"),
        ({"cpus": inf}, r"cluster\.cpus must be finite and not negative, got inf"),
        ({"wait_s": -1}, r"cluster\.wait_s must be finite and not negative, got -1"),
        ({"max_nodes": -1}, r"cluster\.max_nodes must be finite and not negative, got -1"),
        ({"cpus": -1}, r"cluster\.cpus must be finite and not negative, got -1"),
        ({"gpus": -2}, r"cluster\.gpus must be finite and not negative, got -2"),
        ({"max_nodes": 2}, r"cluster\.max_nodes and cluster\.cpus must be given together, got 2 and 0"),
        ({"cpus": 2}, r"cluster\.max_nodes and cluster\.cpus must be given together, got 0 and 2"),
        ({"more_nodes": [MoreNodes(2, 8)]}, r"cluster\.max_nodes for the first kind, got nodes=2, cpus=8, gpus=0 and"),
        ({"max_nodes": 1, "cpus": 1, "more_nodes": [MoreNodes(2)]}, r"more_nodes needs nodes, cpus and gpus .* cpus=0"),
        ({"gpus": 1}, r"given together, got 0 and 0 with cluster\.gpus=1; .*set both or none"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        AttachedConfig(**settings)


def test_nodes_of_all_kinds_are_counted_on():
    config = AttachedConfig(address="head:6379", max_nodes=2, cpus=4, more_nodes=[MoreNodes(3, 8, 2)])
    config.check(Resources(cpus=8))
    assert config.count_gpus() == 6


def test_a_trial_that_does_not_fit_what_is_counted_on_is_refused():
    config = AttachedConfig(address="head:6379", max_nodes=2, cpus=4)
    config.check(Resources(cpus=4))
    with pytest.raises(ValueError, match="a trial needs 5 CPUs and 0 GPUs, but the cluster has 4 and 0 on its nodes"):
        config.check(Resources(cpus=5))
    with pytest.raises(ValueError, match="a trial needs 1 CPUs and 1 GPUs, but the cluster has 4 and 0"):
        config.check(Resources(gpus=1))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, [Node(0.0), Node(4.0, 2.0)]), ({"max_nodes": 2, "cpus": 8, "gpus": 1}, [Node(8, 1)] * 2)],
)
def test_it_counts_on_the_nodes_that_are_there_or_on_those_that_may_come(monkeypatch, settings, expected):
    nodes = [
        {"Alive": True, "Resources": {"node:__internal_head__": 1.0}},
        {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 2.0}},
        {"Alive": False, "Resources": {"CPU": 16.0}},
    ]
    monkeypatch.setattr("ray.init", lambda **settings: None)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    monkeypatch.setattr("ray.nodes", lambda: nodes)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with AttachedConfig(address=address, **settings).connect() as found:
            assert found == expected


@pytest.fixture
def alone(monkeypatch):
    """A Ray of one node; gives the record of that node and its address."""
    node = {"Alive": True, "Resources": {"CPU": 4.0}}
    monkeypatch.setattr("ray.init", lambda **settings: None)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    monkeypatch.setattr("ray.nodes", lambda: [node])
    monkeypatch.setattr("paretoseg.cluster.attached._POLL_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield node, f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_search_starts_without_nodes_that_stay_away_and_says_so(alone):
    config = AttachedConfig(address=alone[1], num_nodes=3, wait_s=0)
    with config.connect() as nodes:
        assert nodes == [Node(4.0)]
        missing = config.describe_missing(nodes)
    assert missing.startswith("only 1 of 3 Ray nodes came up within 0 s; the search starts with what is there")
    assert AttachedConfig(num_nodes=1).describe_missing(nodes) == ""
    assert AttachedConfig(num_nodes=3, max_nodes=3, cpus=4).describe_missing(nodes) == ""


def test_a_head_that_runs_no_trials_is_no_search_alone(alone):
    alone[0]["Resources"] = {}
    with pytest.raises(ValueError, match="only 1 of 3 Ray nodes came up within 0 s, and none that can run trials"):
        AttachedConfig(address=alone[1], num_nodes=3, wait_s=0).connect().__enter__()


@pytest.mark.parametrize(("wait_s", "expected"), [(0, 60), (300, 300)])
def test_a_search_without_nodes_waits_for_a_minute_at_least(wait_s, expected):
    assert AttachedConfig(wait_s=wait_s).gone_s == expected


def test_a_ray_that_does_not_answer_is_named_in_one_line():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    config = AttachedConfig(address=f"127.0.0.1:{port}", wait_s=0)
    with pytest.raises(ValueError, match=rf"no Ray answers at 127\.0\.0\.1:{port} \(Connection refused\)") as error:
        config.connect().__enter__()
    assert "\n" not in str(error.value)


def test_a_ray_whose_port_is_open_before_its_node_is_up_is_joined_later(monkeypatch):
    tries = []

    def init(**settings):
        tries.append(settings["address"])
        if len(tries) < 3:
            raise ConnectionError("Failed to connect to Ray cluster\nmore")

    monkeypatch.setattr("ray.init", init)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    monkeypatch.setattr("ray.nodes", lambda: [{"Alive": True, "Resources": {"CPU": 4.0}}])
    monkeypatch.setattr("paretoseg.cluster.attached._POLL_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with AttachedConfig(address=address).connect() as found:
            assert found == [Node(4.0)]
        assert tries == [address] * 3
        tries.clear()
        with pytest.raises(ValueError, match=r"cannot join the Ray at [0-9.:]+: Failed to connect to Ray cluster$"):
            AttachedConfig(address=address, wait_s=0).connect().__enter__()
