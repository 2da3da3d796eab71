"""What a model card says of several networks whose probabilities are averaged. Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paretoseg.search.trials.trial import Trial

_WHERE = {
    "bundle": "`models/model.pt` holds the weights of all of them, under `members.0.`, `members.1.` and so on",
    "onnx": "every one has a file, named in `models` of `model.json`; `average` in `segment.py` gives logits whose "
    "softmax is the average",
}


def describe_networks(networks: Sequence[Trial], candidate: Trial, form: str) -> str:
    """How many networks there are, from which seeds, what each reached, and what their average costs.

    Args:
        networks: Their trials, at least two.
        candidate: The candidate in the shape of a trial, with the mean costs.
        form: 'bundle' or 'onnx'.
    """
    number = len(networks)
    names = list(candidate.objectives)
    head = ["trial", "seed", *(f"{name} ({where})" for where in ("validation", "test") for name in names)]
    lines = [head, ["---"] * len(head)]
    for one in networks:
        values = [_format(of_split, name) for of_split in (one.objectives, one.test) for name in names]
        lines.append([str(one.trial_id), str(one.seed), *values])
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return (
        f"{number} networks of one shape, trained with {number} seeds. Each slides over the whole image on its own; "
        f"then the mean of their probabilities (softmax) decides. {_WHERE[form].capitalize()}.\n\n{table}\n\n"
        "The numbers in this card are means over these networks, each measured on its own, and counts of cases are "
        "sums over them; costs are those of one network. The search did not measure the average of their "
        "probabilities.\n\n"
        f"An image takes about {number} times as long as with one network{_describe_latency(candidate, number)}, and "
        f"the weights take {number} times the memory; the networks run one after the other, so a pass needs as much "
        "as that of one."
    )


def _describe_latency(candidate: Trial, number: int) -> str:
    latency = candidate.measured.get("latency_ms")
    return "" if latency is None else f" ({number} x {latency:.3g} ms)"


def _format(values: Mapping[str, float], name: str) -> str:
    return f"{values[name]:.4f}" if name in values else "-"
