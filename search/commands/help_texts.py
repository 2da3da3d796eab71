"""The text that each command shows under --help."""

from __future__ import annotations

from paretoseg.cluster.exit_codes import list_exit_codes

EXIT_CODES = f"exit codes:\n{list_exit_codes()}"

SEARCH_HELP = (
    """\
Search for segmentation networks that are accurate and stay reliable when the images change.
The same command resumes a study that was interrupted.

examples:
  paretoseg search experiment=quickstart
  paretoseg search study=mine data=textures budget.trials=100 resources.cpus=2
  paretoseg search study=mine                                        # resume a study, with all of its settings
  paretoseg search study=flat space.skip=none space.depth=[2,4]      # pin or narrow dimensions
  paretoseg search study=base strategy=random seed=1
  paretoseg search experiment=rehearsal                              # no training: try the machine out
  paretoseg search study=big cluster=slurm cluster.nodes=4 --dry-run # print the job; without --dry-run submit it
  paretoseg search --dry-run study=big cluster=kubernetes cluster.image=registry/paretoseg:1 cluster.claim=studies
  paretoseg search study=debug task=toy cluster=serial budget.trials=5

keys (all of them with their defaults: docs/config.md):
  experiment=NAME      a named experiment to start from: quickstart, rehearsal
  study=NAME           name of the study;  storage=PATH|URI  where studies lie
  task=segmentation|toy   data=textures|decathlon|folder|brain   data.root=PATH
  strategy=nsga2|random   pruner=never|median   seed=N
  budget.trials=N   budget.hours=H   budget.max_failures=N
  resources.cpus=X   resources.gpus=X   resources.max_concurrent=N   resources.timeout_min=M
  cluster=local|slurm|kubernetes|attached|serial
  tracking.mode=auto|online|offline|disabled   tracking.project=NAME   tracking.entity=NAME
  space.DIMENSION=VALUE|[LOW,HIGH]|[OPTION,...]
"""
    + "\n"
    + EXIT_CODES
)

STATUS_HELP = """\
Show where a study stands: trials by state, budget, front, what failed, and whether a search is running.

examples:
  paretoseg status studies/quickstart
  paretoseg status s3://bucket/studies/mine
"""

FRONT_HELP = """\
Show the Pareto front of a study, best first in the first objective. Objectives are measured on validation cases;
test_... are those of untouched test cases, measured once the budget is spent. --intervals resamples the validation
cases many times. It shows how far each objective moves, and whether the ends of the front differ by more than noise.
--stability compares the order of all finished trials in robustness with their order when a family of corruptions is
left out, or severities weigh otherwise.

examples:
  paretoseg front studies/quickstart
  paretoseg front studies/quickstart --intervals
  paretoseg front studies/quickstart --stability
  paretoseg front studies/quickstart --json | python -m json.tool
"""

REPORT_HELP = """\
Write a study's report: one HTML file with the front, every trial, the curves under every corruption, and pictures of
what the front's networks predict. It opens from disk in any browser and needs no network. An existing report is
replaced.

examples:
  paretoseg report studies/quickstart
  paretoseg report studies/quickstart --output quickstart.html
  paretoseg report studies/quickstart --no-pictures             # fast, without loading torch
"""

EXPORT_HELP = """\
Write one network of a study's front as a folder that others can use. The folder is kept only if a fresh process gets
the same mask from it as the evaluation. An existing folder is not overwritten.

picks:
  knee            the best compromise: farthest from the line between the ends of the front
  most-accurate   best in accuracy;   most-robust   best in robustness
  NUMBER          the trial of this number

examples:
  paretoseg export studies/quickstart --pick knee --format bundle
  paretoseg export studies/quickstart --pick most-robust --format onnx --output robust
"""

