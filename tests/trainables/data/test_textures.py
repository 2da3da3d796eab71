"""Pictures composed of textures: reproducible, of the right difficulty, and no pixel shared between splits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from paretoseg.trainables.data.datasets import TRAIN
from paretoseg.trainables.data.textures import TexturesConfig, draw_shape, match_moments, read_texture, split_area
from paretoseg.trainables.trainable import Split

SMALL = {"image_size": 32, "num_train": 3, "num_validation": 2, "num_test": 2}
SPLITS = (TRAIN, "validation", "test")


def test_the_areas_of_the_splits_are_disjoint_and_cover_the_texture() -> None:
    texture = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    areas = [set(split_area(texture, split).ravel().tolist()) for split in SPLITS]
    assert sum(map(len, areas)) == len(set.union(*areas)) == texture.size


def test_no_pixel_of_a_measured_image_lies_in_the_training_area(tmp_path: Path) -> None:
    # Every pixel of these textures tells where it is: 16-bit values that occur once.
    places = np.arange(128 * 128, dtype=np.uint16).reshape(128, 128)
    imsave(tmp_path / "x.png", places, check_contrast=False)
    imsave(tmp_path / "y.png", places[::-1].copy(), check_contrast=False)
    data = TexturesConfig(root=str(tmp_path), foreground="x", background="y", blend=1.0, **SMALL).load()
    seen = [
        {round(value * 65535) for case in cases for value in case.image.ravel().tolist()}
        for cases in (data.train, data.validation, data.test)
    ]
    assert all(seen)
    assert seen[0].isdisjoint(seen[1] | seen[2])
    assert seen[1].isdisjoint(seen[2])


def test_equal_configs_give_equal_bytes_and_another_seed_gives_others() -> None:
    first, again, other = (TexturesConfig(seed=seed, **SMALL).load() for seed in (0, 0, 1))
    for mine, same, different in zip(first.test, again.test, other.test, strict=True):
        assert mine.image.tobytes() == same.image.tobytes()
        assert mine.label.tobytes() == same.label.tobytes()
        assert mine.image.tobytes() != different.image.tobytes()


def test_another_process_composes_the_same_bytes() -> None:
    code = (
        "import hashlib; from paretoseg.trainables.data.textures import TexturesConfig; "
        f"print(hashlib.sha256(TexturesConfig(**{SMALL!r}).load().test[0].image.tobytes()).hexdigest())"
    )
    outputs = {subprocess.check_output([sys.executable, "-c", code], text=True) for _ in range(2)}
    assert len(outputs) == 1


def test_a_shift_set_holds_the_measured_pictures_at_another_blend() -> None:
    alone = TexturesConfig(blend=0.3, **SMALL).load()
    shifted = TexturesConfig(blend=0.3, shift=["blend_0.60"], **SMALL)
    harder = TexturesConfig(blend=0.6, **SMALL).load()
    dataset = shifted.load()
    for split in Split:
        cases = dataset.shift_cases(split)["blend_0.60"]
        for own, other, expected in zip(alone.cases(split), cases, harder.cases(split), strict=True):
            assert (other.name, other.subject, other.split) == (f"{own.name}_blend_0.60", own.subject, own.split)
            assert other.image.tobytes() == expected.image.tobytes()
            assert other.label.tobytes() == own.label.tobytes()
    assert [case.image.tobytes() for case in dataset.train] == [case.image.tobytes() for case in alone.train]
    rows = shifted.split_rows()
    assert [(row.case, row.split, row.domain) for row in rows if row.shift] == [
        ("validation_000_blend_0.60", "validation", "blend_0.60"),
        ("validation_001_blend_0.60", "validation", "blend_0.60"),
        ("test_000_blend_0.60", "test", "blend_0.60"),
        ("test_001_blend_0.60", "test", "blend_0.60"),
    ]


@pytest.mark.parametrize(
    ("shift", "message"),
    [
        (["blend_0.6"], "unknown shift set 'blend_0.6'; did you mean 'blend_0.60'? known: blend_0.00, blend_0.01 and"),
        (["blend_1.20"], "unknown shift set 'blend_1.20'; did you mean 'blend_1.00'?"),
        (["gravel"], "unknown shift set 'gravel'; known: blend_0.00"),
        (["blend_0.30"], "'blend_0.30' is the blend of the data itself; name another blend"),
        (["blend_0.60", "blend_0.60"], "data.shift must be distinct, got blend_0.60 more than once"),
    ],
)
def test_shift_sets_that_textures_do_not_know_are_found(shift: list[str], message: str) -> None:
    (finding,) = TexturesConfig(shift=shift, **SMALL).findings()
    assert message in finding


def test_a_case_does_not_depend_on_how_many_there_are() -> None:
    few, many = (TexturesConfig(**(SMALL | {"num_train": count})).load() for count in (2, 5))
    np.testing.assert_array_equal(few.train[1].image, many.train[1].image)


def test_blend_mixes_inside_the_shape_only() -> None:
    easy, middle, hard = (TexturesConfig(blend=blend, **SMALL).load().train[0] for blend in (0.0, 0.5, 1.0))
    inside = easy.label.astype(bool)
    np.testing.assert_array_equal(easy.label, hard.label)
    np.testing.assert_array_equal(easy.image[0][~inside], hard.image[0][~inside])
    np.testing.assert_allclose(middle.image, (easy.image + hard.image) / 2, atol=1e-6)
    assert np.abs(easy.image - hard.image)[0][inside].mean() > 0.05
    assert middle.domain == "blend_0.50"


def test_matched_moments_are_the_targets() -> None:
    generator = np.random.default_rng(0)
    texture, target = generator.random((50, 50), np.float32), 0.4 + 0.1 * generator.random((50, 50), np.float32)
    matched = match_moments(texture, target)
    assert matched.mean() == pytest.approx(target.mean(), abs=1e-3)
    assert matched.std() == pytest.approx(target.std(), abs=1e-3)


def test_brightness_alone_does_not_solve_the_task() -> None:
    for case in TexturesConfig(num_train=1, num_validation=1).load().test:
        inside, image = case.label.astype(bool), case.image[0]
        thresholds = np.quantile(image, np.linspace(0.05, 0.95, 19))
        guesses = [guess for threshold in thresholds for guess in (image > threshold, image < threshold)]
        best = max(2 * (guess & inside).sum() / (guess.sum() + inside.sum()) for guess in guesses)
        assert best < 0.6


def test_shapes_are_closed_off_the_border_and_of_sensible_size() -> None:
    for seed in range(50):
        shape = draw_shape(80, np.random.default_rng(seed))
        border = np.concatenate([shape[0], shape[-1], shape[:, 0], shape[:, -1]])
        assert not border.any()
        assert 0.04 < shape.mean() < 0.35


def test_wrong_settings_are_found_all_at_once() -> None:
    with pytest.raises(ValueError, match=r"data\.blend must lie in 0\.\.1, got 1\.5") as caught:
        TexturesConfig(blend=1.5, image_size=8, num_test=0, foreground="grass", background="grass").check()
    for text in (
        "data.image_size must be at least 32",
        "data.num_test must be at least 1",
        "data.foreground must differ",
    ):
        assert text in str(caught.value)


def test_an_unknown_bundled_texture_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown texture 'moss'; known: brick, grass, gravel"):
        TexturesConfig(foreground="moss").check()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data\.root must be an existing folder"):
        TexturesConfig(root=str(tmp_path / "nowhere")).check()


def test_unusable_texture_files_are_found_all_at_once(tmp_path: Path) -> None:
    imsave(tmp_path / "colour.png", np.zeros((64, 64, 3), dtype=np.uint8), check_contrast=False)
    with pytest.raises(ValueError, match="must be grey") as caught:
        TexturesConfig(root=str(tmp_path), foreground="colour", background="absent", **SMALL).check()
    assert "absent.png' is missing" in str(caught.value)
    imsave(tmp_path / "constant.png", np.full((64, 64), 9, dtype=np.uint8), check_contrast=False)
    imsave(tmp_path / "small.png", np.arange(48 * 48, dtype=np.uint16).reshape(48, 48), check_contrast=False)
    with pytest.raises(ValueError, match="must not be constant") as caught:
        TexturesConfig(root=str(tmp_path), foreground="constant", background="small", **SMALL).check()
    assert "at least twice data.image_size" in str(caught.value)


def test_files_that_are_no_or_half_a_picture_are_refused(tmp_path: Path) -> None:
    imsave(tmp_path / "half.png", np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8), check_contrast=False)
    (tmp_path / "half.png").write_bytes((tmp_path / "half.png").read_bytes()[:500])
    (tmp_path / "text.png").write_text("no picture")
    for name in ("half", "text"):
        with pytest.raises(ValueError, match=rf"{name}\.png' cannot be read as a picture; save it again"):
            read_texture(name, str(tmp_path))


def test_the_default_config_passes_its_own_check() -> None:
    TexturesConfig().check()
