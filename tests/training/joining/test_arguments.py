"""A component's table against the real signature: unknown, missing and unfit arguments, ranges, and defaults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

torch = pytest.importorskip("torch")

from gitexp.spec.card import Allowed, Card  # noqa: E402
from gitexp.training.joining.arguments import argument_problems, defaults_of, ready  # noqa: E402
from gitexp.training.joining.names import card_of, resolve_use  # noqa: E402

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parent


class Net:
    """What a user's own component may look like."""

    def __init__(
        self,
        hidden: int,
        *,
        name: str = "net",
        rate: float = 0.1,
        sizes: tuple[int, ...] = (1, 2),
        pairs: Sequence[tuple[int, str]] = (),
        mode: Literal["fast", "slow"] = "fast",
        inner: torch.nn.Module | None = None,
        plain=0,
        betas=(0.9, 0.99),
    ) -> None: ...


def found(call: Any, table: dict[str, Any], supplied: int = 0) -> list[tuple[tuple[str, ...], str]]:
    return argument_problems(call, table, use="lab:It", path=("slot",), supplied=supplied)


def test_arguments_that_fit_raise_no_problem():
    table = {
        "hidden": 32,
        "name": "x",
        "rate": 1,
        "sizes": [3, 4, 5],
        "pairs": [[1, "a"]],
        "mode": "slow",
        "inner": {"use": "torch.nn:ReLU"},
        "plain": 0.5,
    }
    assert found(Net, table) == []


def test_everything_that_does_not_fit_is_said_at_once():
    table = {"hiden": 3, "name": 1, "rate": "x", "sizes": [1, "a"], "mode": "fats", "inner": "ReLU", "plain": "0"}
    assert found(Net, table) == [
        (("slot", "hiden"), "lab:It takes no argument hiden; did you mean hidden?"),
        (("slot", "name"), "expected a string, got 1"),
        (("slot", "rate"), 'expected a number, got "x"'),
        (("slot", "sizes"), 'expected an array, got [1, "a"]'),
        (("slot", "mode"), 'expected "fast" or "slow", got "fats"'),
        (("slot", "inner"), 'expected a Module (a component of its own, with use), got "ReLU"'),
        (("slot", "plain"), 'expected a number, got "0"'),
        (("slot",), "lab:It needs hidden (an integer)"),
    ]


def test_an_annotation_that_is_no_type_says_nothing():
    def layers(hidden: [int]) -> None:
        """Annotated as nobody should."""

    assert found(layers, {"hidden": [3]}) == []


def test_an_integer_is_no_boolean_and_a_boolean_no_number():
    assert found(Net, {"hidden": True, "rate": False}) == [
        (("slot", "hidden"), "expected an integer, got true"),
        (("slot", "rate"), "expected a number, got false"),
    ]


def test_an_optimizer_of_torch_is_held_against_its_own_signature():
    table = {"lrr": 0.1, "betas": [0.9], "foreach": 1, "params": 3}
    assert argument_problems(torch.optim.AdamW, table, use="torch.optim:AdamW", path=("optimizer",), supplied=1) == [
        (("optimizer", "lrr"), "torch.optim:AdamW takes no argument lrr; did you mean lr?"),
        (("optimizer", "betas"), "expected an array of 2, got [0.9]"),
        (("optimizer", "foreach"), "expected true or false, got 1"),
        (("optimizer", "params"), "gitexp itself gives params to torch.optim:AdamW; leave it out"),
    ]


def test_what_gitexp_gives_may_be_named_too():
    assert argument_problems(
        torch.optim.lr_scheduler.StepLR, {"step_size": 2}, use="it", path=("scheduler",), supplied=["optimizer"]
    ) == []  # fmt: skip


def test_arguments_without_names_cannot_be_given_by_a_recipe():
    assert found(torch.nn.Sequential, {"a": 1}) == [
        (
            ("slot", "a"),
            "lab:It takes no arguments by name; wrap it in a function of your own that takes them so",
        )
    ]


def test_a_callable_that_takes_any_argument_takes_any():
    def make(size: int, **more: Any) -> None: ...

    assert found(make, {"size": 1, "whatever": "x"}) == []


def test_a_function_written_in_c_is_left_to_itself():
    assert found(torch.relu, {"inplace": True}) == []
    assert defaults_of(torch.relu, {}) == {}


