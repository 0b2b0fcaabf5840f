"""Build penstock._core and penstock._upstream from csrc/. Everything else about the package is in pyproject.toml.

Environment:
    PENSTOCK_DEBUG=1                  -O1, assertions on, threads checked at every entry (PS_DEBUG)
    PENSTOCK_SANITIZE=thread|address  instrumented build; load the sanitizer's runtime before Python
    PENSTOCK_WERROR=1                 every warning is an error

Objects are kept in build/obj-*, one folder per interpreter and mode, and only what changed is compiled.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

ROOMS = ("base", "tls", "proto", "net", "conn", "pool", "engine", "bridge", "sse", "py")
UPSTREAM_ROOMS = ("base", "upstream")
# pkg-config name, oldest version, Debian package, Homebrew formula
LIBRARIES = (
    ("libuv", "1.44", "libuv1-dev", "libuv"),
    ("libnghttp2", "1.52", "libnghttp2-dev", "libnghttp2"),
    ("openssl", "3.0", "libssl-dev", "openssl@3"),
)
SANITIZERS = {"thread": ["thread"], "address": ["address,undefined"]}


def pkg_config(*args: str) -> list[str]:
    """Run pkg-config; OSError when there is none, CalledProcessError when it says no."""
    command = [os.environ.get("PKG_CONFIG", "pkg-config"), *args]
    return shlex.split(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def library_flags() -> tuple[list[str], list[str]]:
    """Compiler and linker flags of the three libraries; ends the build naming the packages that are missing."""
    compile_flags: list[str] = []
    link_flags: list[str] = []
    missing: list[tuple[str, str, str, str]] = []
    for library in LIBRARIES:
        name, oldest = library[:2]
        try:
            pkg_config("--exists", f"{name} >= {oldest}")
            compile_flags += pkg_config("--cflags", name)
            link_flags += pkg_config("--libs", name)
        except OSError:
            sys.exit(
                "penstock: pkg-config is missing. Install it together with the libraries:\n"
                f"  Debian/Ubuntu: apt-get install pkg-config {' '.join(lib[2] for lib in LIBRARIES)}\n"
                f"  Homebrew:      brew install pkgconf {' '.join(lib[3] for lib in LIBRARIES)}"
            )
        except subprocess.CalledProcessError:
            missing.append(library)
    if missing:
        sys.exit(
            f"penstock: missing or too old: {', '.join(f'{lib[0]} >= {lib[1]}' for lib in missing)}. Install\n"
            f"  Debian/Ubuntu: apt-get install {' '.join(lib[2] for lib in missing)}\n"
            f"  Homebrew:      brew install {' '.join(lib[3] for lib in missing)}"
        )
    return compile_flags, link_flags


def mode() -> str:
    """Name of the build mode, used in the objects' folder."""
    sanitizer = os.environ.get("PENSTOCK_SANITIZE", "")
    if sanitizer and sanitizer not in SANITIZERS:
        sys.exit(f"penstock: PENSTOCK_SANITIZE is {sanitizer!r}, wanted one of {', '.join(SANITIZERS)}")
    if sanitizer:
        return sanitizer
    return "debug" if os.environ.get("PENSTOCK_DEBUG", "0") not in ("", "0") else "release"


def extension(name: str, rooms: tuple[str, ...]) -> Extension:
    library_compile, library_link = library_flags()
    compile_flags = ["-std=gnu11", "-O2", "-g", "-fvisibility=hidden", "-Wall", "-Wextra"]
    link_flags = list(library_link)
    if sys.platform == "linux":
        link_flags.append("-Wl,--exclude-libs,ALL")
    if os.environ.get("PENSTOCK_WERROR", "0") not in ("", "0"):
        compile_flags.append("-Werror")
    if mode() != "release":
        compile_flags += ["-O1", "-DPS_DEBUG", "-UNDEBUG", "-fno-omit-frame-pointer"]
    if mode() in SANITIZERS:
        sanitize = [f"-fsanitize={name}" for name in SANITIZERS[mode()]]
        compile_flags += sanitize
        link_flags += sanitize
    return Extension(
        name,
        sources=sorted(str(source) for room in rooms for source in Path("csrc", room).glob("*.c")),
        depends=sorted(str(header) for room in rooms for header in Path("csrc", room).glob("*.h")),
        include_dirs=["csrc"],
        extra_compile_args=compile_flags + library_compile,
        extra_link_args=link_flags,
    )


def is_fresh(obj: Path, command: list[str]) -> bool:
    """Was `obj` made by this command from files that have not changed since?"""
    record, dependencies = obj.with_suffix(".cmd"), obj.with_suffix(".d")
    if not (obj.exists() and record.exists() and dependencies.exists()):
        return False
    if record.read_text() != shlex.join(command):
        return False
    made = obj.stat().st_mtime
    names = dependencies.read_text().replace("\\\n", " ").split(":", 1)[1].split()
    return all(os.path.exists(name) and os.stat(name).st_mtime < made for name in names)


class BuildExt(build_ext):
    """setuptools' build_ext, which compiles side by side and skips objects that are fresh."""

    def finalize_options(self) -> None:
        super().finalize_options()
        tag = f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}{getattr(sys, 'abiflags', '')}"
        self.build_temp = os.path.join("build", f"obj-{tag}-{mode()}")
        self.force = True  # objects are checked one by one below; linking is quick

    def build_extensions(self) -> None:
        compiler: Any = self.compiler
        compiler.compile = self.compile_sources
        super().build_extensions()

    def compile_sources(self, sources: list[str], **options: Any) -> list[str]:
        """Stands in for distutils' CCompiler.compile(); same arguments, same result."""
        compiler: Any = self.compiler
        flags = list(options.get("extra_postargs") or [])
        include_flags = [f"-I{folder}" for folder in [*(options.get("include_dirs") or []), *compiler.include_dirs]]
        objects = [Path(options["output_dir"], source).with_suffix(".o") for source in sources]

        def compile_one(source: str, obj: Path) -> None:
            command = [*compiler.compiler_so, *include_flags, "-MMD", "-c", source, "-o", str(obj), *flags]
            if is_fresh(obj, command):
                return
            obj.parent.mkdir(parents=True, exist_ok=True)
            obj.with_suffix(".cmd").unlink(missing_ok=True)
            if subprocess.run(command).returncode != 0:
                raise CompileError(f"{source} does not compile")
            obj.with_suffix(".cmd").write_text(shlex.join(command))

        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            list(pool.map(compile_one, sources, objects))
        return [str(obj) for obj in objects]


setup(
    ext_modules=[extension("penstock._core", ROOMS), extension("penstock._upstream", UPSTREAM_ROOMS)],
    cmdclass={"build_ext": BuildExt},
)
