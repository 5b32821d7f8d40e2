"""Text that came from anywhere, as it may be put into a line of a log or onto a terminal."""


def visible(text: str, keep: str = "") -> str:
    """The text with every character that turns, hides or forges a line written as its escape: line breaks, terminal
    controls, marks of direction, halves of surrogate pairs. Those in `keep` stay."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in keep else sign.encode("unicode_escape").decode()
                   for sign in text)
