"""What all networks of a study are made to come to, whatever else tells them apart. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkSize:
    """A number of parameters, or of operations; with neither, networks are as wide as they say."""

    parameters: int = 0
    """Weights of the network; 0 for not at all."""

    flops: int = 0
    """Floating-point operations of one forward pass of one window of the training patch; 0 for not at all."""

    def __post_init__(self) -> None:
        assert not (self.parameters and self.flops), "one width cannot match two numbers"

    @property
    def measure(self) -> str:
        """'parameters', 'flops', or '' if nothing is matched."""
        return "parameters" if self.parameters else "flops" if self.flops else ""

    @property
    def amount(self) -> int:
        """How many of them."""
        return self.parameters or self.flops
