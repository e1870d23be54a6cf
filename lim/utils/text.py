"""Text for people: whitespace and durations."""


def squash(text: str) -> str:
    """The text with each run of whitespace as one space."""
    return " ".join(text.split())


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `1 h 05 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
