"""Characters that would steer a reader's screen, made visible."""

from unicodedata import category


def escape(text: str) -> str:
    r"""The text with control, format (bidirectional among them) and separator characters written as \uXXXX.

    Characters beyond U+FFFF are written as the surrogate pair that JSON uses (RFC 8259 section 7), so that
    escaping a JSON document leaves its meaning as it was. Spaces of every width stay.

    >>> print(escape("E\x1b[2J, \u202eevil\U000e0041, 客户"))
    E\u001b[2J, \u202eevil\udb40\udc41, 客户
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or category(c) == "Zs" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
