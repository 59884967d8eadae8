from budget.numerics.listing import listing, shortened


def test_names_are_listed_as_in_a_sentence():
    assert [listing(list("abc")[:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_what_does_not_fit_is_counted():
    assert shortened(["a", "b"], 2) == "a and b"
    assert shortened([f"t{i}" for i in range(18)], 4) == "t0, t1, t2, t3 and 14 more"
