"""Files that programs write, as rows and problems."""

from __future__ import annotations

import math

import pytest
from rows import parse_lines, parse_metric_file

from gitexp.record.metrics import Row

# ---- gitexp's own lines


def test_a_line_is_a_row_and_nested_objects_join_with_dots():
    data = b'{"step": 1, "time_s": 0.5, "loss": 0.1, "val": {"acc": {"top1": 1}}}\n{"loss": 2}\n'
    assert parse_lines(data) == (
        [Row(1, 0.5, {"loss": 0.1, "val.acc.top1": 1}), Row(None, None, {"loss": 2})],
        (),
    )


def test_booleans_are_one_and_zero_and_null_is_skipped():
    rows, problems = parse_lines(b'{"ok": true, "bad": false, "gone": null, "val": {"x": null}, "step": null}\n')
    assert repr(rows) == "[Row(step=None, time_s=None, values={'ok': 1, 'bad': 0})]"
    assert problems == ()


def test_nan_and_infinity_are_numbers():
    rows, _ = parse_lines(b'{"a": NaN, "b": -Infinity}\n')
    assert math.isnan(rows[0].values["a"])
    assert rows[0].values["b"] == -math.inf


def test_a_torn_last_line_is_left_out_and_said_and_a_whole_one_without_newline_is_read():
    rows, problems = parse_lines(b'{"a": 1}\n{"a": 2, "b')
    assert rows == [Row(None, None, {"a": 1})]
    assert problems == ("GITEXP_METRICS: line 2, the last, has no line feed and may be torn: it was left out",)
    assert parse_lines(b'{"a": 1}\n{"a": 2}') == ([Row(None, None, {"a": 1}), Row(None, None, {"a": 2})], ())


def test_names_are_composed_so_that_one_metric_is_one_column():
    rows, _ = parse_lines('{"cafe\u0301": 1}\n{"caf\u00e9": 2}\n'.encode())
    assert [row.values for row in rows] == [{"café": 1}, {"café": 2}]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"loss 0.5", "line 2 is not JSON: Expecting value"),
        (b'"loss"', "line 2 is not a JSON object: 'loss'"),
        (b'{"loss": "low"}', "line 2: 'loss' is not a number: 'low'"),
        (b'{"loss": [1]}', "line 2: 'loss' is not a number: [1]"),
        (b'{"=x": 1}', "metric '=x' is not recorded: a name cannot start with = (spreadsheets would execute it)"),
        (b'{"attempt": 1}', "metric 'attempt' is not recorded: this name is reserved"),
        (b'{"a": 1, "step": 1.5}', "line 2: step is not an integer: 1.5"),
        (b'{"a": 1, "time_s": NaN}', "line 2: time_s is not a number of seconds: nan"),
        (b"\xff", "line 2 is not JSON: not UTF-8"),
        (b"[" * 100_000, "line 2 is not JSON: nested too deep"),
        (b'{"a":' * 400 + b"1" + b"}" * 400, "line 2: 'a.a.a.a.a.a.a.a.a.a.'… is nested too deep"),
        (b'{"a": "' + b"x" * 2**20 + b'"}', "line 2 is longer than 1048576 bytes"),
    ],
)
def test_a_bad_line_is_a_problem_and_the_lines_around_it_count(line, problem):
    rows, problems = parse_lines(b'{"ok": 1}\n' + line + b'\n{"ok": 2}\n')
    assert problems == (f"GITEXP_METRICS: {problem}",)
    assert [row.values["ok"] for row in rows if "ok" in row.values] == [1, 2]


def test_many_problems_are_the_first_three_and_a_count():
    _, problems = parse_lines(b"oops\n" * 1000)
    assert problems == (
        "GITEXP_METRICS: line 1 is not JSON: Expecting value",
        "GITEXP_METRICS: line 2 is not JSON: Expecting value",
        "GITEXP_METRICS: line 3 is not JSON: Expecting value",
        "GITEXP_METRICS: and 997 more like these",
    )


def test_a_bad_name_is_one_problem_however_often_it_is_logged():
    _, problems = parse_lines(b'{"@x": 1.5}\n' * 100)
    assert len(problems) == 1


