"""The size that all networks of a study are scaled to, whatever their other dimensions. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkSize:
    """A target number of parameters or of operations; with neither, networks keep the width of their candidate."""

    parameters: int = 0
    """Number of trained weights; 0 for no target."""

    flops: int = 0
    """Floating-point operations of one forward pass of one window of the training patch; 0 for no target."""

    def __post_init__(self) -> None:
        assert not (self.parameters and self.flops), "one width cannot match two numbers"

    @property
    def measure(self) -> str:
        """What is matched: 'parameters', 'flops', or '' for nothing."""
        return "parameters" if self.parameters else "flops" if self.flops else ""

    @property
    def amount(self) -> int:
        """The target number of parameters or operations; 0 if nothing is matched."""
        return self.parameters or self.flops
