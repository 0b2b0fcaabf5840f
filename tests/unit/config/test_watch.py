"""Reloading: what is seen as a change, when it is read, and what happens to a file that cannot be used."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from penstock.config.load import load
from penstock.config.models import Config
from penstock.config.watch import Complaints, Watcher

ROW = "  - {model_name: %s, litellm_params: {model: openai/a, api_key: sk-k}}\n"


def text(*groups: str) -> str:
    return "general_settings: {master_key: sk-x}\nmodel_list:\n" + "".join(ROW % group for group in groups)


class Place:
    """A file, its watcher, and what the watcher told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[list[str]] = []
        self.rejected: list[str] = []
        current = load(path, environ={}).config
        self.watcher = Watcher(
            path, on_new=self.on_new, on_rejected=self.on_rejected, current=current, environ={}, sleep=self.sleep
        )
        self.slept = asyncio.Event()
        self.wake = asyncio.Event()

    def on_new(self, config: Config, complaints: Complaints) -> None:
        self.told.append([each.group for each in config.deployments])

    def on_rejected(self, complaints: Complaints) -> None:
        self.rejected.append("; ".join(each.message for each in complaints))

    async def sleep(self, seconds: float) -> None:
        assert seconds == 1.0
        self.slept.set()
        await self.wake.wait()
        self.wake.clear()

    async def looks(self, times: int) -> None:
        for _ in range(times):
            await self.watcher.look()


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    path = tmp_path / "config.yaml"
    path.write_text(text("a"))
    place = Place(path)
    await place.looks(2)
    assert place.told == []
    return place


async def test_a_change_is_read_when_it_has_settled(place: Place) -> None:
    place.path.write_text(text("a", "b"))
    await place.looks(1)
    assert place.told == []
    await place.looks(3)
    assert place.told == [["a", "b"]]
    assert repr(place.watcher) == f"<Watcher {place.path}, stopped, 1 reloads, 0 rejected>"


async def test_a_file_that_is_still_written_is_waited_for(place: Place) -> None:
    for groups in ("b", "bc", "bcd"):
        place.path.write_text(text(*groups))
        await place.looks(1)
    assert place.told == []
    await place.looks(1)
    assert place.told == [["b", "c", "d"]]


async def test_atomic_rename(place: Place) -> None:
    new = place.path.with_suffix(".new")
    new.write_text(text("bb"))
    os.utime(new, ns=(place.path.stat().st_atime_ns, place.path.stat().st_mtime_ns))
    new.rename(place.path)
    await place.looks(2)
    assert place.told == [["bb"]]


async def test_configmap(tmp_path: Path) -> None:
    """Kubernetes swaps the link `..data`; the file's own path never changes."""
    for name, group in (("one", "a"), ("two", "bb")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(text(group))
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "config.yaml").symlink_to("..data/config.yaml")
    place = Place(tmp_path / "config.yaml")
    await place.looks(2)
    (tmp_path / "..data_tmp").symlink_to("two")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    await place.looks(2)
    assert place.told == [["bb"]]


async def test_an_included_file_counts_and_a_new_one_too(place: Place) -> None:
    more = place.path.with_name("more.yaml")
    more.write_text("model_list:\n" + ROW % "more")
    place.path.write_text("include: [more.yaml]\n" + text("a"))
    await place.looks(2)
    more.write_text("model_list:\n" + ROW % "other")
    await place.looks(2)
    assert place.told == [["a", "more"], ["a", "other"]]


async def test_an_included_file_that_comes_later(place: Place) -> None:
    place.path.write_text("include: [later.yaml]\n" + text("a"))
    await place.looks(3)
    assert (place.told, place.rejected) == ([], ["cannot be read: No such file or directory"])
    place.path.with_name("later.yaml").write_text("model_list:\n" + ROW % "later")
    await place.looks(2)
    assert place.told == [["a", "later"]]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("model_list: [", "is not YAML"),
        ("model_list: 5", "must be a list of models"),
        ("", "has no deployment any more: perhaps it is half written"),
        (None, "cannot be read: No such file or directory"),
    ],
)
async def test_what_cannot_be_used_is_rejected_once(place: Place, content: str | None, why: str) -> None:
    if content is None:
        place.path.unlink()
    else:
        place.path.write_text(content)
    await place.looks(4)
    assert place.told == []
    assert len(place.rejected) == 1
    assert why in place.rejected[0]
    place.path.write_text(text("c"))
    await place.looks(2)
    assert place.told == [["c"]]


async def test_the_same_content_again_is_no_news(place: Place) -> None:
    place.path.write_text(text("a"))
    await place.looks(3)
    place.path.write_text("# a remark\n" + text("a"))
    await place.looks(3)
    assert (place.told, place.rejected) == ([], [])


async def test_a_poke_reloads_at_once_and_always(place: Place) -> None:
    place.watcher.poke()
    await place.looks(2)
    assert place.told == [["a"]]
    place.path.write_text(text("bb"))
    place.watcher.poke()
    await place.looks(1)
    assert place.told == [["a"], ["bb"]]


async def test_nothing_is_raised(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    def broken(config: Config, complaints: Complaints) -> None:
        raise RuntimeError("no")

    place.watcher.on_new = broken
    place.watcher.poke()
    with caplog.at_level(logging.ERROR, logger="penstock.config"):
        await place.looks(1)
    assert "could not be reloaded" in caplog.text


async def test_a_rejected_file_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model_list: 5")
    watcher = Watcher(path, on_new=lambda config, complaints: None, environ={})
    with caplog.at_level(logging.ERROR, logger="penstock.config"):
        await watcher.look()
    assert f"not reloaded: {path}:1: model_list: must be a list of models" in caplog.text


async def test_without_a_current_one_the_first_look_is_silent(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text("a"))
    told: list[Config] = []
    watcher = Watcher(path, on_new=lambda config, complaints: told.append(config), environ={})
    await watcher.look()
    assert told == []
    path.write_text(text("bb"))
    await watcher.look()
    await watcher.look()
    assert len(told) == 1


async def test_the_task_looks_after_each_sleep_and_hears_sighup(place: Place) -> None:
    came = asyncio.Event()
    take = place.on_new

    def on_new(config: Config, complaints: Complaints) -> None:
        take(config, complaints)
        came.set()

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    place.watcher.on_new = on_new
    place.watcher.start()
    place.watcher.start()  # one task
    try:
        await asyncio.wait_for(place.slept.wait(), 30)
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.wait_for(came.wait(), 30)
        came.clear()
        place.path.write_text(text("bb"))
        for _ in range(2):
            place.slept.clear()
            place.wake.set()
            await asyncio.wait_for(place.slept.wait(), 30)
        await asyncio.wait_for(came.wait(), 30)
        assert place.told == [["a"], ["bb"]]
        assert "runs" in repr(place.watcher)
    finally:
        task = place.watcher._task
        place.watcher.stop()
        place.watcher.stop()
        assert task is not None
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert signal.signal(signal.SIGHUP, before) == signal.SIG_IGN, "what it was before"
