"""The plan of a study: what its training cases are like, written once when it starts."""

from __future__ import annotations

import json

from paretoseg.search.reports.plan_text import PLAN_FILE, to_json
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.planning.scanning import inspect_data
from paretoseg.trainables.trainable import Task


def keep_plan(folder: StudyFolder, task: Task) -> None:
    """Writes fingerprint and plan of data in files, unless they are there; a study does without where there is none.

    Only a study that has not started gets one, so that opening an earlier study reads nothing.
    """
    if not isinstance(task, ImageTask) or not isinstance(task.data, FilesConfig) or folder.folder.exists(PLAN_FILE):
        return
    try:
        fingerprint, plan = inspect_data(task.data)
    except ValueError:  # the data passed its own check; without any foreground there is no plan
        return
    folder.folder.write(PLAN_FILE, json.dumps(to_json(fingerprint, plan), indent=2).encode())
