import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from budget.tables.files.file_names import file_stem

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
NEAR = st.text("aA/_.-é\u0301 0", max_size=6)


@settings(deadline=None)
@given(ANY | NEAR)
def test_a_stem_is_one_part_of_a_path_of_a_length_that_systems_allow(name):
    stem = file_stem(name)
    assert 0 < len(f"{stem}.claim".encode()) <= 255
    assert not set(stem) & set('/\\\0:*?"<>| \n') and not stem.startswith(".")


@settings(deadline=None)
@given(st.lists(ANY | NEAR, unique=True, min_size=2))
def test_different_names_have_different_files_on_every_file_system(names):
    stems = {unicodedata.normalize("NFD", file_stem(name)).casefold() for name in names}
    assert len(stems) == len(names)


def test_a_plain_name_is_kept_and_one_that_looks_like_a_digest_is_not():
    assert file_stem("code-params=1e6-seed=0") == "code-params=1e6-seed=0"
    assert file_stem(file_stem("a/b")) != file_stem("a/b")
    assert len({file_stem("x" * length) for length in range(140, 260)}) == 120
