"""What a training program left in its folder, read for the record. It ran the user's code: anything may be there."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from gitexp.spec.trained import Learned
from gitexp.stages.learn import learn

TYPED = '[model]\nuse = "a:B"\n'
DIGEST = "sha256:" + "0" * 64


def learned(folder: Path, components: str = "{}", trained: str = "{}") -> Learned:
    files = {"training.json": "{}", "recipe.toml": TYPED, "components.json": components, "trained.json": trained}
    for name, text in files.items():
        (folder / name).write_text(text)
    return learn(folder)


def test_of_a_program_that_is_not_ours_there_is_nothing_to_learn(tmp_path: Path) -> None:
    assert learn(tmp_path) == Learned()


@pytest.mark.parametrize("depth", [100, 450, 20_000])
def test_components_that_are_nested_deeply_are_a_defect(tmp_path: Path, depth: int) -> None:
    found = learned(tmp_path, '{"defaults":{"model":{"x":' + "[" * depth + "]" * depth + "}}}")
    assert found.recipe == TYPED
    assert found.problems[0].startswith("components.json of the training program cannot be read: ")
    assert tomllib.loads(found.files["components.toml"]) == {}


def test_half_of_a_surrogate_pair_is_a_defect_wherever_it_stands(tmp_path: Path) -> None:
    found = learned(tmp_path, '{"defaults":{"model":{"\\ud800":1}}}', '{"training":{"a":["\\ud800"]}}')
    assert [words.partition(": ")[0] for words in found.problems] == [
        "components.json of the training program cannot be read",
        "trained.json of the training program cannot be read",
    ]


def test_a_document_of_megabytes_is_a_defect(tmp_path: Path) -> None:
    found = learned(tmp_path, '{"components":{"model":{"use":"' + "x" * 1_100_000 + '"}}}')
    assert found.problems == ("components.json of the training program cannot be read: it is too large",)


def test_a_thousand_digests_and_facts_are_enough(tmp_path: Path) -> None:
    trained = {
        "digests": {f"d{number}": DIGEST for number in range(1001)},
        "training": {"long": "x" * 1001, **{f"f{number}": number for number in range(1001)}},
    }
    found = learned(tmp_path, trained=json.dumps(trained))
    assert len(found.digests) == 1000
    assert len(found.environment) == 999
    assert "long" not in found.environment


def test_files_of_the_repository_that_components_came_from_are_known(tmp_path: Path) -> None:
    sources = ["src/lab/nets.py", "torch 2.13.0", "src/lab/nets.py", "line\nfeed.py", 3, None]
    components = {str(number): {"source": source} for number, source in enumerate(sources)}
    assert learned(tmp_path, json.dumps({"components": components})).sources == ("src/lab/nets.py",)


def test_the_peak_of_memory_is_known_where_each_process_has_said_its_own(tmp_path: Path) -> None:
    (tmp_path / "ranks").mkdir()
    for rank, peak in ((0, 300), (1, 500)):
        document = {"rank": rank, "world_size": 2, "peak_memory_bytes": peak}
        (tmp_path / "ranks" / f"{rank}.json").write_text(json.dumps(document))
    assert learned(tmp_path).peaks_bytes == (300, 500)
    (tmp_path / "ranks" / "1.json").write_text('{"rank": 1, "world_size": 2}')  # it was killed
    assert learned(tmp_path).peaks_bytes == ()
