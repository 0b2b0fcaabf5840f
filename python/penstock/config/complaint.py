"""What is wrong with a configuration, in one sentence that names the place. No values of the file but names."""

from __future__ import annotations

from dataclasses import dataclass

PATH_CHARS = 200  # a longer path is cut: keys come from the file, too


@dataclass(frozen=True, slots=True)
class Complaint:
    """One remark. `is_error` means that no Config is made; the others are warnings.

    path        where in the document: "model_list[2].litellm_params.modle"; "" = the document as a whole
    message     what is wrong, and what is expected, with its unit
    suggestion  what was probably meant, or None
    file, line  of the source (1 = first line); None when it did not come from a file
    """

    path: str
    message: str
    suggestion: str | None = None
    is_error: bool = True
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """`file:line: path: message, did you mean X?`, without the parts that are not known. One printable line."""
        place = "" if self.file is None else f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        path = f"{self.path[:PATH_CHARS]}: " if self.path else ""
        hint = "" if self.suggestion is None else f", did you mean {self.suggestion}?"
        line = f"{place}{path}{self.message}{hint}"
        return line if line.isprintable() else "".join(each if each.isprintable() else "?" for each in line)
