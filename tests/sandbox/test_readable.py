from leanlab.sandbox.readable import expand


def tree(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def names(paths, root):
    return sorted(str(path.relative_to(root)) for path in paths)


def test_a_folder_with_nothing_excluded_is_itself(tmp_path):
    root = tree(tmp_path / "lib", "a/b.py", "c.py")
    assert expand(root, []) == [root]
    assert expand(root, [tmp_path / "other", tmp_path / "libx"]) == [root]


def test_what_is_excluded_is_missing_and_all_beside_it_remains(tmp_path):
    root = tree(tmp_path / "lib", "a/b.py", "a/x/y.py", "a/x/z.py", "c.py", "d/e.py")
    assert names(expand(root, [root / "a" / "x"]), root) == ["a/b.py", "c.py", "d"]
    assert names(expand(root, [root / "a" / "x" / "y.py"]), root) == [
        "a/b.py",
        "a/x/z.py",
        "c.py",
        "d",
    ]


def test_an_excluded_folder_itself_is_nothing(tmp_path):
    root = tree(tmp_path / "lib", "a.py")
    assert expand(root, [root]) == []


def test_links_out_of_the_folder_or_into_what_is_excluded_are_left_out(tmp_path):
    root = tree(tmp_path / "lib", "secret/s.py", "a.so.1", "d/e.py")
    (root / "out").symlink_to(tmp_path)
    (root / "in").symlink_to("secret")
    (root / "deep").symlink_to("secret/s.py")
    (root / "a.so").symlink_to("a.so.1")
    (root / "gone").symlink_to("nothing")
    assert names(expand(root, [root / "secret"]), root) == ["a.so", "a.so.1", "d"]
