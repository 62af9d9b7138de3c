"""Question answering: windows, their targets, and answers back to text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from benchmark.errors import BenchmarkError
from benchmark.tasks.windows import Span, Window, best_spans, matches, target, text_of, windows

CONTEXT = "The old mill by the river was sold to a baker from the next village in 1912."
QUESTION = "Who bought the mill?"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    """A word-piece tokenizer that splits everything but the commonest words into characters."""
    from transformers import BertTokenizer

    characters = "abcdefghijklmnopqrstuvwxyz0123456789.?東京都は日本の首です"
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "mill", "to", *characters]
    vocabulary += [f"##{character}" for character in characters]
    return BertTokenizer(vocab={token: i for i, token in enumerate(vocabulary)})


def spans_of(context: str, made: list[Window], tokens: dict[int, tuple[int, int, float]]) -> str:
    """The answer where each window's logits are 0 but at the start and end that ``tokens`` gives it."""
    starts, ends = ([np.zeros(len(window.ids)) for window in made] for _ in range(2))
    for window, (first, last, logit) in tokens.items():
        starts[window][first] = ends[window][last] = logit
    return text_of(best_spans(1, made, starts, ends)[0], context)


def test_windows_cover_the_context_a_step_apart(tokenizer: PreTrainedTokenizerBase) -> None:
    everything = windows([QUESTION], [CONTEXT], tokenizer, 500, 8, 64)
    made = windows([QUESTION], [CONTEXT], tokenizer, 40, 8, 64)
    assert len(everything) == 1 < len(made)
    whole = everything[0].offsets
    assert len(made[0].ids) == 40
    for number, window in enumerate(made):
        part = whole[8 * number : 8 * number + len(window.offsets)]
        assert (window.offsets == part).all()
        assert window.ids[: made[0].first].tolist() == made[0].ids[: made[0].first].tolist()
    assert (made[-1].offsets[-1] == whole[-1]).all()
    # Every token has one window of its own, which is the one with most of the context around it.
    owned = np.concatenate([8 * n + np.flatnonzero(window.owns) for n, window in enumerate(made)])
    assert sorted(owned) == list(range(len(whole)))


