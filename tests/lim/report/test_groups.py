"""Groups of prompts: which columns make some, in which order; the page and the figures show the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from page_samples import small_selection, unpack

from lim.prompts import prompts_of
from lim.prompts.rows import Rows
from lim.report.figures import write_report
from lim.report.groups import Group, groups_of
from lim.report.page import page_html


def test_any_column_of_a_prompt_file_groups_prompts():
    records = [{"id": str(n), "prompt": "q", "answer": "1", "level": n, "by_hand": n > 9} for n in (10, 9, 2, 9)]
    assert groups_of(records) == [
        Group("level", "Level", ["2", "9", "10"], [2, 1, 0, 1]),
        Group("by_hand", "By hand", ["False", "True"], [1, 0, 0, 0]),
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["Level 10", "Level 9", None, "Level 9"], (["Level 9", "Level 10"], [1, 0, -1, 0])),
        (["b", "a", "b"], (["a", "b"], [1, 0, 1])),
        (["one", "one"], (["one"], [0, 0])),
        (["1" * 5000, "2", "2"], (["2", "1" * 5000], [1, 0, 0])),
        (["a", "b", "c"], None),  # each prompt its own
        ([*range(41), 0], None),  # too many
        ([["a"], ["a"]], None),  # neither text nor numbers
        ([None, None], None),
    ],
)
def test_values_are_in_natural_order_and_kept_where_useful(values, expected):
    groups = groups_of([{"column": value} for value in values])
    assert [(group.values, group.index) for group in groups] == ([] if expected is None else [expected])


def test_columns_inside_objects_group_prompts_too_and_ids_and_answers_do_not():
    records = [
        {
            "source": "one",
            "extra_info": {"index": n, "level": n % 2, "split": "train", "source": "ab"[n % 2], "answer": n % 2},
            "reward_model": {"ground_truth": str(n % 3), "style": "rule"},
            "id": {"of": n % 2},
            "a.b": 1,
        }
        for n in range(6)
    ]
    groups = groups_of(records, "extra_info.index", "reward_model.ground_truth")
    assert [(group.key, group.name) for group in groups] == [
        ("source", "Source"),
        ("a.b", "A.b"),
        ("level", "Level"),
        ("extra_info.source", "Source"),
        ("extra_info.answer", "Answer"),
        ("of", "Of"),
    ]


def test_the_page_and_the_figures_show_the_same_groups(tmp_path):
    selection = small_selection()
    records = [{**record, "by/whom": f"author {n % 31}"} for n, record in enumerate(selection.records)]
    selection = replace(selection, prompts=prompts_of(Rows("p.json", records)))
    shown = [group["key"] for group in unpack(page_html(selection), "numbers")["groups"]]
    assert shown == ["level", "subject", "source", "by/whom"]
    figures = [path.stem for path in write_report(selection, tmp_path) if "chosen_by" in path.stem]
    assert figures == ["chosen_by_level", "chosen_by_subject", "chosen_by_by_whom"]  # all are of one source
