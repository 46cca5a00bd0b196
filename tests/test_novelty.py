"""Texts that are alike are found, others are not, and the verdict is that of exact Jaccard."""

from random import Random

from data.novelty import MAX_SIMILARITY, Novelty, grams_of, similarity

WORDS = ("book", "flight", "train", "oslo", "lima", "april", "may", "first", "seat", "hotel")


def test_a_text_is_new_once():
    said = Novelty()
    assert said.admit("book a table for two at noon")
    assert not said.admit("book a table for two at noon")
    assert said.admit("what is the weather in lima")


def test_short_and_empty_texts_have_fingerprints():
    said = Novelty()
    assert [said.admit(text) for text in ("", "a", "ok", "ok", "")] == [True] * 3 + [False] * 2


def test_similarity_is_the_share_of_five_character_sequences():
    assert similarity(grams_of("abcdefg"), grams_of("abcdefx")) == 2 / 4
    assert similarity(grams_of("same text"), grams_of("same text")) == 1
    assert similarity(grams_of("abcdef"), grams_of("uvwxyz")) == 0


def test_verdicts_are_those_of_comparing_with_every_earlier_text():
    rng = Random(3)
    said, admitted, refused = Novelty(), [], 0
    for _ in range(600):
        words = [rng.choice(WORDS) for _ in range(rng.randint(5, 9))]
        if admitted and rng.random() < 0.5:
            words = [*rng.choice(admitted).split(), rng.choice(WORDS)]
        text = " ".join(words)
        alike = any(similarity(grams_of(text), grams_of(t)) > MAX_SIMILARITY for t in admitted)
        assert said.admit(text) == (not alike), text
        if alike:
            refused += 1
        else:
            admitted.append(text)
    assert refused > 50
