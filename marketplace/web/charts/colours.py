"""One colour per accelerator, everywhere. A new one takes the next free hue of Okabe and Ito's set."""

from collections.abc import Iterable, Mapping

NAMED = ("gb300", "gb200", "b200", "h200", "h100")  # custom properties of static/css/tokens.css
SPARE = ("extra-1", "extra-2", "extra-3")


def colours(accelerators: Iterable[str]) -> Mapping[str, str]:
    """CSS value by accelerator key. Keys without a colour of their own share out the spare ones in order."""
    chosen: dict[str, str] = {}
    spare = 0
    for key in accelerators:
        if key in chosen:
            continue
        name = key.lower()
        if name not in NAMED:
            name, spare = SPARE[spare % len(SPARE)], spare + 1
        chosen[key] = f"var(--{name})"
    return chosen
