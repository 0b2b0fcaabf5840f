"""What may leave in logs and records: text without keys, addresses without passwords. Pure.

Masking errs on the side of hiding: anything that looks like a key of a known provider, a token after `Bearer` or
`api-key:`, a secret query parameter, and the parts of keys that providers quote in their error messages
("Incorrect API key provided: sk-abc***xyz"). Quotes longer than QUOTE_CHARS are taken for the caller's own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

MASK = "***"
QUOTE_CHARS = 64

# Begin of a key -> the whole run is masked, with the stars of a provider that masked its middle itself.
_KEYS = re.compile(
    r"""
    \b(?: (?:sk|pk|rk) [-_] (?=[\w*.-]{6})   # OpenAI, Anthropic, OpenRouter, DeepSeek, LiteLLM, Langfuse
        | gsk_ | xai- | pplx- | nvapi- | fw_ | hf_ | r8_ | key- | tgp_ | csk- | ghp_ | github_pat_ | glpat- | xox[bp]-
        | AIza | ya29\. | AKIA | ASIA | ABSK     # Google, AWS
        | eyJ[\w-]{8,}\.                          # a JSON Web Token
      ) [\w*.…+/=-]{4,}
    """,
    re.VERBOSE,
)
_AFTER_WORD = re.compile(
    r"""(?ix)
    (\b(?: bearer | basic )\s+
     | ["']? \b(?: proxy-)? (?: authorization | x-api-key | api[-_ ]?key
        | x-goog-api-key | x-litellm-api-key | ocp-apim-subscription-key
        | subscription[-_ ]key | access[-_]?token | client[-_]?secret | password | secret )
       ["']? \s* (?: (?:provided|was|is)\s*)? [:=] \s* ["']? (?: bearer\s+ | basic\s+ )?
    )
    [^\s"',;&)}\]]{3,}
    """
)
_QUERY = re.compile(
    r"(?i)([?&](?:key|api[-_]?key|token|access_token|sig|signature|code|secret|password|x-amz-[\w-]+)=)[^&\s#\"']+"
)
_USERINFO = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,19}://)[^/\s@\"']+@")
_QUOTE = re.compile(rf"""(["'`])(?:(?!\1).){{{QUOTE_CHARS + 1},}}?\1""", re.DOTALL)


def mask(text: str, *, secrets: Iterable[str] = ()) -> str:
    """`text` without keys, tokens and long quotes; `secrets` are masked wherever they occur.

    >>> mask("Incorrect API key provided: sk-proj-ab******wxyz. See https://x.y/?key=abcdef")
    'Incorrect API key provided: *** See https://x.y/?key=***'
    """
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, MASK)
    text = _USERINFO.sub(rf"\1{MASK}@", text)
    text = _QUERY.sub(rf"\1{MASK}", text)
    text = _AFTER_WORD.sub(rf"\1{MASK}", text)
    text = _KEYS.sub(MASK, text)
    return _QUOTE.sub(r"\1...\1", text)


def clip(text: str, most_chars: int) -> str:
    """The begin of a long text, to the end of a word, so that no half of a key is left at the edge; for `mask`, whose
    time grows faster than the text."""
    if len(text) <= most_chars:
        return text
    return text[:most_chars].rpartition(" ")[0]


def shorten(text: str, most_chars: int) -> str:
    """One line of at most `most_chars`; what was cut is shown as "..."."""
    line = " ".join(text.split())
    return line if len(line) <= most_chars else line[: most_chars - 3] + "..."


def host(address: str) -> str:
    """Host and port of an address, "" when there is none; for labels and `Record.api_host`.

    >>> host("https://me:pw@api.openai.com:8443/v1?key=abc")
    'api.openai.com:8443'
    """
    try:
        netloc = urlsplit(address).netloc
    except ValueError:
        return ""
    return netloc.rpartition("@")[2].lower()


def base(address: str) -> str:
    """Scheme, host, port and path of an address: nothing secret can be in them but a userinfo, which goes.

    >>> base("https://me:pw@api.openai.com/v1?key=abc")
    'https://api.openai.com/v1'
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
