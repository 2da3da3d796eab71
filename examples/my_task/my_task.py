"""Task `curve`: a small network of torch learns a curve; its objectives are the errors on clean and on noisy inputs."""

from dataclasses import dataclass

import torch

from paretoseg.spaces.objective import Direction, Measurement, Objective
from paretoseg.trainables.task_config import TaskConfig
from paretoseg.trainables.trainable import Evaluation

OBJECTIVES = (
    Objective("error", "1", Direction.MINIMISE, reference=1.0, description="Root mean square error."),
    Objective("noisy_error", "1", Direction.MINIMISE, reference=1.0, description="The same, with noise on inputs."),
)


@dataclass(unsafe_hash=True)
class CurveConfig(TaskConfig):
    """Its fields are the keys `task.*`."""

    num_steps: int = 3
    noise: float = 0.1

    def build(self, data, space=None, baselines=()):
        return CurveTask(self)


@dataclass(frozen=True)
class CurveTask:
    settings: CurveConfig

    def objectives(self):
        return OBJECTIVES

    def cost_names(self):
        return ("parameters",)

    def check(self):
        if self.settings.noise < 0:
            raise ValueError(f"task.noise must be at least 0, got {self.settings.noise}")

    def split_rows(self):
        return []

    def notes(self, space):
        return []

    def warm_up(self):
        pass

    def build(self, assignment):
        return Curve(self.settings, assignment)


class Curve:
    def __init__(self, settings, assignment):
        width = assignment.candidate.architecture.width
        with torch.random.fork_rng():  # the first weights depend on the seed of the trial alone
            torch.manual_seed(assignment.seed)
            self.network = torch.nn.Sequential(torch.nn.Linear(1, width), torch.nn.Tanh(), torch.nn.Linear(width, 1))
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=assignment.candidate.recipe.learning_rate)
        self.noise, self.num_steps, self.steps_done = settings.noise, settings.num_steps, 0

    def step(self):
        inputs = torch.linspace(-3, 3, 64)[:, None]
        for _ in range(40):
            self.optimiser.zero_grad()
            (self.network(inputs) - inputs.sin()).square().mean().backward()
            self.optimiser.step()
        self.steps_done += 1
        return self.measure()

    @torch.no_grad()
    def measure(self):
        inputs = torch.linspace(-2.9, 2.9, 50)[:, None]
        noisy = inputs + self.noise * torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0))
        errors = [(self.network(seen) - inputs.sin()).square().mean().sqrt() for seen in (inputs, noisy)]
        return Measurement({"error": float(errors[0]), "noisy_error": float(errors[1])})

    def evaluate(self, split):
        return Evaluation(self.measure(), {"parameters": float(sum(one.numel() for one in self.network.parameters()))})

    def save(self, folder):
        torch.save([self.network.state_dict(), self.optimiser.state_dict(), self.steps_done], folder / "curve.pt")

    def load(self, folder):
        network, optimiser, self.steps_done = torch.load(folder / "curve.pt")
        self.network.load_state_dict(network)
        self.optimiser.load_state_dict(optimiser)
