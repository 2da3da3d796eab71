"""The first candidates of a search on images lie where networks learn."""

from __future__ import annotations

import numpy as np

from paretoseg.spaces.first_design import LEARNABLE, to_learnable
from paretoseg.spaces.search_space import SearchSpace


def test_a_first_design_keeps_to_where_networks_learn_if_the_space_has_a_start() -> None:
    units = np.random.default_rng(0).random((50, len(SearchSpace().searched)))
    assert (to_learnable(SearchSpace(), units) == units).all()
    space = SearchSpace({"foreground_ratio": [0.0, 0.5]}, start={"patch": 64})
    assert space.default().recipe.patch == 64
    moved = [space.decode(unit).recipe for unit in to_learnable(space, units)]
    assert all(1e-3 <= recipe.learning_rate <= 3e-2 for recipe in moved)
    assert all(0.25 <= recipe.foreground_ratio <= 0.5 for recipe in moved)
    assert len({recipe.learning_rate for recipe in moved}) > 40
    others = [place for place, name in enumerate(space.searched) if name not in LEARNABLE]
    assert (to_learnable(space, units)[:, others] == units[:, others]).all()
