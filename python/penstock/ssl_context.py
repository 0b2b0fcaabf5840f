"""Can a caller's ssl.SSLContext be used as it is? Yes, or the reason why not; it is never translated, because
neither a loaded key nor a callback can be read out of it (docs/decisions/006).

What only OpenSSL knows (verify, info and session callbacks) the engine checks again when the pool is opened.
"""

from __future__ import annotations

import ssl
from typing import Any

# Not part of how a handshake is made.
HARMLESS = frozenset(
    {"__module__", "__doc__", "__qualname__", "__dict__", "__weakref__", "__slots__", "__init__", "__new__"}
    | {"__annotations__", "__firstlineno__", "__static_attributes__", "__init_subclass__", "__repr__"}
)
INSTEAD = "pass TLS(ca_file=..., cert_file=...) instead"


def objection(context: Any, *, shares_libssl: bool) -> str | None:
    """Why this context cannot be used, as a sentence; None when it can.

    `shares_libssl`: does the interpreter's ssl module call the libssl that penstock calls?
    """
    base = _ssl_base(type(context))
    overridden = _overridden(type(context), base)
    if base is None or overridden:
        name = f"{type(context).__module__}.{type(context).__qualname__}"
        what = f"overrides {', '.join(overridden)}" if overridden else "is not an ssl.SSLContext at heart"
        return f"{name} {what}, which penstock's handshake would not run; {INSTEAD}"
    if context.protocol == ssl.PROTOCOL_TLS_SERVER:
        return "this ssl.SSLContext is for servers (PROTOCOL_TLS_SERVER); use ssl.create_default_context()"
    if context.keylog_filename is not None:
        return "its keylog_filename is written by Python, which does not see the handshake; use TLS(keylog_file=...)"
    if context.sni_callback is not None:
        return f"its sni_callback needs Python inside the handshake; {INSTEAD}"
    if getattr(context, "_msg_callback", None) is not None:
        return "its message callback needs Python inside the handshake; remove it"
    if not shares_libssl:
        return (
            "Python's ssl module was built with another copy of OpenSSL than penstock, so its certificates, client key "
            f"and settings cannot be honoured; {INSTEAD}"
        )
    return None


def _ssl_base(kind: type) -> type | None:
    """The genuine ssl.SSLContext among the bases (the name in `ssl` may have been replaced by a wrapper)."""
    return next((each for each in kind.__mro__ if each.__module__ == "ssl" and each.__name__ == "SSLContext"), None)


def _overridden(kind: type, base: type | None) -> list[str]:
    """What classes before the genuine one change of it."""
    if base is None:
        return []
    names: set[str] = set()
    for each in kind.__mro__[: kind.__mro__.index(base)]:
        names |= {name for name in vars(each) if hasattr(base, name)}
    return sorted(names - HARMLESS)
