"""What the site takes from the repository around docs/; knows pages, no package.

The order of pages is that of ``docs/README.md``. Pages that lie beside what they tell
about (``devices/README.md``) are shown too, below ``repository/``; links to anything
else outside docs/ become plain text.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
CARRIED = "repository"
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")
_SECTION = re.compile(r"\*\*(.+?)\*\*")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the navigation from the index."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    nav: list[dict[str, Any]] = [{"Home": "README.md"}]
    section: list[dict[str, str]] = []
    for line in index.splitlines():
        heading = _SECTION.match(line)
        if heading:
            section = []
            nav.append({heading[1]: section})
        for title, target in _links(line):
            at = _on_site(posixpath.join("docs", target))
            if at is not None:
                section.append({title.replace("`", ""): at})
    config.nav = nav
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the index that lie outside docs/."""
    for path in _carried():
        text = (ROOT / path).read_text(encoding="utf-8")
        files.append(File.generated(config, f"{CARRIED}/{path}", content=text))
    return files


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Let links that lead out of docs/ lead to what the site has of it."""
    here = page.file.src_uri
    lies = here.removeprefix(f"{CARRIED}/") if _is_carried(here) else f"docs/{here}"

    def led(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(lies), link[2]))
        if not (ROOT / target).exists():
            return link[0]  # the strict build tells it
        on_site = _on_site(target)
        if on_site is None:
            return link[1]
        to = posixpath.relpath(on_site, posixpath.dirname(here) or ".")
        return f"[{link[1]}]({to}{link[3] or ''})"

    return _LINK.sub(led, markdown)


def _links(text: str) -> Iterator[tuple[str, str]]:
    for label, target, _ in _LINK.findall(text):
        yield label, target


def _carried() -> list[str]:
    """Pages of the index outside docs/, from the top of the repository."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    return [
        target.removeprefix("../")
        for _, target in _links(index)
        if target.startswith("../")
    ]


def _is_carried(src_uri: str) -> bool:
    return src_uri.startswith(f"{CARRIED}/")


def _on_site(path: str) -> str | None:
    """The page or file of the site for a path of the repository."""
    path = posixpath.normpath(path)
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{CARRIED}/{path}" if path in _carried() else None
