"""What the names of metrics say."""

from __future__ import annotations

import pytest

from gitexp.record.metricnames import is_clock

CLOCKS = """
    train_runtime epoch_time samples_per_second it/s elapsed duration_s eta timestamp wall_time fps tokens_per_sec time
    trainRuntime train/steps_per_second charts/SPS _runtime _timestamp time/fps time/time_elapsed time_this_iter_s
    time_total_s time_since_restore timing_s/gen time/forward forward_ms latency_p95 step_time_ms perf/mfu tok/sec s/it
    images/sec tok/s data_time epoch_time_avg seconds_per_step time(s) total_seconds gpu_hours time_per_epoch time_sec
    time_per_iter_ms batch_time.avg elapsed_time_sec time/epoch timers/actor/update sec/step train.epoch_time[rank=0]
"""

NONE = """
    timesteps sentiment times_seen section_acc time_series_loss second_moment time/total_timesteps time/iterations
    time_step time_steps loss val.acc lr min max min_loss runtime_loss time_mae duration_loss episode_duration iou/wall
    map_s train/s dice_s meta_loss beta zeta beta_s ms_ssim FPs val/FPs fps_score perplexity intermediate daytime_acc
    time_to_event_cindex real_time_factor_acc timeout_rate total_flos eta_min theta second per_class_acc wer_per_speaker
    min_per_class_acc persistence per_sample_loss hours_per_week global_step acc[time=3]
"""


@pytest.mark.parametrize("name", CLOCKS.split())
def test_times_and_throughputs_are_clocks(name: str) -> None:
    assert is_clock(name)


@pytest.mark.parametrize("name", [*NONE.split(), "", "[", "///"])
def test_what_only_looks_like_a_clock_is_none(name: str) -> None:
    assert not is_clock(name)
