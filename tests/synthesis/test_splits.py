"""Anyone's files of strings: what is read, and what is refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanlab.labkit import ConfigError
from leanlab.synthesis import splits
from leanlab.synthesis.splits import Split

PLAIN = Split(strings=("01", "10", "11"), labels=(1, 0, 0))
NAMED = Split(strings=("01", "10", "11"), labels=(1, 0, 0), classes=("no", "yes"))


def read(tmp_path, content, **options):
    path = tmp_path / "some.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return splits.read(path, **options)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("01 -> 1\n10 -> 0\n11 -> 0\n", PLAIN),
        ("01->1\n\n  10  ->  0 \n11 -> 0", PLAIN),
        ("01 -> 1\r\n10 -> 0\r\n11 -> 0\r\n", PLAIN),
        ("01 -> 1\r10 -> 0\r11 -> 0\r", PLAIN),
        (b"\xef\xbb\xbf01 -> 1\n10 -> 0\n11 -> 0\n", PLAIN),
        ("01,1\n10,0\n11,0\n".encode("utf-16"), PLAIN),
        ("01,yes\n10,no\n11,no\n", NAMED),
        ('"01","yes"\n"10", no\n11,no\n', NAMED),
        ("01\tyes\n10\tno\n11\tno\n", NAMED),
        ("01;yes\r\n10;no\r\n11;no\r\n", NAMED),
        ("string,label\n01,yes\n10,no\n11,no\n", NAMED),
        (b"\xef\xbb\xbfbits\tresult\r\n01\tyes\r\n10\tno\r\n11\tno\r\n", NAMED),
        ("id,Label,note,String\n7,yes,a,01\n8,no,,10\n9,no,c,11\n", NAMED),
        ("string -> label\n01 -> yes\n10 -> no\n11 -> no\n", NAMED),
    ],
)
def test_every_form_is_read(tmp_path, content, expected):
    assert read(tmp_path, content) == expected


def test_zero_and_one_are_themselves_and_other_names_are_sorted(tmp_path):
    assert read(tmp_path, "a,1\nb,0\n").labels == (1, 0)
    assert read(tmp_path, "a,spam\nb,ham\n") == Split(
        strings=("a", "b"), labels=(1, 0), classes=("ham", "spam")
    )
    assert read(tmp_path, "a,+1\nb,-1\n").classes == ("+1", "-1")


def test_given_classes_hold_though_one_is_absent(tmp_path):
    split = read(tmp_path, "a,no\nb,no\n", classes=("no", "yes"))
    assert (split.labels, split.classes) == ((0, 0), ("no", "yes"))
    with pytest.raises(ConfigError, match="line 2: the label '1' is neither 'no' nor 'yes'"):
        read(tmp_path, "a,no\nb,1\n", classes=("no", "yes"))


def test_a_repetition_is_kept_once_and_counted(tmp_path):
    split = read(tmp_path, "01 -> 1\n10 -> 0\n01 -> 1\n01 -> 1\n")
    assert (split.strings, split.labels, split.repeated) == (("01", "10"), (1, 0), 2)


def test_strings_of_any_length_and_alphabet_are_read(tmp_path):
    split = read(tmp_path, 'a b,yes\n"1,2",no\nÄ→ß,no\n0110,yes\n')
    assert split.strings == ("a b", "1,2", "Ä→ß", "0110")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("01 -> 1\n10 -> 2\n11 -> 0\n", "line 3: '0' is a third class after '1' and '2'"),
        ("2222,2\n0101,1\n1010,0\n", "line 3: '0' is a third class"),
        ("01 -> 1\n10 -> 1\n", "line 1: every label is '1'; two classes are needed"),
        (" -> 1\n10 -> 0\n", "line 1: the string is empty"),
        ("01,1\n,0\n", "line 2: the string is empty"),
        ("01,1\n\n10,\n", "line 3: the label is empty"),
        ("01 -> 1\n10 -> 0\n01 -> 0\n", "line 3: '01' is labelled '0', and '1' further up"),
        ("01 -> 1\n10\n", "line 2: expected a string and its label"),
        ("01\n10\n", "line 1: expected a string and its label"),
        ("01,1,x\n10,0,y\n", "line 1: expected a string and its label"),
        ("string,label,more\n01,1,a\n10\n", "line 3: column 2 is missing"),
        ('01,1\n"10,0\n', "line 2: no well-formed CSV"),
        ('01,1\n"1\n0",0\n11,0\n', "line 2: .* holds a line break"),
        ("01,1\n1\x1b0,0\n", "line 2: .* cannot be printed"),
        ("", "holds no strings"),
        ("\ufeff \r\n\r\n", "holds no strings"),
        (b"01 -> 1\n\xff", "line 2: byte 8 is not UTF-8"),
    ],
)
def test_what_cannot_be_used_is_one_line_that_names_file_and_line(tmp_path, content, where):
    with pytest.raises(ConfigError, match=where) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path / "some.txt"))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"train\.txt: there is no such file"):
        splits.read(tmp_path / "train.txt")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        splits.read(tmp_path)


@pytest.mark.parametrize(
    ("content", "strings"),
    [
        ("01\n10\n01\n\n", ("01", "10", "01")),
        ("string\r\n01\r\n10\r\n", ("01", "10")),
        ("x\nxy\n", ("x", "xy")),
        ("01 -> 1\n10 -> 0\n", ("01", "10")),
        ("label,string\n1,01\n0,10\n", ("01", "10")),
        ('"1,2"\n"3,4"\n', ("1,2", "3,4")),
    ],
)
def test_unlabelled_strings(tmp_path, content, strings):
    path = tmp_path / "new.csv"
    path.write_bytes(content.encode())
    assert splits.read_strings(path) == strings


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("01\n   \n", None),
        ("01,1\n,0\n", "line 2: the string is empty"),
        ("1,2,3\n", "line 1: expected one string"),
        ("", "holds no strings"),
    ],
)
def test_unlabelled_files_that_cannot_be_used(tmp_path, content, where):
    path = tmp_path / "new.txt"
    path.write_text(content)
    if where is None:
        assert splits.read_strings(path) == ("01",)
        return
    with pytest.raises(ConfigError, match=where):
        splits.read_strings(path)


words = st.text("01ab, ;->\"'é", min_size=1, max_size=8).map(str.strip).filter(bool)


@given(st.dictionaries(words.filter(lambda x: "->" not in x), st.booleans(), min_size=2))
def test_what_is_written_is_read_back(tmp_path_factory, pairs):
    labels = tuple(map(int, pairs.values()))
    split = Split(strings=tuple(pairs), labels=labels, classes=("no", "yes"))
    path = tmp_path_factory.getbasetemp() / "written.txt"
    splits.write(path, split)
    assert splits.read(path, split.classes) == split


def test_accuracy_counts_no_reply_as_wrong():
    split = splits.Split(strings=("00", "01", "10", "11"), labels=(0, 1, 1, 0))
    assert split.accuracy([0, None, 1, 1]) == 0.5
    with pytest.raises(ValueError, match="longer"):
        split.accuracy([0, 1])
