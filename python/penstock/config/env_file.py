"""`NAME=value` lines, as a shell or Docker reads them: comments, `export`, quotes. Pure."""

from __future__ import annotations


def parse_env(text: str) -> tuple[dict[str, str], list[int]]:
    """The variables, and the numbers of lines that are none.

    >>> parse_env("# keys\\nexport A=1\\nB='x # y'\\nC=z # a comment\\nwhat\\n")
    ({'A': '1', 'B': 'x # y', 'C': 'z'}, [5])
    """
    found, wrong = {}, []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, separator, value = line.removeprefix("export ").partition("=")
        name = name.strip()
        if not separator or not name.replace("_", "a").isalnum() or name[0].isdigit():
            wrong.append(number)
            continue
        found[name] = _unquoted(value.strip())
    return found, wrong


def _unquoted(value: str) -> str:
    quote = value[:1]
    if quote in ("'", '"') and (end := value.find(quote, 1)) > 0:
        inner = value[1:end]
        return inner if quote == "'" else inner.replace("\\n", "\n").replace('\\"', '"')
    return value.partition(" #")[0].rstrip()
