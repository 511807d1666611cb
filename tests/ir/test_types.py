"""The algebra of sizes: a symbolic size means what whole numbers would give, and equal sizes look equal."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnc.compiler.ir.types import Dim, Type, Undecided, ints, same_size

H, W, N = Dim.letter("H"), Dim.letter("W"), Dim.letter("N")

letters = st.fixed_dictionaries({name: st.integers(1, 50) for name in "HWK"})
small = st.integers(-20, 20)
positive = st.integers(1, 12)


@st.composite
def sizes(draw, depth=4):
    """A size and the function of the letters that it must be."""
    if depth == 0 or draw(st.booleans()):
        if draw(st.booleans()):
            name = draw(st.sampled_from("HWK"))
            return Dim.letter(name), lambda at: at[name]
        k = draw(small)
        return k, lambda at: k
    a, fa = draw(sizes(depth - 1))
    kind = draw(st.sampled_from("+-*/%r"))
    if kind in "+-":
        b, fb = draw(sizes(depth - 1))
        apply = operator.add if kind == "+" else operator.sub
        return apply(a, b), lambda at: apply(fa(at), fb(at))
    if kind == "r":
        k = draw(small)
        return k - a, lambda at: k - fa(at)
    k = draw(small if kind == "*" else positive)
    apply = {"*": operator.mul, "/": operator.floordiv, "%": operator.mod}[kind]
    return apply(a, k), lambda at: apply(fa(at), k)


def at(size, values):
    return size.substitute(values) if isinstance(size, Dim) else size


@given(sizes(), letters)
def test_a_size_is_the_arithmetic_that_made_it(size, values):
    symbolic, whole = size
    assert at(symbolic, values) == whole(values)


@given(sizes(), letters, st.sampled_from("HWK"))
def test_letters_may_be_bound_one_after_another(size, values, first):
    symbolic, whole = size
    partly = symbolic.substitute({first: values[first]}) if isinstance(symbolic, Dim) else symbolic
    assert at(partly, values) == whole(values)


@given(sizes(), sizes(), letters)
def test_an_answer_about_sizes_holds_for_all_letters(a, b, values):
    """`Undecided` is no answer; any other must be right whatever the letters are."""
    x, y = a[1](values), b[1](values)
    for ask in (operator.lt, operator.le, operator.gt, operator.ge):
        try:
            answer = ask(a[0], b[0])
        except Undecided:
            continue
        assert answer == ask(x, y)
    try:
        equal = same_size(a[0], b[0])
    except Undecided:
        return
    assert equal == (x == y)


@given(sizes(), sizes())
def test_sums_look_the_same_in_any_order(a, b):
    assert a[0] + b[0] == b[0] + a[0]
    assert a[0] + b[0] - b[0] == a[0]


@pytest.mark.parametrize(
    ("size", "simple"),
    [
        ((16 * H - 1) // 2 + 1, 8 * H),
        ((16 * H + 2 - 3) // 2 + 1, 8 * H),
        ((H + 1) // 2, (H + 1) // 2),
        (H // 2 // 3, H // 6),
        ((4 * H + 6) // 2, 2 * H + 3),
        ((6 * H + 3) // 4, (6 * H + 3) // 4),
        (7 * H % 7, 0),
        (H - H, 0),
        (2 * (H // 2) - 2 * (H // 2), 0),
        (-(-(8 * H) // 8), H),
    ],
)
def test_what_divides_is_divided(size, simple):
    assert size == simple


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (H, "H"),
        (16 * H, "16*H"),
        (8 * H + 4 * W - 1, "8*H + 4*W - 1"),
        (3 - H, "-H + 3"),
        ((H + 1) // 2, "(H + 1)//2"),
        (H // 2, "H//2"),
        (2 * (H // 2), "2*(H//2)"),
        (3 * H // 2, "H + H//2"),
        (Type("f32", (N, 3, 16 * H, W)), "f32[N, 3, 16*H, W]"),
        (Type("f32", ()), "f32[]"),
    ],
)
def test_sizes_read_as_they_are_written(size, text):
    assert str(size) == text


def test_letters_are_at_least_one():
    assert H >= 1
    assert 2 * H + 1 > 2
    assert not 16 * H < 16
    assert not same_size(H, 0)


@pytest.mark.parametrize("ask", [lambda: H > 4, lambda: same_size(H, 2), lambda: same_size(2 * (H // 2), H)])
def test_what_depends_on_a_letter_is_undecided(ask):
    with pytest.raises(Undecided):
        ask()


def test_the_batch_equals_only_itself():
    assert same_size(N, N)
    assert not same_size(N, 4)
    assert not same_size(N, H)


def test_letters_do_not_multiply_or_divide():
    with pytest.raises(Undecided, match="H times W"):
        H * W
    with pytest.raises(Undecided):
        H // W  # type: ignore[operator]
    with pytest.raises(Undecided):
        12 // H


def test_numbers_are_asked_for_once_they_are_known():
    assert Type("u8", (N, 3, 8, 9)).known == (3, 8, 9)
    with pytest.raises(Undecided, match="the value of H"):
        ints((3, H))
