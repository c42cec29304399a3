"""What the training program said, as lines for whoever asked."""

from __future__ import annotations

from pathlib import Path

from gitexp import runfolder
from gitexp.stages.train import flow_lines


def test_a_check_tells_warnings_before_what_flows(tmp_path: Path) -> None:
    flow = [{"after": "loader", "fields": {"input": {"shape": ["batch", 4], "dtype": "float32"}}}]
    warnings = ["loss: torch.nn:CrossEntropyLoss states no \x1b[31mversion", 3]
    runfolder.write_json(str(tmp_path), runfolder.COMPONENTS, {"flow": flow, "warnings": warnings})
    assert flow_lines(tmp_path) == [
        "warning: loss: torch.nn:CrossEntropyLoss states no \\u001B[31mversion",
        "loader gives input [batch, 4] float32",
    ]
