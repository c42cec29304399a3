"""The loaders that ship: files as splits, and files that say something else, refused by line."""

from __future__ import annotations

import gzip
import runpy
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gitexp.training.loaders import PixelRows, TableFile, TextFile, stratified  # noqa: E402
from gitexp.training.testing import check_loader  # noqa: E402

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str) -> str:
    path = folder / "data.csv"
    path.write_text(text)
    return str(path)


def test_the_same_share_of_each_label_is_held_out_and_nothing_is_on_both_sides():
    labels = [0] * 10 + [1] * 20
    train, held_out = stratified(labels, 0.2, seed=1)
    assert sorted(train + held_out) == list(range(30))
    assert [labels[row] for row in held_out] == [0, 0, 1, 1, 1, 1]


def test_the_seed_alone_decides_which():
    assert stratified([0] * 50, 0.2, seed=1) == stratified([0] * 50, 0.2, seed=1)
    assert stratified([0] * 50, 0.2, seed=1) != stratified([0] * 50, 0.2, seed=2)


def test_digits_mlp_and_digits_knn_hold_out_the_same_images():
    baseline = runpy.run_path(str(ROOT / "recipes/digits-knn/knn.py"))
    labels = [digit for digit in range(10) for _ in range(180)]
    assert stratified(labels, 0.2, seed=1) == baseline["split"](labels, 0.2, 1)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5])
def test_a_fraction_that_leaves_one_side_empty_is_refused(fraction):
    with pytest.raises(ValueError, match="lies between 0 and 1"):
        stratified([0, 1], fraction, seed=1)


# ---- PixelRows


def pixel_rows(path: str) -> PixelRows:
    return PixelRows(path, height=1, width=2, classes=2, batch_size=2, seed=1, val_fraction=0.5)


def test_there_may_be_more_classes_than_a_pixel_has_values(tmp_path):
    path = written(tmp_path, "0,1,300\n2,3,300\n4,255,7\n6,7,7\n")
    loaded = PixelRows(path, height=1, width=2, classes=1000, batch_size=2, seed=1, val_fraction=0.5)
    assert sorted(loaded.splits["train"].fields["target"].tolist()) == [7, 300]


def test_rows_of_pixels_become_images_of_bytes(tmp_path):
    loader = pixel_rows(written(tmp_path, "1,2,0\n3,4,0\n5,6,1\n7,255,1\n"))
    check_loader(loader)
    train, val = loader.splits["train"].fields, loader.splits["val"].fields
    assert train["input"].shape == val["input"].shape == (2, 1, 1, 2)
    assert train["input"].dtype == torch.uint8
    assert sorted(torch.cat([train["input"], val["input"]]).reshape(4, 2).tolist()) == [
        [1, 2],
        [3, 4],
        [5, 6],
        [7, 255],
    ]
    assert train["target"].tolist() == val["target"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("1,2,0,9", "data.csv:2: expected 2 pixels and a class, got 4 columns"),
        ("1,2,2", "data.csv:2: classes are 0 to 1, got 2"),
        ("1,256,0", "data.csv:2: a pixel lies between 0 and 255"),
        ("1,-1,0", "data.csv:2: a pixel lies between 0 and 255"),
        ("1,b,0", "data.csv:2: expected whole numbers: .*'b'"),
    ],
)
def test_a_row_that_is_no_image_is_named_by_its_line(tmp_path, line, complaint):
    with pytest.raises(ValueError, match=complaint):
        pixel_rows(written(tmp_path, f"1,2,0\n{line}\n"))


# ---- TableFile

BIRDS = "kind,mass,sex,isle\na,1.5,m,x\na,NA,f,y\nb,3,,x\nb,4,m,x\n"


def table_file(path: str, **changed: object) -> TableFile:
    settings = {"target": "kind", "numbers": ["mass"], "categories": ["sex"], "val_fraction": 0.5}
    return TableFile(path, batch_size=2, seed=1, **{**settings, **changed})