def test_more_than_ten_thousand_metrics_are_not_recorded():
    rows, problems = parse_lines(b"".join(b'{"m%d": 1}\n' % i for i in range(10_001)))
    assert len(rows) == 10_000
    assert problems == ("GITEXP_METRICS: metric 'm10000' is not recorded: more than 10000 different metrics",)


# ---- files of programs that know nothing of gitexp


def test_one_json_object_is_one_row_and_text_and_arrays_in_it_are_no_metrics():
    data = b'\xef\xbb\xbf{"model": "svm",\n "val": {"acc": 0.9}, "confusion": [[1, 2]], "epoch": 3}'
    assert parse_metric_file("metrics.json", data) == ([Row(None, None, {"val.acc": 0.9, "epoch": 3})], ())


def test_a_list_of_json_objects_is_rows_with_the_steps_that_it_says():
    rows, problems = parse_metric_file("m.json", b'[{"step": 10, "loss": 1}, {"loss": 2}]')
    assert rows == [Row(10, None, {"loss": 1}), Row(None, None, {"loss": 2})]
    assert problems == ()


@pytest.mark.parametrize("name", ["m.jsonl", "m.ndjson", "m.json", "metrics"])
def test_json_lines_are_known_by_their_ending_or_content(name):
    rows, problems = parse_metric_file(name, b'{"loss": 1}\n{"loss": 2}\n')
    assert [row.values["loss"] for row in rows] == [1, 2]
    assert problems == ()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("m.csv", b"epoch,step,loss,acc\r\n1,10,0.5,\r\n2,20,nan,0.9\r\n"),
        ("m.tsv", b"epoch\tstep\tloss\tacc\n1\t10\t0.5\tN/A\n2\t20\tNaN\t0.9"),
        ("m.txt", b"epoch;step;loss;acc\n1;10.0;0.5;\n2; 20.0 ;nan;0.9\n"),
    ],
)
def test_a_table_with_a_header_is_rows_and_its_column_step_the_step(name, data):
    rows, problems = parse_metric_file(name, data)
    assert repr(rows) == (
        "[Row(step=10, time_s=None, values={'epoch': 1, 'loss': 0.5}), "
        "Row(step=20, time_s=None, values={'epoch': 2, 'loss': nan, 'acc': 0.9})]"
    )
    assert problems == ()


def test_a_column_of_text_is_no_metric_and_one_of_both_is_a_problem():
    data = b",phase,ok,loss\n0,train,True,1\n1,val,False,oops\n2,val,True,2\n"
    rows, problems = parse_metric_file("m.csv", data)
    assert [row.values for row in rows] == [{"ok": 1, "loss": 1}, {"ok": 0}, {"ok": 1, "loss": 2}]
    assert problems == ("m.csv: column 'loss': 1 cell is not a number: 'oops' in line 3",)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("m.json", b"", "m.json: is empty"),
        ("m.json", b'{"a": 1,\n "b": }', "m.json: line 2 is not JSON: Expecting value"),
        ("m.json", b"[" * 100_000, "m.json: is not JSON: nested too deep"),
        (
            "m.json",
            b"\xff\xfe{",
            "m.json: is UTF-16 and not UTF-8, which is not read: JSON, JSON lines and CSV are read",
        ),
        ("m.json", b"3", "m.json: entry 1 is not a JSON object: 3"),
        ("m.json", b'{"a": ' + b"9" * 5000 + b"}", "m.json: is not JSON: Exceeds the limit"),
        ("m.json", b'{"model": "svm"}', "m.json: holds no numbers"),
        ("m.csv", b"0.1,0.2\n0.3,0.4\n", "m.csv: line 1 must name the columns: '0.1,0.2'"),
        ("m.csv", b"a,b\n1,2\n3\n4,5\n", "m.csv: line 3 has 1 cells, the header has 2"),
        ("m.csv", b"a,b\n1,2,3\n", "m.csv: line 2 has 3 cells, the header has 2"),
        ("m.csv", b"a,a\n1,2\n", "m.csv: there are two columns 'a'; the first is taken"),
        ("m.csv", b"step,a\nx,2\n", "m.csv: column 'step': 1 cell is not a number: 'x' in line 2"),
        ("m.csv", b"\xff\xffa,b", "m.csv: is not CSV: not UTF-8"),
        ("m.csv", b"a\n" + b"1" * 200_000, "m.csv: is not CSV: field larger than field limit (131072)"),
        ("log.txt", b"epoch 1: loss 0.5\nepoch 2: loss 0.4\n", "log.txt: holds no numbers"),
    ],
)
def test_what_does_not_parse_is_said_with_its_place(name, data, problem):
    _, problems = parse_metric_file(name, data)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_a_row_that_a_killed_program_wrote_half_of_is_left_out():
    rows, problems = parse_metric_file("m.csv", b"a,b\n1,2\n3")
    assert rows == [Row(None, None, {"a": 1, "b": 2})]
    assert problems == ("m.csv: line 3, the last, has no line feed and may be torn: it was left out",)


