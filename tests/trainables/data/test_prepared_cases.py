"""The cache: what goes in comes out, mapped; damage and races cost time only."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paretoseg.trainables.data.decathlon import DecathlonConfig
from paretoseg.trainables.data.prepared_cases import CaseCache, FileHashes, default_cache, key_of, raise_open_file_limit
from paretoseg.trainables.data.preprocessing import Prepared
from tests.trainables.data_files import draw_mask, draw_picture, write_list, write_volume, write_volumes


def build_case(seed: int = 0) -> Prepared:
    image = np.random.default_rng(seed).random((2, 7, 9)).astype(np.float32)
    return Prepared(image, draw_mask((7, 9)), (0.5, 2.0))


def test_a_kept_case_comes_back_mapped_and_the_same(tmp_path: Path) -> None:
    cache, case = CaseCache(tmp_path), build_case()
    assert cache.find("key") is None
    for found in (cache.keep("key", case), cache.find("key")):
        assert found is not None
        assert isinstance(found.image, np.memmap)
        assert np.array_equal(found.image, case.image)
        assert np.array_equal(found.label, case.label)
        assert found.spacing_mm == case.spacing_mm
        found.image[:] = 0.0  # of this process's copy
    assert [path.name for path in (tmp_path / "cases").iterdir()] == ["key"]


@pytest.mark.parametrize("name", ["arrays.npy", "about.json"])
def test_a_damaged_case_is_written_again(tmp_path: Path, name: str) -> None:
    cache, case = CaseCache(tmp_path), build_case()
    cache.keep("key", case)
    path = tmp_path / "cases" / "key" / name
    path.write_bytes(path.read_bytes()[:-5])
    assert cache.find("key") is None
    assert np.array_equal(cache.keep("key", case).image, case.image)
    assert cache.find("key") is not None
    assert [path.name for path in (tmp_path / "cases").iterdir()] == ["key"]


def test_writers_at_once_leave_one_whole_case(tmp_path: Path) -> None:
    case = build_case()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: CaseCache(tmp_path).keep("key", case), range(24)))
    assert all(np.array_equal(item.image, case.image) for item in found)
    assert [path.name for path in (tmp_path / "cases").iterdir()] == ["key"]


def use_at(folder: Path, key: str, seconds: float) -> None:
    os.utime(folder / "cases" / key, (seconds, seconds))


def list_cases(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cases").iterdir())


def test_what_was_not_used_for_longest_makes_room_and_is_still_there_for_who_has_it(tmp_path: Path) -> None:
    first = CaseCache(tmp_path)
    old = first.keep("old", build_case(1))
    for seconds, key in enumerate(("old", "middle", "recent")):
        first.keep(key, build_case(1))
        use_at(tmp_path, key, 1000.0 + seconds)
    size = sum(file.stat().st_size for file in (tmp_path / "cases" / "old").iterdir())
    CaseCache(tmp_path).find("old")  # used again, a long time after
    second = CaseCache(tmp_path)
    assert second.shrink(0.0) == 0, "nothing was added"
    second.keep("new", build_case(2))
    assert second.shrink(2.5 * size) == 2
    assert list_cases(tmp_path) == ["new", "old"]
    third = CaseCache(tmp_path)
    third.keep("newest", build_case(3))
    assert third.shrink(0.0) == 2, "its own case stays"
    assert list_cases(tmp_path) == ["newest"]
    assert np.array_equal(old.image, build_case(1).image)
    assert first.find("old") is None


def test_what_a_crash_has_left_goes_once_it_is_old(tmp_path: Path) -> None:
    cache = CaseCache(tmp_path)
    for name in (".key.left", ".key.young"):
        (tmp_path / "cases" / name).mkdir(parents=True)
        (tmp_path / "cases" / name / "arrays.npy").write_bytes(b"half")
    use_at(tmp_path, ".key.left", 1000.0)
    cache.keep("key", build_case())
    assert cache.shrink(1.0) == 1
    assert list_cases(tmp_path) == [".key.young", "key"]


def test_readers_and_writers_go_on_while_a_cache_is_emptied(tmp_path: Path) -> None:
    case = build_case()

    def use(number: int) -> np.ndarray:
        cache = CaseCache(tmp_path)
        found = cache.find("key") or cache.keep("key", case)
        other = CaseCache(tmp_path)
        other.keep(f"other-{number}", case)
        other.shrink(0.0)
        return found.image

    with ThreadPoolExecutor(8) as pool:
        assert all(np.array_equal(image, case.image) for image in pool.map(use, range(24)))


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "cases").write_text("a file")
    with pytest.raises(ValueError, match=r"cases' cannot be written .*name another folder with data\.cache=PATH"):
        CaseCache(tmp_path).keep("key", build_case())


def test_keys_depend_on_content_and_order() -> None:
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
    assert len({key_of("a", "b"), key_of("b", "a"), key_of("a", "b", 1)}) == 3


def test_a_hash_is_taken_again_when_the_file_has_changed_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    hashes = FileHashes(tmp_path, "set")
    first = hashes.digest(path)
    hashes.keep()
    state = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert FileHashes(tmp_path, "set").digest(path) == first  # same size and time: taken for the same
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert FileHashes(tmp_path, "set").digest(path) != first
    assert hashes.digest(tmp_path / "missing") == ""


def test_the_default_lies_below_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "paretoseg"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "paretoseg"


def test_many_files_may_be_open_afterwards() -> None:
    resource = pytest.importorskip("resource")
    raise_open_file_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard


def config_of(tmp_path: Path, **changes: Any) -> DecathlonConfig:
    return DecathlonConfig(root=str(tmp_path / "data"), cache=str(tmp_path / "cache"), **changes)


def test_volumes_of_different_sizes_are_loaded_mapped_and_not_read_again(tmp_path: Path) -> None:
    cases = write_volumes(tmp_path / "data", 4)
    cases += write_volumes_of_another_size(tmp_path / "data")
    config = config_of(tmp_path)
    first = config.load()
    for case in cases:  # the same size and time of change, so the content is not checked
        for path in (tmp_path / "data" / case["image"], tmp_path / "data" / case["label"]):
            state = path.stat()
            path.write_bytes(bytes(state.st_size))
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    second = config.load()
    assert {case.label.shape for case in second.all_cases} == {(8, 10, 12), (6, 7, 8)}
    for before, after in zip(first.all_cases, second.all_cases, strict=True):
        assert isinstance(after.image, np.memmap)
        assert np.array_equal(before.image, after.image)


def test_measured_cases_have_their_originals_mapped_and_training_has_none(tmp_path: Path) -> None:
    write_volumes(tmp_path / "data", 4)
    first, second = (config_of(tmp_path, spacing_mm=[2.0, 1.0, 1.0]).load() for _ in range(2))
    assert all(case.original is None for case in second.train)
    for before, after in zip((*first.validation, *first.test), (*second.validation, *second.test), strict=True):
        assert before.original is not None
        assert after.original is not None
        assert isinstance(after.original.image, np.memmap)
        assert np.array_equal(after.original.image, before.original.image)
        assert np.array_equal(after.original.label, before.original.label)
        assert after.original.placement == before.original.placement
        assert after.original.label.shape == (8, 10, 12)
        assert after.label.shape == (4, 10, 12)


def write_volumes_of_another_size(root: Path) -> list[dict[str, str]]:
    write_volume(root / "imagesTr" / "w.nii.gz", draw_picture(9, (6, 7, 8)))
    write_volume(root / "labelsTr" / "w.nii.gz", draw_mask((6, 7, 8)))
    cases = [{"image": f"./imagesTr/v{n}.nii.gz", "label": f"./labelsTr/v{n}.nii.gz"} for n in range(4)]
    added = [{"image": "./imagesTr/w.nii.gz", "label": "./labelsTr/w.nii.gz"}]
    write_list(root, [*cases, *added])
    return added


def test_the_cases_of_other_data_make_room_for_these(tmp_path: Path) -> None:
    for name in ("data", "other"):
        write_volumes(tmp_path / name, 4)
        (tmp_path / name / "imagesTr" / "v0.nii.gz").unlink()
        write_volume(tmp_path / name / "imagesTr" / "v0.nii.gz", draw_picture(len(name), (8, 10, 12)))
    config_of(tmp_path).load()
    other = DecathlonConfig(root=str(tmp_path / "other"), cache=str(tmp_path / "cache"), cache_gb=1e-9)
    dataset = other.load()
    measured = [case for case in dataset.all_cases if case.split != "train"]
    assert len(list_cases(tmp_path / "cache")) == len(dataset.all_cases) + len(measured)
    assert other.findings() == []
    assert len(config_of(tmp_path).load().all_cases) == 4
    assert "data.cache_gb must be at least 0 and finite, got -1.0" in config_of(tmp_path, cache_gb=-1.0).findings()


def test_another_setting_gives_another_case(tmp_path: Path) -> None:
    write_volumes(tmp_path / "data")
    plain, coarse = (config_of(tmp_path, spacing_mm=spacing).load() for spacing in ([], [2.0, 2.0, 2.0]))
    assert plain.train[0].label.shape == (8, 10, 12)
    assert coarse.train[0].label.shape == (4, 5, 6)
    assert np.array_equal(config_of(tmp_path).load().train[0].image, plain.train[0].image)


def test_a_case_that_cannot_be_read_any_more_is_named(tmp_path: Path) -> None:
    write_volumes(tmp_path / "data")
    config_of(tmp_path).load()
    path = tmp_path / "data" / "imagesTr" / "v2.nii.gz"
    path.write_bytes(b"gone")
    with pytest.raises(ValueError, match=r"case 'v2': file '.*v2\.nii\.gz' cannot be read"):
        config_of(tmp_path).load()