def test_a_table_becomes_numbers_codes_and_the_words_for_them(tmp_path):
    splits = table_file(written(tmp_path, BIRDS)).splits
    assert sorted(splits["train"].fields) == ["numbers", "sex", "target"]
    assert splits["train"].names == splits["val"].names == {"sex": ["f", "m"], "target": ["a", "b"]}
    masses = torch.cat([splits[name].fields["numbers"] for name in ("train", "val")])
    codes = torch.cat([splits[name].fields["sex"] for name in ("train", "val")])
    assert masses.shape == (4, 1)
    assert masses.dtype == torch.float32
    assert masses.isnan().sum() == 1
    assert sorted(codes.tolist()) == [-1, 0, 1, 1]
    assert splits["val"].fields["target"].tolist() == [0, 1]


def test_numbers_come_in_the_order_of_the_argument(tmp_path):
    path = written(tmp_path, "k,a,b\nx,1,2\nx,1,2\ny,1,2\ny,1,2\n")
    loader = table_file(path, target="k", numbers=["b", "a"], categories=[])
    assert loader.splits["train"].fields["numbers"].tolist() == [[2.0, 1.0], [2.0, 1.0]]


def test_a_packed_table_is_unpacked(tmp_path):
    path = tmp_path / "birds.csv.gz"
    path.write_bytes(gzip.compress(BIRDS.encode()))
    assert len(table_file(str(path)).splits["train"]) == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("kind,weight,sex\n", "data.csv:1: there is no column 'mass'; there are: kind, weight, sex"),
        ("", "data.csv:1: there is no column 'kind'"),
        (BIRDS + "a,1\n", "data.csv:6: expected 4 columns as in the header, got 2"),
        (BIRDS + "NA,1,m,x\n", "data.csv:6: the target kind is missing"),
        (BIRDS + "a,heavy,m,x\n", "data.csv: column mass: .*'heavy'; is it one of the categories?"),
    ],
)
def test_a_table_that_says_something_else_is_refused_by_line(tmp_path, text, complaint):
    with pytest.raises(ValueError, match=complaint):
        table_file(written(tmp_path, text))


# ---- TextFile


def test_a_text_becomes_windows_and_the_same_one_character_on(tmp_path):
    path = written(tmp_path, "abcabcabcabcabcabcab")
    loader = TextFile(path, length=4, vocabulary=4, batch_size=2, val_fraction=0.3)
    check_loader(loader)
    train, val = loader.splits["train"].fields, loader.splits["val"].fields
    assert train["input"].tolist() == [[1, 2, 3, 1], [2, 3, 1, 2], [3, 1, 2, 3]]
    assert train["target"].tolist() == [[2, 3, 1, 2], [3, 1, 2, 3], [1, 2, 3, 1]]
    assert val["input"].tolist() == [[3, 1, 2, 3]]
    assert val["target"].tolist() == [[1, 2, 3, 1]]


def test_training_windows_may_overlap_and_held_out_ones_do_not(tmp_path):
    path = written(tmp_path, "ab" * 20)
    splits = TextFile(path, length=4, vocabulary=3, batch_size=2, stride=1, val_fraction=0.25).splits
    assert (len(splits["train"]), len(splits["val"])) == (26, 2)


def test_characters_that_the_training_part_lacks_share_the_code_0(tmp_path):
    path = written(tmp_path, "aaaaaaaaxyz")
    splits = TextFile(path, length=2, vocabulary=2, batch_size=1, val_fraction=0.3).splits
    assert splits["train"].fields["input"].unique().tolist() == [1]
    assert splits["val"].fields["input"].tolist() == [[0, 0]]


def test_a_vocabulary_that_is_too_small_says_how_many_there_are(tmp_path):
    with pytest.raises(
        ValueError, match="3 different characters and one for all others do not fit into vocabulary = 3"
    ):
        TextFile(written(tmp_path, "abc" * 10), length=2, vocabulary=3, batch_size=1)


def test_a_part_that_is_shorter_than_a_window_is_refused(tmp_path):
    with pytest.raises(ValueError, match="3 characters are too few for a window of 8 and the next one"):
        TextFile(written(tmp_path, "ab" * 15), length=8, vocabulary=3, batch_size=1)
