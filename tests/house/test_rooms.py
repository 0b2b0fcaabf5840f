"""The one-way doors of csrc/: a room includes itself and rooms to its left; foreign headers stay behind their fence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, Include, files, includes

# room: the rooms whose headers it may include, besides its own
DOORS = {
    "base": set[str](),
    "tls": {"base"},
    "proto": {"base"},
    "net": {"base"},
    "conn": {"base", "tls", "proto", "net"},
    "pool": {"base", "tls", "proto", "net", "conn"},
    "engine": {"base", "tls", "proto", "net", "conn", "pool"},
    "bridge": {"base", "tls", "proto", "net", "conn", "pool", "engine"},
    "sse": {"base"},  # beside the transport: what providers stream, counted
    "py": {"base", "tls", "proto", "net", "conn", "pool", "engine", "bridge", "sse"},
    "upstream": {"base", "tls", "net"},  # the scripted test server: an extension module of its own
}
# start of a foreign header's name: the files (room, or room/start of the name) that may include it
FENCES = {
    "Python.h": ("py/", "upstream/py"),
    "structmember.h": ("py/", "upstream/py"),
    "openssl/": ("tls/", "upstream/tls_"),
    "nghttp2/": ("proto/h2", "upstream/h2_", "upstream/program.h"),
    "uv.h": ("net/", "engine/", "bridge/", "upstream/"),
}
# headers of one room's own files: not for other rooms
PRIVATE = ("_internal.h", "_parts.h", "_state.h")


def complaint(csrc: Path, include: Include) -> str | None:
    """Why this include line must not be, or None."""
    inside = include.path.relative_to(csrc).as_posix()
    room = inside.split("/")[0]
    if not include.is_own:
        for start, allowed in FENCES.items():
            if include.name.startswith(start) and not inside.startswith(allowed):
                return f"<{include.name}> belongs to {', '.join(allowed)}"
        return None
    target = include.name.split("/")[0]
    if "/" not in include.name:
        return f'"{include.name}" does not name its room'
    if not (csrc / include.name).exists():
        return f'"{include.name}" does not exist'
    if include.name.endswith(".c"):
        return f'"{include.name}" includes source text'
    if target != room and target not in DOORS.get(room, set()):
        return f"{room} must not know {target}"
    if target != room and include.name.endswith(PRIVATE):
        return f'"{include.name}" is private to {target}'
    return None


def breaches(csrc: Path) -> list[str]:
    found = []
    for path in files(csrc, "*.c", "*.h"):
        for include in includes(path):
            if why := complaint(csrc, include):
                found.append(f"{path.relative_to(csrc)}:{include.line}: {why}")
    return found


def test_rooms_keep_their_doors() -> None:
    assert breaches(ROOT / "csrc") == []


def test_every_room_has_a_door() -> None:
    rooms = {path.name for path in (ROOT / "csrc").iterdir() if path.is_dir()}
    assert rooms <= set(DOORS)


def test_header_guards_are_unique() -> None:
    guards: dict[str, Path] = {}
    for path in files(ROOT / "csrc", "*.h"):
        match = re.search(r"^#ifndef (PS_\w+_H)\n#define \1$", path.read_text(), re.MULTILINE)
        assert match, f"{path} has no guard"
        assert guards.setdefault(match[1], path) == path


@pytest.mark.parametrize(
    ("inside", "line", "why"),
    [
        ("base/buf.c", '#include "net/sock.h"', "base must not know net"),
        ("net/sock.c", '#include "tls/link.h"', "net must not know tls"),
        ("conn/conn.c", '#include "pool/pool.h"', "conn must not know pool"),
        ("engine/engine.c", '#include "py/state.h"', "engine must not know py"),
        ("py/state.c", '#include "pool/pool_internal.h"', "private to pool"),
        ("bridge/home.c", "#include <Python.h>", "belongs to py/"),
        ("conn/pump.c", "#  include <openssl/ssl.h>", "belongs to tls/"),
        ("proto/h1.c", "#include <nghttp2/nghttp2.h>", "belongs to proto/h2"),
        ("pool/pool.c", "#include <uv.h>", "belongs to net/"),
        ("upstream/peer.c", '#include "conn/conn.h"', "upstream must not know conn"),
        ("upstream/server.c", "#include <Python.h>", "belongs to py/, upstream/py"),
        ("upstream/peer.c", "#include <openssl/ssl.h>", "belongs to tls/, upstream/tls_"),
        ("net/sock.c", '#include "upstream/peer.h"', "net must not know upstream"),
        ("sse/tally.c", '#include "proto/head.h"', "sse must not know proto"),
        ("py/state.c", '#include "py/gone.h"', "does not exist"),
        ("conn/pump.c", '#include "conn.h"', "does not name its room"),
    ],
)
def test_the_gate_sees_a_breach(tmp_path: Path, inside: str, line: str, why: str) -> None:
    for header in (
        "net/sock.h",
        "tls/link.h",
        "pool/pool.h",
        "pool/pool_internal.h",
        "py/state.h",
        "conn/conn.h",
        "proto/head.h",
        "upstream/peer.h",
    ):
        (tmp_path / header).parent.mkdir(exist_ok=True)
        (tmp_path / header).touch()
    (tmp_path / inside).parent.mkdir(exist_ok=True)
    (tmp_path / inside).write_text(f"\n{line}\n")
    (found,) = breaches(tmp_path)
    assert found.startswith(f"{inside}:2: ")
    assert why in found


def test_the_gate_lets_a_right_include_pass(tmp_path: Path) -> None:
    for room in ("base", "net", "py"):
        (tmp_path / room).mkdir()
    (tmp_path / "base/buf.h").touch()
    (tmp_path / "net/sock.c").write_text('#include "base/buf.h"\n#include <uv.h>\n#include <string.h>\n')
    (tmp_path / "py/state.c").write_text('#include <Python.h>\n#include "base/buf.h"\n')
    assert breaches(tmp_path) == []
