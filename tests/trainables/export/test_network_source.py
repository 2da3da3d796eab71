"""The copied code imports nothing of ours and builds the same network."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from paretoseg.trainables.export.network_source import collect_sources, read_source
from tests.trainables.exports import answer, build_network, draw


def test_the_sources_of_the_network_import_only_each_other_torch_and_monai() -> None:
    sources = collect_sources("paretoseg.trainables.networks.encoder_decoder")
    assert {"encoder_decoder.py", "skips.py", "attention.py", "architecture.py"} <= set(sources)
    for text in sources.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert f"{node.module}.py" in sources
            elif isinstance(node, ast.ImportFrom):
                root = (node.module or "").partition(".")[0]
                assert root in {"torch", "monai", *sys.stdlib_module_names}


@pytest.mark.parametrize("family", ["composable", "unet", "vnet", "unetr"])
def test_the_copied_package_gives_the_same_logits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    for name, text in (collect_sources("paretoseg.trainables.networks.encoder_decoder") | {"__init__.py": ""}).items():
        (tmp_path / name).write_text(text)
    spec = importlib.util.spec_from_file_location("copied", tmp_path / "__init__.py")
    assert spec is not None
    for name in [module for module in sys.modules if module.startswith("copied")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "copied", importlib.util.module_from_spec(spec))
    monkeypatch.syspath_prepend(tmp_path)
    networks = importlib.import_module("copied.encoder_decoder")
    blueprint = draw()
    blueprint = dataclasses.replace(blueprint, architecture=dataclasses.replace(blueprint.architecture, family=family))
    network = build_network(blueprint)
    copied = networks.build_network(blueprint.architecture, spatial_dims=2, in_channels=1, num_classes=3)
    copied.load_state_dict(network.state_dict())
    assert torch.equal(answer(copied.eval(), 2, 1, 32, 48), answer(network, 2, 1, 32, 48))


def test_a_source_says_where_it_comes_from() -> None:
    assert read_source("paretoseg.spaces.domain").startswith(
        "# SPDX-License-Identifier: Apache-2.0. Copied by paretoseg from spaces/domain.py."
    )