COMPLEXITY_HELP = """\
Measure how hard a dataset is, before any network has seen it: texture similarity of every class to its surroundings,
contrast, size and shape, for every case and for the dataset, with intervals over subjects. Shift sets are measured
as well. Writes complexity.png, complexity.parquet and complexity.csv; files of that name in the folder are replaced.

examples:
  paretoseg complexity                                          # the texture task of the quick start
  paretoseg complexity data=textures data.blend=0.6
  paretoseg complexity data=decathlon data.root=/data/nuclei --output nuclei
  paretoseg complexity data=folder data.root=PATH --json | python -m json.tool

keys: those of the data, as for a search (docs/config.md); others are checked and have no effect here
"""

RESCORE_HELP = """\
Measure the stored networks of a study again, without training: under other corruptions, on shift sets, on a new site.
The study's own results do not change. The new ones go to rescores/NAME in its folder, and a table and a picture show
how the front drifts. The same command resumes an interrupted rescoring, and measures networks that are new since then.

examples:
  paretoseg rescore studies/quickstart corruptions=[motion,ghosting] severities=[1,2,3,4,5]
  paretoseg rescore studies/quickstart corruptions=[impulse_noise] severities=[3] --name impulse
  paretoseg rescore studies/nuclei data.shift=[histology] data.root=/new/place cluster=serial

keys (docs/rescore.md):
  corruptions=[NAME,...]   severities=[1,...,5]   data.shift=[NAME,...]   data.root=PATH
  task.robustness=KIND and the other keys of task that only affect measuring
  resources.cpus=X   resources.gpus=X   cluster=local|serial|attached
"""

CALIBRATE_HELP = """\
Find for every corruption the strengths at which a reference network loses about 2, 5, 10, 20 and 40 Dice points: equal
severities of different corruptions then do about equal harm. Trains one network of default architecture, measures it on
validation cases, and writes calibration.json with all results, and calibration.png with the curves. Both go to
data.root if that folder is writable, else here as calibration-<dataset>.json. The same command resumes where it was
interrupted, and adds corruptions to an existing file. A search uses the file with task.calibration=FILE; it finds one
in data.root by itself.

examples:
  paretoseg calibrate                                           # the texture task of the quick start, all corruptions
  paretoseg calibrate data=decathlon data.root=/data/hippocampus 'corruptions=[mri]' --cases 4
  paretoseg calibrate data=folder data.root=PATH task.num_steps=20 resources.gpus=1 --output mine.json
  paretoseg search study=mine data=folder data.root=PATH task.calibration=mine.json

keys: data.*, task.* and resources.*, seed, experiment, as for a search (docs/config.md);
  corruptions=[NAME or PRESET,...]   what to calibrate; all but those that leak the label if left out
"""

TRANSFER_HELP = """\
Measure what each kind of augmentation (spatial, intensity, noise_blur, mirroring) gains under each corruption. For
every seed, trains a network of default architecture without augmentation and one with each kind, and measures all of
them on validation cases. Writes transfer.json with the gains in Dice points, their 95 percent intervals over seeds and
subjects, and the scores behind them, and transfer.png with the matrix. Both go to data.root if that folder is
writable, else here as transfer-<dataset>.json. A search reads the file: a corruption is held out if every kind of
augmentation that the search opens surely gains under 1 point. The same command resumes where it was interrupted; with
more --seeds it trains only the new ones.

examples:
  paretoseg transfer --seeds 5                                  # the texture task of the quick start, all corruptions
  paretoseg transfer data=decathlon data.root=/data/hippocampus 'corruptions=[mri]' --cases 8
  paretoseg transfer data=folder data.root=PATH task.num_steps=20 resources.gpus=1 --output mine.json
  paretoseg search study=mine data=folder data.root=PATH task.transfer=mine.json

keys: data.*, task.* and resources.*, seed, experiment, as for a search (docs/config.md);
  corruptions=[NAME or PRESET,...]   what to measure; all but those that leak the label if left out
  task.severities=[1,...,5]          [3,5] if left out
"""
