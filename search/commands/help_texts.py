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
  paretoseg search study=small 'objectives=[accuracy,parameters]' 'constraints=["parameters<=1e6"]'
  paretoseg search experiment=rehearsal                              # no training: try the machine out
  paretoseg search study=big cluster=slurm cluster.nodes=4 --dry-run # print the job; without --dry-run submit it
  paretoseg search --dry-run study=big cluster=kubernetes cluster.image=registry/paretoseg:1 cluster.claim=studies
  paretoseg search study=debug task=toy cluster=serial budget.trials=5

keys (all of them with their defaults: docs/config.md):
  experiment=NAME      a named experiment to start from: quickstart, rehearsal
  study=NAME           name of the study;  storage=PATH|URI  where studies lie
  task=segmentation|toy   data=textures|decathlon|folder|nnunet|brain   data.root=PATH
  strategy=surrogate|nsga2|nsga3|random|grid|tpe|gp
  pruner=never|median|asha   seed=N
  budget.trials=N   budget.hours=H   budget.voxels=N   budget.max_failures=N
  objectives=[NAME,...]   constraints=[NAME<=X,...]   reference={NAME: X}
  strategy.known=[{DIMENSION: VALUE},...]   strategy.warm_start=[STUDY,...]
  confirm.seeds=N   confirm.candidates=N   confirm.replicates=SHARE
  resources.cpus=X   resources.gpus=X   resources.max_concurrent=N   resources.timeout_min=M
  cluster=local|slurm|kubernetes|attached|serial
  tracking.mode=auto|online|offline|disabled   tracking.project=NAME   tracking.entity=NAME
  space.DIMENSION=VALUE|[LOW,HIGH]|[OPTION,...]
"""
    + "\n"
    + EXIT_CODES
)

STATUS_HELP = """\
Show where a study stands: trials by state, budget, front, what failed, whether a search is running, and whether it is
in good health: checks that pass, warn or fail, each with a remedy (docs/health.md).
With pruner=asha also why trials were stopped early, and how often that was measured to be wrong. --json has all
receipts.

examples:
  paretoseg status studies/quickstart
  paretoseg status studies/quickstart --json | python -m json.tool
  paretoseg status s3://bucket/studies/mine
  paretoseg status mine cluster=kubernetes cluster.claim=studies     # the job alone, where only pods see the study
"""

LOGS_HELP = """\
Show what the search of a study printed in its job on a cluster (docs/slurm.md, docs/kubernetes.md).

examples:
  paretoseg logs studies/big
  paretoseg logs studies/big --lines 20 --follow
  paretoseg logs s3://bucket/studies/mine --lines 20
"""

CANCEL_HELP = """\
End the job of a study on a cluster, whether it waits or runs. Its search stops in order, and the job is not requeued.
What its trials have done is kept: the command that submitted it resumes. To get the answer now, use finish instead.

A job on Kubernetes is found by the keys of cluster that it was sent with.

examples:
  paretoseg cancel studies/big
  paretoseg cancel mine cluster=kubernetes cluster.claim=studies
"""

FRONT_HELP = """\
Show the Pareto front of a study, best first in the first objective. Objectives are means over training seeds on
validation cases; test_... are those of untouched test cases, measured for the candidates that were confirmed. P is the
probability of being on the front. Below stand what is confirmed, whether the ends differ by more than noise, and what
would settle the rest. --intervals shows 95 percent intervals over seeds and subjects in place of test values.
--stability compares the order of all finished trials in robustness with their order when a family of corruptions is
left out, or severities weigh otherwise. If the study has shift sets, it also shows whether robustness under corruptions
predicts the scores on them.

examples:
  paretoseg front studies/quickstart
  paretoseg front studies/quickstart --intervals
  paretoseg front studies/quickstart --stability
  paretoseg front studies/quickstart --json | python -m json.tool
"""

CONFIRM_HELP = """\
Confirm the front of a study: every candidate that may well be on it is trained with all seeds and measured on the test
cases with the whole battery. A search does this by itself when its budget is spent, unless confirm.seeds=1. This
command does it earlier, for a study of an earlier version, or with more seeds. The same command resumes it.

examples:
  paretoseg confirm studies/quickstart
  paretoseg confirm studies/quickstart --seeds 5                 # two more seeds for each
  paretoseg confirm studies/mine --candidates 4 cluster=serial

keys: those that may change when a search is resumed (docs/config.md)
"""

FINISH_HELP = """\
Finish a search now, whether it runs on this machine, on another one, or was stopped. Running trials end at their next
step, no further trial starts and no further seed is trained; the networks of the front are measured on the test cases,
and the answer is shown. A search that runs reads the request in the study's folder; one that was stopped is finished by
this command.

examples:
  paretoseg finish studies/quickstart
  paretoseg finish s3://bucket/studies/mine
  paretoseg finish studies/mine cluster=serial       # if it was stopped

keys: those that may change when a search is resumed (docs/config.md)
"""

ABLATE_HELP = """\
Find what each choice of a candidate is worth. Its neighbours have one choice changed: every other option, the next
lower and higher number, or a quarter of the range down and up. The candidate and its neighbours are trained with the
same seeds and measured on the same validation cases, so their differences are paired; the table shows each with an
interval and a verdict. Trainings that the study has are not repeated, and test cases are not touched. The results go to
ablations/N in the study's folder. The same command resumes it; other dimensions and more seeds are added to it.

