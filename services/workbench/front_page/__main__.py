"""Write the README's numbers and images.

::

    python -m services.workbench.front_page [--pictures]
"""

from __future__ import annotations

from services import command_line
from services.workbench.front_page import numbers


def main() -> None:
    """Write the numbers; with ``--pictures`` also the images, which starts a server."""
    parser = command_line.parser("services.workbench.front_page", __doc__)
    parser.add_argument("--pictures", action="store_true", help="also redraw the images")
    if parser.parse_args().pictures:
        from services.workbench.front_page import banner, drawing, terminal

        banner.write()
        drawing.write()
        terminal.write()
    text = numbers.README.read_text(encoding="utf-8")
    numbers.README.write_text(numbers.with_numbers(text, numbers.steps()), encoding="utf-8")


if __name__ == "__main__":
    main()
