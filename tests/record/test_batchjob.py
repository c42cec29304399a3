"""What an environment says of the batch job."""

from __future__ import annotations

import pytest

from gitexp.errors import Refused
from gitexp.record.batchjob import BatchJob, batch_job


@pytest.mark.parametrize(
    ("environ", "job"),
    [
        ({}, None),
        ({"SLURM_JOB_ID": "1234"}, BatchJob("slurm:1234", restarted=False)),
        ({"SLURM_JOB_ID": "1234", "SLURM_RESTART_COUNT": "0"}, BatchJob("slurm:1234", restarted=False)),
        ({"SLURM_JOB_ID": "1234", "SLURM_RESTART_COUNT": "2"}, BatchJob("slurm:1234", restarted=True)),
        ({"SLURM_JOB_ID": "1234", "SLURM_RESTART_COUNT": "often"}, BatchJob("slurm:1234", restarted=False)),
        ({"SLURM_JOB_ID": "none of yours"}, None),
        ({"SLURM_RESTART_COUNT": "2"}, None),
        ({"GITEXP_JOB": "lsf:7[3]"}, BatchJob("lsf:7[3]", restarted=True)),
        ({"GITEXP_JOB": "nightly", "SLURM_JOB_ID": "1234"}, BatchJob("nightly", restarted=True)),
        ({"GITEXP_JOB": "", "SLURM_JOB_ID": "1234", "SLURM_RESTART_COUNT": "2"}, None),
    ],
)
def test_the_job_and_whether_it_may_have_been_started_before(environ: dict[str, str], job: BatchJob | None) -> None:
    assert batch_job(environ) == job


@pytest.mark.parametrize("name", ["two\nlines", " 7", "7\u001b[2J", "x" * 129])
def test_a_name_that_no_record_could_hold_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="GITEXP_JOB cannot be a job's name"):
        batch_job({"GITEXP_JOB": name})
