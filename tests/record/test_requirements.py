"""requirements.txt read back: what may be handed to an installer, and what is only told."""

from __future__ import annotations

from typing import Any

from gitexp.record.requirements import Requirements, load_requirements, requirements


def written(packages: dict[str, Any]) -> Requirements:
    """What the recorder writes for these packages, read again."""
    interpreter = {"implementation": "cpython", "version": "3.12.1"}
    return load_requirements(
        requirements({"probed": "python", "result": {"interpreter": interpreter, "packages": packages}})
    )


def test_what_is_recorded_is_read_as_it_was_meant() -> None:
    found = written(
        {
            "numpy": "2.1.0",
            "torch": "2.6.0+cu124",
            "torchvision": "0.21.0+cu124",
            "local": "1.0+lab.3",
            "tool": {"version": "0.3", "url": "https://example.org/tool", "vcs": "git", "commit": "a" * 40},
            "mine": {"version": "0.1", "editable": "/home/ada/mine", "commit": "b" * 40, "changed": True},
            "gitexp": "0.1.0",
        }
    )
    assert found.pinned == ("local==1.0", "numpy==2.1.0")
    assert found.builds == {
        "https://download.pytorch.org/whl/cu124": ("torch==2.6.0+cu124", "torchvision==0.21.0+cu124")
    }
    assert found.sources == (f"tool @ git+https://example.org/tool@{'a' * 40}",)
    assert found.lacking == {
        "mine": f"mine==0.1: an editable install of /home/ada/mine at {'b' * 40}, with changes",
        "gitexp": "gitexp==0.1.0: if the code needs it, see README.md",
    }
    assert found.remarks == ("local==1.0, it was 1.0+lab.3",)


def test_nothing_else_of_a_file_is_taken() -> None:
    lines = [
        "--extra-index-url https://evil.example/simple",
        "--index-url=https://download.pytorch.org/whl/cpu",
        "-r /etc/passwd",
        "-e .",
        "./a.whl",
        "tool @ file:///etc/passwd",
        "tool @ https://example.org/${HOME}",
        "tool==1.0 --config-settings x=y",
        "tool==1.0; python_version > '3'",
        "torch==1.0 --index-url https://evil.example#+cpu",
        "tool>=1.0",
    ]
    found = load_requirements("\n".join(lines))
    assert found == Requirements(remarks=tuple(f"not understood: {line}" for line in lines))