def test_a_token_belongs_to_the_window_with_most_context_around_it(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    question, context = "a", "a b c d e f"
    first, second = windows([question], [context], tokenizer, 8, 2, 64)
    assert (len(first.offsets), len(second.offsets)) == (4, 4)
    # Smaller side of c d in the first window 1 0, in the second 0 1.
    assert first.owns.tolist() == [True, True, True, False]
    assert second.owns.tolist() == [False, True, True, True]


def test_a_longer_window_has_a_little_more_context(tokenizer: PreTrainedTokenizerBase) -> None:
    first, second = windows(["a"], ["a " * 350], tokenizer, 304, 200, 64)
    assert (len(first.offsets), len(second.offsets)) == (300, 150)
    # Token 250 has 49 and 50 tokens at its smaller side, and a hundredth of 300 and of 150 beside.
    assert np.flatnonzero(first.owns)[-1] == 250


def test_a_step_longer_than_the_window_leaves_nothing_out(tokenizer: PreTrainedTokenizerBase) -> None:
    made = windows(["a"], ["a b c d e f"], tokenizer, 8, 128, 64)
    assert [len(window.offsets) for window in made] == [4, 2]


def test_a_question_is_cut_to_its_length(tokenizer: PreTrainedTokenizerBase) -> None:
    (window,) = windows(["  the mill to the mill"], ["a"], tokenizer, 20, 8, 3)
    assert tokenizer.convert_ids_to_tokens(window.ids.tolist()) == [
        "[CLS]",
        "the",
        "mill",
        "to",
        "[SEP]",
        "a",
        "[SEP]",
    ]


def test_a_question_that_leaves_no_room_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(BenchmarkError, match="max_length=6: a question of 3 tokens leaves no room"):
        windows(["the mill to"], ["a"], tokenizer, 6, 8, 64)


def test_the_target_is_the_answer_where_the_window_holds_it_and_else_the_class_token(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    made = windows([QUESTION], [CONTEXT], tokenizer, 40, 8, 64)
    start = CONTEXT.index("a baker")
    held = []
    for window in made:
        first, last = target(window, start, "a baker", 0)
        held.append(first > 0)
        if first:
            low, high = window.offsets[first - window.first, 0], window.offsets[last - window.first, 1]
            assert CONTEXT[low:high] == "a baker"
        else:
            assert (first, last) == (0, 0)
            assert not (window.offsets[0, 0] <= start and start + 7 <= window.offsets[-1, 1])
    assert {True, False} == set(held)


def test_an_answer_inside_a_token_takes_the_whole_token(tokenizer: PreTrainedTokenizerBase) -> None:
    (window,) = windows(["a"], ["the mill"], tokenizer, 20, 8, 64)
    assert target(window, 5, "il", 0) == (4, 4)


def test_white_space_around_an_answer_is_no_part_of_it(tokenizer: PreTrainedTokenizerBase) -> None:
    (window,) = windows(["a"], ["to the mill to"], tokenizer, 20, 8, 64)
    assert target(window, 2, " the mill ", 0) == target(window, 3, "the mill", 0) == (4, 5)


def test_characters_that_the_tokenizer_drops_do_not_hide_an_answer(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    (window,) = windows(["a"], ["\u200fthe mill\u200f"], tokenizer, 20, 8, 64)
    assert target(window, 0, "\u200fthe mill\u200f", 0) == (3, 4)


@pytest.mark.parametrize(
    ("start", "answer", "right"),
    [
        (4, "old mill", True),
        (3, "old mill", False),
        (-4, "1912", False),
        (4, "", False),
        (70, "1912.", False),
    ],
)
def test_an_answer_has_to_stand_where_the_data_say(start: int, answer: str, right: bool) -> None:
    assert matches(CONTEXT, start, answer) is right


def test_the_best_span_over_all_windows_is_the_answer(tokenizer: PreTrainedTokenizerBase) -> None:
    made = windows([QUESTION], [CONTEXT], tokenizer, 40, 8, 64)
    found = {}
    for number, window in enumerate(made):
        first, last = target(window, CONTEXT.index("baker"), "baker", 0)
        if first and window.owns[first - window.first]:
            found[number] = (first, last, 5.0)
    assert len(found) == 1
    other = next(number for number in range(len(made)) if number not in found)
    assert spans_of(CONTEXT, made, found) == "baker"
    place = made[other].first + int(np.flatnonzero(made[other].owns)[0])
    assert spans_of(CONTEXT, made, found | {other: (place, place, 4.0)}) == "baker"
    assert spans_of(CONTEXT, made, found | {other: (place, place, 6.0)}) != "baker"


def test_an_answer_starts_in_the_window_that_shows_its_start_best(tokenizer: PreTrainedTokenizerBase) -> None:
    context = "a b c d e f"
    made = windows(["a"], [context], tokenizer, 8, 2, 64)
    starts, ends = ([np.zeros(len(window.ids)) for window in made] for _ in range(2))
    assert not made[0].owns[3]
    starts[0][made[0].first + 3] = 9.0
    starts[1][made[1].first + 2] = ends[1][made[1].first + 2] = 1.0
    assert text_of(best_spans(1, made, starts, ends)[0], context) == "e"


def test_an_answer_keeps_to_the_context_in_order_and_in_length(tokenizer: PreTrainedTokenizerBase) -> None:
    (window,) = windows(["the mill"], ["to the mill to the mill"], tokenizer, 20, 8, 64)
    size = len(window.ids)

    def answer(starts: dict[int, float], ends: dict[int, float], longest: int = 30) -> Span | None:
        logits = [np.zeros(size), np.zeros(size)]
        for array, values in zip(logits, (starts, ends), strict=True):
            array[list(values)] = list(values.values())
        return best_spans(1, [window], [logits[0]], [logits[1]], longest)[0]

    # Tokens 4 to 9 are the context's.
    assert answer({0: 9.0, 2: 9.0, 5: 2.0}, {1: 9.0, 6: 2.0}) == Span(3, 11, 4.0)
    assert answer({7: 3.0, 5: 2.0}, {6: 4.0}) == Span(3, 11, 6.0)
    assert answer({4: 3.0, 8: 1.0}, {9: 3.0}, longest=2) == Span(15, 23, 4.0)


def test_no_answer_wins_where_every_window_says_so_more_than_any_span(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    made = windows(["a"], ["to the mill to the mill"], tokenizer, 8, 2, 64)
    assert len(made) > 1
    starts, ends = ([np.zeros(len(window.ids)) for window in made] for _ in range(2))
    starts[0][made[0].first] = 2.0
    high, low = [3.0] * len(made), [3.0] * (len(made) - 1) + [1.0]
    assert best_spans(1, made, starts, ends, nothing=high) == [None]
    (span,) = best_spans(1, made, starts, ends, nothing=low)
    assert span is not None
    assert span.score == 2.0


def test_a_context_without_a_token_has_an_empty_answer(tokenizer: PreTrainedTokenizerBase) -> None:
    made = windows(["a"], [""], tokenizer, 20, 8, 64)
    assert [len(window.offsets) for window in made] == [0]
    assert target(made[0], 0, "a", 0) == (0, 0)
    assert best_spans(1, made, [np.zeros(4)], [np.zeros(4)]) == [None]
    assert text_of(None, "") == ""


def test_an_answer_keeps_the_marks_on_its_last_letter() -> None:
    assert text_of(Span(0, 1, 0.0), "ส\u0e35\u0e48 คน") == "ส\u0e35\u0e48"


def test_an_answer_without_spaces_around_it_is_cut_out_by_characters(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    context = "東京都は日本の首都です。"
    (window,) = windows(["日本の首都は?"], [context], tokenizer, 40, 8, 64)
    first, last = target(window, 0, "東京都", 0)
    assert spans_of(context, [window], {0: (first, last, 1.0)}) == "東京都"


@pytest.mark.parametrize("config", ["XQuAD.en", "XQuAD.zh", "XQuAD.th", "XQuAD.ar", "XQuAD.hi", "MLQA.de.de"])
def test_real_answers_come_back_as_they_were(hub: Path, config: str) -> None:
    import pandas as pd

    file = next(hub.glob(f"hub/datasets--google--xtreme/snapshots/*/{config}/validation-*.parquet"))
    frame = pd.read_parquet(file).head(60)
    real = AutoTokenizer.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")
    contexts = frame["context"].tolist()
    answers = [(int(a["answer_start"][0]), str(a["text"][0])) for a in frame["answers"]]
    assert all(matches(context, *answer) for context, answer in zip(contexts, answers, strict=True))
    made = windows(frame["question"].tolist(), contexts, real, 128, 32, 64)
    starts, ends = ([np.zeros(len(window.ids)) for window in made] for _ in range(2))
    for number, window in enumerate(made):
        first, last = target(window, *answers[window.question], 0)
        if first and last - first < 30:
            starts[number][first] = ends[number][last] = 1.0
    found = best_spans(len(frame), made, starts, ends, longest=30)
    held = {
        window.question
        for number, window in enumerate(made)
        if starts[number].any() and window.owns[starts[number][window.context].argmax()]
    }
    assert len(held) > 40
    for question in held:
        # A word-piece tokenizer made for English may hold more than the answer in one token, never less.
        assert answers[question][1].strip() in text_of(found[question], contexts[question])