def test_lines_that_are_parsed_together_are_read_as_each_alone():
    odd = b'{"a": 1, "x": true}\n{"a": 2.5}, {"a": 3}\n{"a": 4}\n{"b": {"c": 1}}\n'
    plain = b"".join(b'{"step": %d, "a": %d.5, "time_s": 1}\n' % (i, i) for i in range(100))
    rows, problems = parse_lines(plain)
    assert (len(rows), rows[7], problems) == (100, Row(7, 1.0, {"a": 7.5}), ())
    rows, problems = parse_lines(plain + odd)
    assert rows[100:] == [Row(None, None, {"a": 1, "x": 1}), Row(None, None, {"a": 4}), Row(None, None, {"b.c": 1})]
    assert problems == ("GITEXP_METRICS: line 102 is not JSON: Extra data",)
    assert parse_lines(b'{"c":"}\n{","d":2}\n')[0] == []


def test_an_integer_that_no_record_can_hold_is_a_float_and_said():
    rows, problems = parse_lines(b'{"tokens": 18446744073709551616}\n')
    assert rows == [Row(None, None, {"tokens": 1.8446744073709552e19})]
    assert problems == (
        "GITEXP_METRICS: line 1: 'tokens': 18446744073709551616 is beyond ±2^63 and was recorded as a float",
    )
    _, problems = parse_metric_file("m.csv", b"tokens\n5\n18446744073709551616\n")
    assert problems == ("m.csv: line 3: 'tokens': '18446744073709551616' is beyond ±2^63 and was recorded as a float",)


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    for name, data in (("m.csv", b"a,b\n1,2\n"), ("m.jsonl", b'{"a":1,"b":2}\n'), ("m.json", b'[{"a":1,"b":2}]')):
        assert parse_metric_file(name, b"\xef\xbb\xbf" + data) == ([Row(None, None, {"a": 1, "b": 2})], ())
    assert parse_lines(b'\xef\xbb\xbf{"a":1}\n') == ([Row(None, None, {"a": 1})], ())


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("m.yaml", b"acc: 0.5\n", "is YAML"),
        ("m.txt", b"# made by x\nacc: 0.5\nval:\n  loss: 0.3\n", "looks like YAML"),
        ("m.jsonl", '{"a": 1}\n'.encode("utf-16"), "is UTF-16 and not UTF-8"),
        ("m.csv", "a,b\n1,2\n".encode("utf-16-le"), "is UTF-16 and not UTF-8"),
        ("m.csv", "a,b\n1,2\n".encode("utf-32"), "is UTF-32 and not UTF-8"),
        ("m.csv", b"\x1f\x8b\x08", "is compressed (gzip)"),
    ],
)
def test_a_file_of_another_kind_is_named_for_what_it_is(name, data, kind):
    assert parse_metric_file(name, data) == (
        [],
        (f"{name}: {kind}, which is not read: JSON, JSON lines and CSV are read",),
    )