examples:
  paretoseg ablate studies/quickstart --candidate 7
  paretoseg ablate studies/quickstart --candidate 7 --dimensions skip,depth --seeds 5
  paretoseg ablate studies/mine --candidate 12 --most 6 cluster=serial
  paretoseg ablate studies/mine --candidate 12 --json | python -m json.tool

keys: resources.*, cluster=local|serial|attached, data.root, data.cache (docs/ablation.md)
"""

ATTRIBUTION_HELP = """\
Show which choices of a study trade accuracy for robustness and which improve both: how much of every objective's
variance each makes alone, with intervals, and where on the front it matters; the objectives by value of every choice
that matters; which choices interact. It comes from the trials of the study alone: nothing is trained. Says of a choice
that there are too few trials to tell unless a fixed rule is met (docs/attribution.md). Draws attribution.png.

examples:
  paretoseg attribution studies/quickstart
  paretoseg attribution studies/quickstart --output choices.png
  paretoseg attribution studies/quickstart --json | python -m json.tool
"""

COMPARE_HELP = """\
Compare the fronts of several studies: the hypervolume of each over one reference point and the same validation cases,
all differences with simultaneous 95 percent intervals over the subjects that the studies share, and how much of each
front the others cover. Studies that are not comparable are refused, with the reason: other objectives, metrics,
conditions, strengths or cases. Draws comparison.png with all fronts. Studies are only read.

examples:
  paretoseg compare studies/surrogate studies/random
  paretoseg compare studies/* --output fronts.png
  paretoseg compare studies/a studies/b --json | python -m json.tool
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
the same mask from it as the evaluation. An existing folder is not overwritten. With --seeds all, the networks of all
seeds become one that averages their probabilities; with three seeds, an image takes three times as long.

picks, in quotes if they hold > or <:
  knee                          the best compromise: farthest from the line between the ends of the front
  most-accurate, most-robust    best in accuracy, or in robustness
  NUMBER                        the candidate of this number
  'accuracy>=0.9,memory_gb<=8'  conditions on objectives and costs, by their names in the tables
  'lose<=0.005'                 the most robust that loses at most 0.005 in accuracy against the most accurate
  accuracy=0.7,robustness=0.3   by weights; these and the rules may stand beside conditions

examples:
  paretoseg export studies/quickstart --pick knee --format bundle
  paretoseg export studies/quickstart --pick 'accuracy>=0.9,parameters<=1e6' --format bundle
  paretoseg export studies/quickstart --pick knee --format bundle --seeds all
  paretoseg export studies/quickstart --pick most-robust --format onnx --output robust
"""

INSPECT_HELP = """\
Show the fingerprint of a dataset's training cases (shapes, spacings, intensities inside foreground, classes), and the
plan that nnU-Net's rules make of it: spacing, scaling of intensities, patch, strides and kernels by level, batch and
memory, each with its reason. Writes plan.json. Files may differ in spacing. Nothing is trained.

examples:
  paretoseg inspect data=nnunet data.root=Dataset004_Hippocampus
  paretoseg inspect data=decathlon data.root=/data/nuclei --output nuclei
  paretoseg inspect data=decathlon data.root=/data/nuclei --json | python -m json.tool

keys: those of the data, as for a search (docs/config.md); others are checked and have no effect here
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

REHEARSE_HELP = """\
Try out strategies, pruners and numbers of workers before GPU-hours are spent on them. Searches are simulated: the code
of a real search runs on a simulated clock, and recorded trainings are replayed with their seeds, reports and seconds. A
candidate that was never trained has no value, so strategies can only propose recorded ones. Shows the
mean hypervolume at 25, 50 and 100 percent of the GPU-hours and paired differences to the first option, with 95 percent
intervals over repetitions, and writes rehearsal.csv, curves.csv and rehearsal.png. Studies of the same task and data
are pooled. Nothing is trained and no study is changed; an interrupted rehearsal is started again.

examples:
  paretoseg rehearse studies/mine
  paretoseg rehearse studies/mine --strategies random,nsga2 --workers 1,4,16
  paretoseg rehearse studies/mine --pruners never,median --repetitions 50
  paretoseg rehearse studies/mine studies/mine-2 --trials 40 --failures 0.05 --output rehearsal
  paretoseg rehearse studies/mine --json | python -m json.tool

names: those of strategy=NAME and pruner=NAME of a search (docs/config.md, docs/rehearse.md)
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
  paretoseg calibrate data=folder data.root=PATH task.length=short --output mine.json
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
  paretoseg transfer data=folder data.root=PATH task.length=short --output mine.json
  paretoseg search study=mine data=folder data.root=PATH task.transfer=mine.json

keys: data.*, task.* and resources.*, seed, experiment, as for a search (docs/config.md);
  corruptions=[NAME or PRESET,...]   what to measure; all but those that leak the label if left out
  task.severities=[1,...,5]          [3,5] if left out
"""
