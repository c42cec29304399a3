"""usage.csv read back, whoever wrote it."""

from gitexp.record.usage import Gpu, load_usage, sound_usage, summed_up

HEADER = b"time_s,cpu_s,processes,memory_bytes,read_bytes,written_bytes"


def test_means_are_over_the_time_and_peaks_over_the_rows() -> None:
    found = summed_up(
        load_usage(
            HEADER + b",gpu0_percent,gpu0_memory_bytes\n"
            b"2,4,3,1000,0,10,90,5\n"
            b"4,4,1,3000,7,10,10,7\n"
            b"8,8,1,2000,,,0,6\n"
            b"10,8,,,,,,\n"
        )
    )
    assert found is not None
    assert (found.cores, found.most_cores, found.processes, found.memory_bytes) == (0.8, 2.0, 3, 3000)
    assert (found.read_bytes, found.written_bytes, found.rows, found.until_s) == (7, 10, 4, 10.0)
    assert found.gpus == (Gpu(0, (90 * 2 + 10 * 2) / 8, 7),)
    assert (found.gpu_busy_percent, found.gpu_memory_bytes) == (25, 7)


def test_what_was_not_measured_is_not_there() -> None:
    found = summed_up(load_usage(HEADER + b"\n2,,,,,\n"))
    assert found is not None
    assert found.cores is found.most_cores is found.memory_bytes is found.read_bytes is found.gpu_busy_percent is None
    assert summed_up(load_usage(b"")) is summed_up(load_usage(HEADER + b"\n")) is None


def test_only_sound_lines_are_taken() -> None:
    rows = b"2,1,1,1,1,1\n=1+1,1,1,1,1,1\n3,-1,1,1,1,1\n3,nan,1,1,1,1\n3,1e9,1,1,1,1\n1,1,1,1,1,1\n\x1b[2J\n5,2,,,,\n6,"
    assert sound_usage(HEADER + b"\n" + rows) == HEADER + b"\n2,1,1,1,1,1\n5,2,,,,\n"
    assert sound_usage(b"time_s,\x1b[2J\n2,1\n") == sound_usage(b"\xff\n") == b""
