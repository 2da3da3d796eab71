"""Strengths of corruptions in configs and studies: for each corruption, five rising numbers. Free of torch.

    gaussian_noise: [0.02, 0.05, 0.1, 0.2, 0.4]

They are for severity 1 to 5, in the unit that the corruption's `Levels` give.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from paretoseg.trainables.severities.levels import LEVELS, NUM_SEVERITIES, Strengths, check_corruption


def check_strengths(name: str, values: Sequence[object]) -> Strengths:
    """The strengths of a corruption as numbers.

    Raises:
        ValueError: for an unknown corruption, or values that are not five rising numbers within its limits.
    """
    check_corruption(name)
    levels = LEVELS[name]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    is_right = len(numbers) == len(values) == NUM_SEVERITIES and all(
        levels.neutral < one <= levels.limit for one in numbers
    )
    if not is_right or any(low >= high for low, high in itertools.pairwise(numbers)):
        raise ValueError(
            f"strengths of {name} must be {NUM_SEVERITIES} numbers above {levels.neutral:g} and up to {levels.limit:g} "
            f"that rise with severity, got {' '.join(map(str, values)) or 'none'}"
        )
    first, second, third, fourth, fifth = map(float, numbers)
    return first, second, third, fourth, fifth


def parse_strengths(lines: Iterable[str]) -> dict[str, Strengths]:
    """The strengths in lines of text, as older studies have them: 'gaussian_noise: 0.02 0.05 0.1 0.2 0.4'.

    Raises:
        ValueError: for a line of another form, an unknown corruption, a corruption named twice, or values that are not
            five rising numbers within its limits.
    """
    table: dict[str, Strengths] = {}
    for line in lines:
        name, colon, words = (part.strip() for part in line.partition(":"))
        try:
            values = [float(word) for word in words.split()]
        except ValueError:
            values = []
        if not colon or not values:
            raise ValueError(
                f"a line of strengths must read like 'gaussian_noise: 0.02 0.05 0.1 0.2 0.4', got {line!r}"
            )
        if name in table:
            raise ValueError(f"strengths of {name} must be given once, got them twice; leave one line out")
        table[name] = check_strengths(name, values)
    return table