@pytest.mark.parametrize(
    ("data", "cell"),
    [
        (b"step;loss\n1;0,5\n2;0,4\n", "'0,5' in line 2"),
        (b'step,loss\n1,"1,234.5"\n2,"1,100"\n', "'1,234.5' in line 2"),
        (b"step,loss\n1,1_000\n", "'1_000' in line 2"),
        (b"step,loss\n1,95 %\n", "'95 %' in line 2"),
    ],
)
def test_a_column_of_numbers_that_are_not_read_is_said(data, cell):
    _, problems = parse_metric_file("m.csv", data)
    count = "1 cell is not a number" if data.count(b"\n") == 2 else "2 cells are not numbers"
    assert problems == (f"m.csv: column 'loss': {count}: {cell}: numbers are read as 1234.5",)


def test_a_last_line_that_may_be_torn_counts_only_where_the_program_came_to_its_end():
    data = b"step,loss\n0,0.5\n1,0.4912\n2,0"
    assert [row.step for row in parse_metric_file("m.csv", data)[0]] == [0, 1, 2]
    rows, problems = parse_metric_file("m.csv", data, completed=False)
    assert [row.step for row in rows] == [0, 1]
    assert problems == ("m.csv: line 4, the last, has no line feed and may be torn: it was left out",)


def test_a_first_line_with_a_number_is_a_header_where_a_name_in_it_has_numbers_below():
    assert parse_metric_file("m.csv", b"step,0,1\n1,0.5,0.25\n")[1] == ()
    rows, problems = parse_metric_file("m.csv", b"1,a\n2,b\n3,c\n")
    assert [row.values for row in rows] == [{"1": 2}, {"1": 3}]
    assert problems == (
        "m.csv: line 1 was taken for the header, though '1' in it is a number and no name in it has numbers below;"
        " if it is a row, write a header above it",
    )


def test_a_header_that_comes_again_is_no_row():
    rows, problems = parse_metric_file("m.csv", b"step,loss\n1,0.5\nstep,loss\n1,0.25\n")
    assert ([row.values["loss"] for row in rows], problems) == ([0.5, 0.25], ())


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("m.jsonl", b'{"loss": 1}\n', b'{"loss": 2}\n'),
        ("m.jsonl", b'{"loss": 1}\n{"lo', b'{"loss": 2}\n'),
        ("m.csv", b"step,loss\n1,1\n", b"1,2\n"),
        ("m.csv", b"step,loss\n1,1\n", b"step,loss\n1,2\n"),
        ("m.csv", b"step,acc\n1,1\n", b"step,loss\n1,2\n"),
        ("m.json", b'{"loss": 1}\n', b'{"loss": 2}\n'),
    ],
)
def test_of_a_file_that_was_appended_to_only_what_is_new_is_read(name, old, new):
    rows, problems = parse_metric_file(name, old + new, start=len(old))
    assert ([row.values for row in rows], problems) == ([{"loss": 2}], ())


def test_a_long_array_is_read_an_element_at_a_time():
    data = b"[" + b",\n".join(b'{"step": %d, "note": "%s"}' % (i, b"x" * 5000) for i in range(200)) + b', {"loss": 2}]'
    rows, problems = parse_metric_file("m.json", data)
    assert (rows, problems) == ([Row(None, None, {"loss": 2})], ())
    _, problems = parse_metric_file("m.json", data[:-1])
    assert problems == ("m.json: line 200 is not JSON: the array has no end",)


def test_a_metric_that_is_a_number_and_text_in_json_lines_is_named() -> None:
    rows, problems = parse_metric_file("m.jsonl", b'{"acc": 0.5, "name": "x"}\n{"acc": "NaN", "name": "y"}\n')
    assert rows == [Row(None, None, {"acc": 0.5})]
    assert problems == ("m.jsonl: line 2: 'acc' is the text 'NaN', and elsewhere a number",)
    rows, problems = parse_metric_file("m.jsonl", b'{"acc": "0.5"}\n{"acc": 0.6}\n{"acc": 0.7}\n')
    assert rows == [Row(None, None, {"acc": 0.6}), Row(None, None, {"acc": 0.7})]
    assert problems == ("m.jsonl: line 2: 'acc' is a number, and elsewhere the text '0.5' in line 1",)
