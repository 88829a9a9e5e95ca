"""The generator: Philox against published answers and the scalar definition; seeds, counters and state."""

from __future__ import annotations

import numpy as np
import pytest
from checks import complains
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.random import Generator, default_generator, philox4x32

words = st.integers(0, 2**32 - 1)

# The known-answer vectors published with Random123.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def by_the_paper(counter: tuple[int, ...], key: tuple[int, int], rounds: int = 10) -> tuple[int, ...]:
    """Philox4x32 of one counter in Python integers (Salmon et al. 2011, section 3.3)."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(rounds):
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


@pytest.mark.parametrize("counter, key, answer", KNOWN_ANSWERS)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, int], answer: tuple[int, ...]) -> None:
    found = philox4x32(np.array(counter), key)
    assert found.dtype == np.uint32
    assert tuple(int(word) for word in found) == answer
    assert by_the_paper(counter, key) == answer


@given(counters=st.lists(st.tuples(words, words, words, words), min_size=1, max_size=5), key=st.tuples(words, words))
def test_many_counters_at_once(counters: list[tuple[int, int, int, int]], key: tuple[int, int]) -> None:
    found = philox4x32(np.array(counters), key)
    assert [tuple(map(int, row)) for row in found] == [by_the_paper(counter, key) for counter in counters]


def test_shape_is_kept() -> None:
    assert philox4x32(np.zeros((2, 3, 4), np.int64), (1, 2)).shape == (2, 3, 4)


def test_every_draw_has_a_stream_of_its_own() -> None:
    generator = Generator(5)
    streams = [generator.next() for _ in range(100)]
    assert len(set(streams)) == 100 and all(seed == 5 for seed, _ in streams)


def test_state_continues() -> None:
    generator = Generator(5)
    generator.stream().standard_normal((3,))
    state = generator.state()
    expected = generator.stream().standard_normal((3,)), generator.stream().random((2, 2))
    other = Generator()
    other.set_state(state)
    np.testing.assert_array_equal(other.stream().standard_normal((3,)), expected[0])
    np.testing.assert_array_equal(other.stream().random((2, 2)), expected[1])


def test_uniform_is_between_nought_and_one() -> None:
    numbers = Generator(1).stream().random((10_000,))
    assert numbers.min() >= 0 and numbers.max() < 1 and abs(numbers.mean() - 0.5) < 0.02


def test_manual_seed_seeds_what_tensors_draw_from() -> None:
    mg.manual_seed(7)
    assert default_generator.state() == (7, 0)
    mg.randn(2)
    mg.zeros(2)
    assert default_generator.state() == (7, 1)


def test_seeds_differ() -> None:
    one, other = (Generator(seed).stream().standard_normal((5,)) for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_large_seeds_are_kept_whole() -> None:
    """Seeds that agree in their low 32 bits are still different seeds."""
    small, large = (Generator(seed).stream().standard_normal((5,)) for seed in (1, 1 + 2**40))
    assert not np.array_equal(small, large)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "a", None, True])
def test_impossible_seed_complains(seed: object) -> None:
    with complains(repr(seed), error=ValueError):
        mg.manual_seed(seed)
