"""Reading a page with the standard library's parser."""

import html
import re
from html.parser import HTMLParser


class Page(HTMLParser):
    """Elements with their attributes, the text a reader sees, and the scripts."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._words: list[str] = []
        self._inside: str = ""
        self.feed(source)
        self.close()

    @property
    def text(self) -> str:
        """The visible text with single spaces."""
        return " ".join("".join(self._words).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = tag
        elif tag != "wbr":
            self._words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif not self._inside:
            self._words.append(data)


def markdown_text(source: str) -> str:
    """Markdown as a reader sees it, as far as this report uses its marks."""
    return html.unescape(re.sub(r"\\([^\w\s])|\\(_)", r"\1\2", source))
