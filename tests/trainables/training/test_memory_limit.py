"""The memory that control groups leave, on trees as kernels, containers and Slurm make them."""

from __future__ import annotations

from pathlib import Path

import pytest

from paretoseg.trainables.training.memory_limit import find_memory_left

GB = 10**9
V1_UNLIMITED = 9223372036854771712
V2 = "30 23 0:26 {root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = "36 32 0:33 {root} /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory"
CPU = "35 32 0:30 / /sys/fs/cgroup/cpu rw,nosuid - cgroup cgroup rw,cpu,cpuacct"
DISK = "22 1 8:1 / / rw - ext4 /dev/sda1 rw"


class Tree:
    """A process and its groups, below a folder."""

    def __init__(self, top: Path) -> None:
        self.top, self.process = top, top / "proc" / "self"
        self.process.mkdir(parents=True)

    def place(self, groups: str, *mounts: str) -> None:
        (self.process / "cgroup").write_text(groups)
        (self.process / "mountinfo").write_text("\n".join((DISK, *mounts)) + "\n")

    def add(self, folder: str, limit: object, used: int, *, cached: int = 0) -> None:
        place = self.top / "sys/fs/cgroup" / folder
        place.mkdir(parents=True, exist_ok=True)
        is_first = folder.startswith("memory")
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if is_first else ("memory.max", "memory.current")
        for name, value in zip(names, (limit, used), strict=True):
            (place / name).write_text(f"{value}\n")
        line = "total_inactive_file" if is_first else "inactive_file"
        (place / "memory.stat").write_text(f"anon {used - cached}\n{line} {cached}\n")

    def find(self) -> float | None:
        return find_memory_left(self.process, self.top)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_container_of_version_2_sees_its_own_limit_at_the_root(tree: Tree) -> None:
    tree.place("0::/\n", V2.format(root="/"))
    tree.add("", 8 * GB, 3 * GB)
    assert tree.find() == 5 * GB


def test_the_limit_of_a_slurm_step_counts_and_that_of_the_job_where_it_is_smaller(tree: Tree) -> None:
    step = "system.slice/slurmstepd.scope/job_7/step_0/user/task_0"
    tree.place(f"0::/{step}\n", V2.format(root="/"))
    tree.add(step, "max", 1 * GB)
    tree.add("system.slice/slurmstepd.scope/job_7/step_0", 6 * GB, 1 * GB)
    tree.add("system.slice/slurmstepd.scope/job_7", 7 * GB, 1 * GB)
    assert tree.find() == 5 * GB
    tree.add("system.slice/slurmstepd.scope/job_7", 7 * GB, 4 * GB)  # by other steps of the job
    assert tree.find() == 3 * GB


def test_a_group_that_the_process_is_not_in_does_not_count(tree: Tree) -> None:
    tree.place("0::/job_7\n", V2.format(root="/"))
    tree.add("job_7", 6 * GB, 1 * GB)
    tree.add("job_8", 2 * GB, 2 * GB)
    assert tree.find() == 5 * GB


def test_version_1_has_its_own_files_and_place(tree: Tree) -> None:
    tree.place("9:cpu,cpuacct:/other\n5:memory:/slurm/uid_0/job_7/step_0\n0::/user.slice\n", CPU, V1.format(root="/"))
    tree.add("memory", V1_UNLIMITED, 20 * GB)
    tree.add("memory/slurm/uid_0/job_7", 4 * GB, 1 * GB)
    tree.add("memory/slurm/uid_0/job_7/step_0", V1_UNLIMITED, 1 * GB)
    assert tree.find() == 3 * GB


@pytest.mark.parametrize("root", ["/docker/ab12", "/"])
def test_a_container_that_reads_its_path_outside_finds_its_limit(tree: Tree, root: str) -> None:
    """With the mount's root in the path, and as in a namespace, where the path starts at the root of the mount."""
    tree.place("5:memory:/docker/ab12\n" if root != "/" else "5:memory:/\n", V1.format(root=root))
    tree.add("memory", 2 * GB, 1 * GB)
    assert tree.find() == 1 * GB


def test_a_mount_that_does_not_show_the_own_group_is_read_from_its_top(tree: Tree) -> None:
    tree.place("5:memory:/kubepods/pod1/c1\n", V1.format(root="/kubepods/pod1/c2"))
    tree.add("memory", 2 * GB, 1 * GB)
    assert tree.find() == 1 * GB


def test_files_that_the_kernel_drops_on_demand_count_as_free(tree: Tree) -> None:
    tree.place("0::/job\n", V2.format(root="/"))
    tree.add("job", 8 * GB, 7 * GB, cached=5 * GB)
    assert tree.find() == 6 * GB


def test_without_limits_or_groups_nothing_is_found(tree: Tree) -> None:
    assert tree.find() is None
    tree.place("0::/job\n", V2.format(root="/"))
    assert tree.find() is None
    tree.add("job", "max", 7 * GB)
    assert tree.find() is None