def test_values_beyond_what_the_card_allows_are_refused():
    card = Card("Net", arguments={
        "rate": Allowed(low=0.0, high=1.0, what="a share"),
        "hidden": Allowed(low=1),
        "name": Allowed(one_of=("net", "web")),
    })  # fmt: skip
    table = {"rate": 1.5, "hidden": 0, "name": "x"}
    assert argument_problems(Net, table, use="lab:Net", path=("model",), card=card) == [
        (("model", "rate"), "expected from 0 to 1 (a share), got 1.5"),
        (("model", "hidden"), "expected 1 or more, got 0"),
        (("model", "name"), 'expected "net" or "web", got "x"'),
    ]


def test_a_card_that_describes_an_argument_that_is_none_is_wrong():
    card = Card("Net", arguments={"width": Allowed(low=1)}, source="lab.toml")
    assert argument_problems(Net, {"hidden": 1}, use="lab:Net", path=("model",), card=card) == [
        (("model",), "the card of lab:Net (lab.toml) describes width, no argument of it")
    ]


@pytest.mark.parametrize(
    ("use", "slot", "supplied", "table"),
    [
        ("torch.nn:CrossEntropyLoss", "loss", 0, {}),
        ("torch.nn:MSELoss", "loss", 0, {}),
        ("torch.optim:AdamW", "optimizer", 1, {}),
        ("torch.optim:SGD", "optimizer", 1, {}),
        ("torch.optim.lr_scheduler:CosineAnnealingLR", "scheduler", 1, {"T_max": 1}),
    ],
)
def test_a_card_that_ships_for_a_class_of_torch_describes_its_real_arguments(
    use: str, slot: str, supplied: int, table: dict[str, int]
):
    card = card_of(use, root=ROOT)
    assert card is not None
    assert card.slot == slot
    call = resolve_use(use, root=ROOT).callable
    assert argument_problems(call, table, use=use, path=(slot,), supplied=supplied, card=card) == []


def test_arrays_become_tuples_where_tuples_are_taken():
    assert ready(Net, {"hidden": 1, "sizes": [1, 2], "pairs": [[1, "a"]], "betas": [0.5, 0.5]}) == {
        "hidden": 1,
        "sizes": (1, 2),
        "pairs": [(1, "a")],
        "betas": (0.5, 0.5),
    }
    assert ready(torch.nn.Conv2d, {"kernel_size": [3, 3]}) == {"kernel_size": (3, 3)}
    assert ready(torch.optim.lr_scheduler.OneCycleLR, {"max_lr": [0.1, 0.2]}) == {"max_lr": [0.1, 0.2]}


def test_a_string_becomes_a_path_where_only_a_path_is_taken():
    def load(path: Path, other: str | Path = "x") -> None: ...

    assert ready(load, {"path": "a/b.csv", "other": "c"}) == {"path": Path("a/b.csv"), "other": "c"}
    assert found(load, {"path": 3}) == [(("slot", "path"), "expected a path, got 3")]


def test_defaults_are_what_nobody_typed_and_toml_can_hold():
    assert defaults_of(torch.optim.AdamW, {"lr": 0.1}, supplied=1) == {
        "betas": [0.9, 0.999],
        "eps": 1e-08,
        "weight_decay": 0.01,
        "amsgrad": False,
        "maximize": False,
        "capturable": False,
        "differentiable": False,
    }
    assert defaults_of(torch.nn.TransformerEncoderLayer, {"d_model": 8, "nhead": 2}) == {
        "dim_feedforward": 2048,
        "dropout": 0.1,
        "layer_norm_eps": 1e-05,
        "batch_first": False,
        "norm_first": False,
        "bias": True,
    }


def test_a_recipe_that_types_the_defaults_fits_and_has_no_more_of_them():
    typed = {"step_size": 2, **defaults_of(torch.optim.lr_scheduler.StepLR, {"step_size": 2}, supplied=1)}
    assert typed == {"step_size": 2, "gamma": 0.1, "last_epoch": -1}
    assert found(torch.optim.lr_scheduler.StepLR, typed, 1) == []
    assert defaults_of(torch.optim.lr_scheduler.StepLR, typed, supplied=1) == {}
