"""Write HTML in which every text from outside stays text, and times in UTC and in the reader's zone. Pure."""

import html
from collections.abc import Iterable, Sequence

from engine.text import escape, moment


class Html(str):
    """Be text that is HTML already; any other text is quoted where it is used."""


def el(name: str, *children: object, cls: str = "", label: str = "") -> Html:
    """Write an element; children that are no `Html` are escaped and quoted."""
    attributes = f' class="{cls}"' if cls else ""
    attributes += f' data-label="{quoted(label)}"' if label else ""
    return Html(f"<{name}{attributes}>{join(children)}</{name}>")


def join(children: Iterable[object]) -> Html:
    """Write children one after the other."""
    return Html("".join(child if isinstance(child, Html) else quoted(child) for child in children))


def quoted(text: object) -> str:
    """Make a text from outside safe in HTML: control and bidirectional characters shown, markup quoted."""
    return html.escape(escape(text))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, cls: str = "") -> Html:
    """Write a table whose cells bear their heading, so that a narrow screen can set them one below the other."""
    body = [el("tr", *(el("td", cell, label=head) for head, cell in zip(headings, row, strict=True))) for row in rows]
    head = el("thead", el("tr", *(el("th", heading) for heading in headings)))
    return el("table", head, el("tbody", *body), cls=cls) if body else el("p", "None.")


def pairs(rows: Iterable[tuple[str, object]]) -> Html:
    """Write labels with their values."""
    return el("dl", *(join((el("dt", label), el("dd", value))) for label, value in rows))


def section(title: str, *children: object) -> Html:
    """Write a section under its heading."""
    return el("section", el("h2", title), *children)


def word(text: str) -> Html:
    """Write a word that must not be overlooked: bold and framed, also in black and white."""
    return el("strong", text, cls="word")


def code(text: object) -> Html:
    """Write a fingerprint or command, broken where the line ends."""
    return el("code", text)


def when(text: str) -> Html:
    """Write a stored time in UTC, and after it in the local zone where that is another."""
    if not text:
        return Html("-")
    try:
        at = moment(text)
    except ValueError:
        return join([text])
    local = at.astimezone()
    utc = f"{text.replace('T', ' ').removesuffix('Z')} UTC"
    if not local.utcoffset():
        return join([utc])
    day = "" if f"{local:%Y-%m-%d}" == text[:10] else f"{local:%Y-%m-%d} "
    return join([utc, " ", el("span", f"({day}{local:%H:%M:%S %Z})", cls="local")])


STYLE = """
:root { color: #111; background: #fff; font: 15px/1.45 system-ui, "Liberation Sans", Arial, sans-serif; }
body { max-width: 62rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; padding-bottom: .2rem; border-bottom: 2px solid #111; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p, ul, ol { margin: .4rem 0; }
small { display: block; color: #444; font-size: .85em; }
code { font-family: ui-monospace, "Liberation Mono", monospace; font-size: .86em; }
.word { border: 1.5px solid #111; padding: 0 .3em; white-space: nowrap; }
.marks { border: 3px double #111; padding: .3rem .8rem; margin: 1rem 0; }
.marks p { margin: .5rem 0; }
dl { display: grid; grid-template-columns: 10rem 1fr; gap: .25rem 1rem; margin: .5rem 0; }
dt { font-weight: 600; }
dd { margin: 0; min-width: 0; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .9em; }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border-bottom: 1px solid #bbb; }
th { border-bottom: 1.5px solid #111; overflow-wrap: normal; }
td + td { min-width: 4.6rem; }
td:first-child:not([data-label]) { overflow-wrap: normal; }
.local { color: #444; font-size: .85em; }
tr, dl, .keep { break-inside: avoid; }
h1, h2, h3, h2 + p, h3 + p { break-after: avoid; }
thead { display: table-header-group; }
footer { margin-top: 2rem; color: #444; font-size: .85em; }
@media (max-width: 40rem) {
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
  thead { display: none; }
  table, tbody, tr, td { display: block; }
  tr { padding: .4rem 0; border-bottom: 1.5px solid #111; }
  td, td + td { border: 0; padding: .1rem 0; min-width: 0; }
  td:first-child:not([data-label]) { font-weight: 600; }
  td[data-label]::before { content: attr(data-label) ": "; font-weight: 600; }
  td:empty { display: none; }
}
@page { size: A4; margin: 15mm; }
@media print {
  :root { font-size: 10pt; }
  body { max-width: none; padding: 0; }
}
"""


def document(title: str, *children: object) -> str:
    """Write the whole page. Its policy has a browser load nothing and run nothing, whatever is in it."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = [
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="referrer" content="no-referrer">'),
        el("title", title),
        Html(f"<style>{STYLE}</style>"),
    ]
    return f'<!DOCTYPE html>\n<html lang="en">{el("head", *head)}{el("body", *children)}</html>\n'
