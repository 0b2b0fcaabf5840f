"""`include`: relative paths, LiteLLM's merge, circles, files that are not there."""

from __future__ import annotations

from pathlib import Path

from penstock.config.load import Loaded, load

ROW = "  - {model_name: %s, litellm_params: {model: openai/a, api_key: sk-k}}\n"
KEY = "general_settings: {master_key: sk-x}\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return folder / "main.yaml"


def groups(loaded: Loaded) -> list[str]:
    assert loaded.config is not None, loaded.complaints
    return [each.group for each in loaded.config.deployments]


def said(loaded: Loaded, folder: Path) -> list[str]:
    return [str(each).replace(f"{folder}/", "") for each in loaded.complaints]


def test_lists_are_joined_in_order_of_the_includes(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main=f"include: [b.yaml, sub/c.yaml]\nmodel_list:\n{ROW % 'a'}{KEY}",
        b=f"include: [d.yaml]\nmodel_list:\n{ROW % 'b'}",
        sub__c=f"model_list:\n{ROW % 'c'}",
        d=f"model_list:\n{ROW % 'd'}",
    )
    loaded = load(main, environ={})
    assert (groups(loaded), loaded.complaints) == (["a", "b", "c", "d"], ())
    assert [Path(each).name for each in loaded.sources] == ["main.yaml", "b.yaml", "c.yaml", "d.yaml"]


def test_a_nested_path_is_relative_to_its_own_file(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main=f"include: sub/b.yaml\n{KEY}",
        sub__b="include: [c.yaml, beside.yaml]",
        sub__c=f"model_list:\n{ROW % 'c'}",
        beside=f"model_list:\n{ROW % 'beside'}",
    )
    loaded = load(main, environ={})
    assert groups(loaded) == ["c", "beside"]
    assert said(loaded, tmp_path) == [
        "sub/b.yaml:1: include[1]: is not beside b.yaml: the file beside main.yaml is read"
    ]


def test_other_sections_are_replaced_whole_and_that_is_said(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main=f"include: [b.yaml]\nrouter_settings: {{num_retries: 5, timeout: 7}}\nmodel_list:\n{ROW % 'a'}{KEY}",
        b="router_settings: {num_retries: 1}",
    )
    loaded = load(main, environ={})
    assert loaded.config is not None
    assert (loaded.config.router.num_retries, loaded.config.router.timeout_s) == (1, 600.0)
    assert said(loaded, tmp_path) == ["b.yaml:1: router_settings: replaces the whole router_settings of main.yaml"]


def test_a_circle_is_read_once(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main=f"include: [b.yaml]\nmodel_list:\n{ROW % 'a'}{KEY}",
        b=f"include: [main.yaml, ./b.yaml]\nmodel_list:\n{ROW % 'b'}",
    )
    loaded = load(main, environ={})
    assert groups(loaded) == ["a", "b"]
    assert said(loaded, tmp_path) == [
        "b.yaml:1: include[0]: is included in a circle: it is read once",
        "b.yaml:1: include[1]: is included in a circle: it is read once",
    ]


def test_a_file_that_two_include_is_read_once_without_a_word(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main=f"include: [b.yaml, c.yaml]\n{KEY}",
        b="include: [d.yaml]",
        c="include: [d.yaml]",
        d=f"model_list:\n{ROW % 'd'}",
    )
    loaded = load(main, environ={})
    assert (groups(loaded), loaded.complaints) == (["d"], ())


def test_complaints_name_the_file_of_the_row(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main=f"include: [b.yaml]\nmodel_list:\n{ROW % 'a'}{KEY}",
        b="\n\nmodel_list:\n  - model_name: b\n    litellm_params:\n      model: openai/a\n      timeout: soon\n",
    )
    assert said(load(main, environ={"OPENAI_API_KEY": "k"}), tmp_path) == [
        "b.yaml:7: model_list[1].litellm_params.timeout: must be a number of seconds, not text"
    ]


def test_all_that_is_wrong_with_files_is_said_at_once(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main=f"include: [gone.yaml, bad.yaml, 7, list.yaml, latin.yaml, sub]\nmodel_list:\n{ROW % 'a'}{KEY}",
        bad="a: [",
        list="- a",
        sub__x="",
    )
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    loaded = load(main, environ={})
    assert loaded.config is None
    lines = said(loaded, tmp_path)
    assert [line for line in lines if line.startswith("main")] == [
        "main.yaml:1: include[0]: cannot be read: No such file or directory",
        "main.yaml:1: include[2]: must be the path of a file, not the number 7",
        "main.yaml:1: include[5]: cannot be read: Is a directory",
    ]
    assert "list.yaml:1: must be a mapping: model_list, litellm_settings, ..." in lines
    assert "latin.yaml:2: is not UTF-8 text" in lines
    assert any(line.startswith("bad.yaml:") for line in lines)
    assert str(tmp_path / "gone.yaml") in loaded.sources, "the watcher waits for it"


def test_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path, Path("a\0b")):
        loaded = load(path, environ={})
        assert (loaded.config, loaded.is_readable, len(loaded.complaints)) == (None, False, 1)
        assert loaded.complaints[0].message.startswith("cannot be read: ")
