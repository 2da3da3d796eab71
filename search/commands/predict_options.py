"""The options of `paretoseg predict`, and how the command line reads them."""

from __future__ import annotations

import argparse

from rich.console import Console

from paretoseg.search.commands.prediction_files import EXISTING, REFUSE

PREDICT_HELP = """\
Segment images with a network of a study's front, or with an exported bundle. Every mask has the format and the geometry
of its image: NIfTI for NIfTI, with the same affine; PNG, TIFF, BMP or NPY for these, and PNG for JPEG. Its values are
class numbers. All images are checked before the first one is segmented, and no existing file is replaced unless
--existing says so. A study needs its data; a bundle needs nothing but its folder. A bundle is code: use only those of
people you trust.

examples:
  paretoseg predict studies/quickstart images/                          # the knee of the front; masks go to masks/
  paretoseg predict studies/mine --pick most-robust scan.nii.gz --output robust
  paretoseg predict mine-trial-00006-bundle images/ --probabilities
  paretoseg predict mine-trial-00006-bundle images/ --existing skip     # goes on where it was interrupted
  paretoseg predict mine-trial-00006-bundle slide.png --intensity-range 0,255
  paretoseg predict mine-trial-00006-bundle images/ --json | python -m json.tool

picks: those of `paretoseg export`; knee if left out
"""


def add_predict_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("place", metavar="STUDY|BUNDLE", help="folder or URI of a study, or the folder of a bundle")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="files, or folders of files")
    parser.add_argument("--pick", metavar="PICK", help="which network of a study; knee if left out")
    parser.add_argument(
        "--seeds",
        choices=("median", "all"),
        help="one network of the candidate, or the average of all; median if left out",
    )
    parser.add_argument("--output", default="masks", metavar="DIR", help="where masks go; masks if left out")
    parser.add_argument("--probabilities", action="store_true", help="write the probability of every class too")
    parser.add_argument(
        "--existing", choices=EXISTING, default=REFUSE, help="what to do with masks that exist; refuse if left out"
    )
    parser.add_argument("--batch", type=int, metavar="N", help="images at a time; 8 pictures or 1 volume if left out")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N; auto if left out")
    parser.add_argument(
        "--intensity-range",
        "--intensity_range",
        metavar="LOW,HIGH",
        help="intensities that become 0 and 1, for bundles that do not prepare raw files",
    )
    parser.add_argument("--json", action="store_true", help="a list of flat objects instead of text")


def run_predict(parsed: argparse.Namespace, console: Console) -> int:
    """Runs the command; returns its exit code.

    Raises:
        ValueError: for mistakes of the user's, a line each.
    """
    from paretoseg.search.commands.predict import Wanted, predict  # pymoo and Hydra: too slow for the other commands

    wanted = Wanted(
        pick=parsed.pick,
        seeds=parsed.seeds,
        output=parsed.output,
        has_probabilities=parsed.probabilities,
        existing=parsed.existing,
        batch=parsed.batch,
        device=parsed.device,
        intensity_range=_read_range(parsed.intensity_range),
    )
    place = Console(stderr=True, highlight=False) if parsed.json else console
    return predict(parsed.place, parsed.images, wanted, place, as_json=parsed.json)


def _read_range(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(word) for word in text.strip("[] ").split(","))
        if not low < high:
            raise ValueError
    except ValueError:
        message = f"--intensity-range must be two numbers, the lower one first, such as 0,255; got {text!r}"
        raise ValueError(message) from None
    return low, high
