"""An architecture.yaml builds exactly the network it was written for, and refuses what it cannot build."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from paretoseg.trainables.networks.blueprint import read_blueprint, rebuild_network
from tests.trainables.exports import answer, build_network, draw


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_the_rebuilt_network_gives_the_same_logits(tmp_path: Path, spatial_dims: int) -> None:
    blueprint = draw(spatial_dims)
    network = build_network(blueprint)
    (tmp_path / "architecture.yaml").write_text(blueprint.to_yaml())
    rebuilt = rebuild_network(tmp_path / "architecture.yaml")
    rebuilt.load_state_dict(network.state_dict())
    shape = (2, 1, *(16, 24, 8)[:spatial_dims])
    assert torch.equal(answer(rebuilt.eval(), *shape), answer(network, *shape))


@pytest.mark.parametrize("spacing", [(), (5.0, 0.8)])
def test_what_is_written_is_what_is_read(tmp_path: Path, spacing: tuple[float, ...]) -> None:
    blueprint = dataclasses.replace(draw(), spacing=spacing)
    (tmp_path / "architecture.yaml").write_text(blueprint.to_yaml())
    assert read_blueprint(tmp_path / "architecture.yaml") == blueprint


def test_a_window_of_before_it_had_extents_has_equal_ones(tmp_path: Path) -> None:
    text = draw(3, window=16).to_yaml().replace("window:\n- 16\n- 16\n- 16\nspacing: []\n", "window: 16\n")
    assert "window: 16" in text
    (tmp_path / "architecture.yaml").write_text(text)
    assert read_blueprint(tmp_path / "architecture.yaml") == draw(3, window=16)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("skip: attention_gate", "skip: teleport"), "architecture.skip must be one of none, concatenation"),
        (("width: 4", "width: 0"), r"architecture.width must lie in 1\.\..*, got 0; export again"),
        (("spatial_dims: 2", "spatial_dims: two"), "spatial_dims must be a whole number"),
        (("window:", "windows:"), "unknown field 'windows'; did you mean 'window'"),
        (("  depth: 3\n", ""), "architecture.depth is missing"),
        (("spacing: []", "spacing: !!python/object/apply:os.getcwd []"), "cannot be read as YAML"),
        (("architecture:", "[architecture:"), "cannot be read as YAML"),
        (("dropout: 0.0", "dropout: .nan"), "architecture.dropout must be a finite number, got nan"),
        (("spatial_dims: 2", "spatial_dims: true"), "spatial_dims must be a whole number, got True"),
    ],
)
def test_a_file_that_describes_no_network_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "architecture.yaml"
    path.write_text(draw().to_yaml().replace(*change))
    with pytest.raises(ValueError, match=message):
        rebuild_network(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        rebuild_network(tmp_path / "architecture.yaml")


def test_a_file_of_before_a_dimension_was_there_means_its_default(tmp_path: Path) -> None:
    lines = draw().to_yaml().splitlines()
    (tmp_path / "architecture.yaml").write_text("\n".join(line for line in lines if "skip_level" not in line))
    assert read_blueprint(tmp_path / "architecture.yaml") == draw()


def test_a_network_of_any_width_is_rebuilt(tmp_path: Path) -> None:
    (tmp_path / "architecture.yaml").write_text(draw().to_yaml().replace("width: 4", "width: 13"))
    assert rebuild_network(tmp_path / "architecture.yaml").get_parameter("encoders.0.0.weight").shape[0] == 13
