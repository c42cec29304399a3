"""What components declare that they take and give, joined: who disagrees with whom about what."""

from __future__ import annotations

from gitexp.spec.fields import FieldSpec, after, as_data, from_data, join, named, placed

IMAGES = {"input": FieldSpec(("batch", 1, 8, 8), ("uint8",))}
ROWS = {"input": FieldSpec(("batch", 64), ("float32",))}


def test_neighbours_that_agree_have_nothing_to_say():
    assert join("loader", IMAGES, "model", {"input": FieldSpec(("batch", 1, 8, 8), ("uint8", "float32"))}) == []


def test_a_wrong_shape_names_both_components_and_what_they_mean():
    assert join("preprocess", IMAGES, "model", ROWS) == [
        "model expects input [batch, 64] float32, preprocess gives [batch, 1, 8, 8] uint8"
    ]


def test_a_wrong_dtype_alone_is_a_disagreement():
    assert join("loader", IMAGES, "model", {"input": FieldSpec(("batch", 1, 8, 8), ("float32", "bfloat16"))}) == [
        "model expects input [batch, 1, 8, 8] float32 or bfloat16, loader gives [batch, 1, 8, 8] uint8"
    ]


def test_any_dtype_is_taken_where_none_is_named():
    assert join("loader", IMAGES, "model", {"input": FieldSpec(("batch", 1, 8, 8))}) == []


def test_a_field_that_nobody_gives_comes_with_the_ones_that_are_there():
    assert join("loader", IMAGES, "preprocess.scale", {"inputs": FieldSpec(("batch", "..."))}) == [
        "preprocess.scale expects inputs [batch, ...], loader gives only input; did you mean input?"
    ]


def test_a_model_that_gives_several_tensors_is_told_to_give_one():
    parts = {"output.0": FieldSpec(("batch", 2), ("float32",)), "output.1": FieldSpec(("batch", 3), ("float32",))}
    assert join("model", parts, "loss", {"output": FieldSpec(("batch", "classes"))}) == [
        "loss expects output [batch, classes], model gives only output.0, output.1; it must give output as one tensor"
    ]


def test_further_dimensions_match_any_number_of_them():
    wanted = {"input": FieldSpec(("batch", "...", 8))}
    assert join("loader", IMAGES, "model", wanted) == []
    assert join("loader", {"input": FieldSpec(("batch", 8))}, "model", wanted) == []
    assert join("loader", {"input": FieldSpec(("batch", 7))}, "model", wanted) == [
        "model expects input [batch, ..., 8], loader gives [batch, 7]"
    ]


def test_the_same_name_twice_means_the_same_size():
    given = {"input": FieldSpec(("batch", 64)), "mask": FieldSpec(("batch", 32))}
    wanted = {"input": FieldSpec(("batch", "features")), "mask": FieldSpec(("batch", "features"))}
    assert join("loader", given, "model", wanted) == ["model expects mask [batch, 64], loader gives [batch, 32]"]


def test_a_size_that_only_has_a_name_is_not_known_and_so_no_disagreement():
    assert join("loader", {"input": FieldSpec(("batch", "features"))}, "model", ROWS) == []


def test_a_range_that_reaches_beyond_what_is_taken_is_a_disagreement():
    given = {"input": FieldSpec(("batch", 64), ("float32",), (0.0, 255.0))}
    wanted = {"input": FieldSpec(("batch", 64), ("float32",), (0.0, 1.0))}
    assert join("loader", given, "model", wanted) == ["model expects input from 0 to 1, loader gives from 0 to 255"]
    assert join("model", wanted, "loader", given) == []


def test_arguments_stand_in_names_of_fields_and_in_dimensions():
    specs = {"{field}": FieldSpec(("batch", "shape")), "target": FieldSpec(("batch", "classes"))}
    assert placed(specs, {"field": "pixels", "shape": [8, 8], "classes": 10}) == {
        "pixels": FieldSpec(("batch", 8, 8)),
        "target": FieldSpec(("batch", 10)),
    }


def test_a_list_of_names_is_a_field_each_and_a_missing_argument_none():
    specs = {"{fields}": FieldSpec(("batch", "...")), "{other}": FieldSpec(("batch",))}
    assert placed(specs, {"fields": ["a", "b"]}) == {"a": FieldSpec(("batch", "...")), "b": FieldSpec(("batch", "..."))}


def test_what_a_step_gives_has_the_sizes_of_what_it_took():
    takes = {"input": FieldSpec(("batch", "features"), ("uint8", "float32"))}
    gives = {"input": FieldSpec(("batch", "features"), ("float32",), (0.0, 1.0))}
    given = {"input": FieldSpec(("batch", 64), ("uint8",)), "target": FieldSpec(("batch",), ("int64",))}
    assert after(given, takes, gives) == {
        "input": FieldSpec(("batch", 64), ("float32",), (0.0, 1.0)),
        "target": FieldSpec(("batch",), ("int64",)),
    }


def test_further_dimensions_go_through_a_step_and_removed_fields_do_not():
    given = {**IMAGES, "species": FieldSpec(("batch",), ("int64",))}
    passed = after(given, {"input": FieldSpec(("batch", "..."))}, {"input": FieldSpec(("batch", "..."))}, ["species"])
    assert passed == {"input": FieldSpec(("batch", 1, 8, 8))}


def test_fields_read_back_from_data_are_the_same():
    fields = {"input": FieldSpec(("batch", "..."), ("uint8", "int64"), (0.0, 9.0)), "target": FieldSpec(("batch",))}
    assert as_data(fields) == {
        "input": {"shape": ["batch", "..."], "dtype": ["uint8", "int64"], "range": [0.0, 9.0]},
        "target": {"shape": ["batch"]},
    }
    assert from_data(as_data(fields)) == fields


def test_braces_in_an_argument_are_its_own():
    assert placed({"{field}": FieldSpec(("batch",))}, {"field": "{field}"}) == {"{field}": FieldSpec(("batch",))}


def test_lists_of_names_do_not_multiply_without_end():
    assert len(named("{a}{a}{a}", {"a": ["x", "y", "z"] * 10})) == 1000
