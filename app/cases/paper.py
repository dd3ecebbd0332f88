"""Paper: A4 pages in both languages, with a font that knows them, a line of who printed them, and pictures.

The library is loaded when a paper is made, so that the web process stays small.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from app.core.render import FRONTEND

FONT_FILE = FRONTEND / "fonts" / "NotoSansSC_400Regular.ttf"
BUILT_IN = "STSong-Light"
"""Named, not embedded: readers without the font file of the install still find Chinese in their viewer."""
MARGIN = 48.0
"""Points."""
PICTURE_SIDE = 130.0
"""Points of a face."""


@cache
def font() -> str:
    """The name of the font that papers use."""
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont  # noqa: PLC0415
    from reportlab.pdfbase.ttfonts import TTFont  # noqa: PLC0415

    if FONT_FILE.exists():
        pdfmetrics.registerFont(TTFont("Homeward", FONT_FILE))
        return "Homeward"
    pdfmetrics.registerFont(UnicodeCIDFont(BUILT_IN))
    return BUILT_IN


@dataclass
class Paper:
    """A document as it grows.

    Attributes:
        title: kept in the file's own properties.
        footer: makes the line at the foot of each page from its number.
        parts: what stands on it so far.
    """

    title: str
    footer: Callable[[int], str]
    parts: list[Any] = field(default_factory=list)

    def heading(self, text: str, size: float = 13) -> None:
        """A heading that stays with what follows."""
        self.parts.append(_paragraph(text, size, before=10, keep=True))

    def text(self, text: str, size: float = 9.5) -> None:
        """A paragraph; lines of the text stay lines."""
        self.parts.append(_paragraph(text, size))

    def facts(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Names and values in two columns."""
        self.table([[name, value] for name, value in pairs], widths=(0.26, 0.74), header=False)

    def table(
        self, rows: Sequence[Sequence[str]], widths: Sequence[float], *, header: bool = True, tall: float = 0
    ) -> None:
        """A table whose cells wrap and whose header repeats on each page.

        Args:
            rows: texts; the first row is the header if there is one.
            widths: shares of the page's width.
            header: whether the first row is one.
            tall: least height of a row in points, for what is written by hand.
        """
        from reportlab.lib import colors  # noqa: PLC0415
        from reportlab.platypus import Table  # noqa: PLC0415

        cells = [[_paragraph(cell, 9) for cell in row] for row in rows]
        heights = [None if not tall or (header and number == 0) else tall for number in range(len(rows))]
        made = Table(
            cells,
            colWidths=[share * _width() for share in widths],
            rowHeights=heights if tall else None,
            repeatRows=1 if header else 0,
            splitInRow=0 if tall else 1,
            style=[
                ("GRID", (0, 0), (-1, -1), 0.4, colors.grey),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                *([("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke)] if header else []),
            ],
        )
        self.parts.append(made)

    def pictures(self, shown: Sequence[tuple[bytes | None, str]], missing: str) -> None:
        """Pictures side by side, each with its caption.

        Args:
            shown: JPEG bytes, or None for one that is gone, and a caption.
            missing: what stands in place of one that is gone.
        """
        from reportlab.platypus import Image, Table  # noqa: PLC0415

        cells = []
        for data, caption in shown:
            if data is None:
                cells.append([_paragraph(missing, 9), _paragraph(caption, 8)])
                continue
            picture = Image(io.BytesIO(data))
            scale = min(PICTURE_SIDE / picture.imageWidth, PICTURE_SIDE / picture.imageHeight)
            picture.drawWidth, picture.drawHeight = picture.imageWidth * scale, picture.imageHeight * scale
            cells.append([picture, _paragraph(caption, 8)])
        across = max(1, int(_width() // (PICTURE_SIDE + 12)))
        for start in range(0, len(cells), across):
            row = cells[start : start + across]
            sizes = [PICTURE_SIDE + 12] * len(row)
            top = [("VALIGN", (0, 0), (-1, -1), "TOP")]
            self.parts.append(Table([row], colWidths=sizes, hAlign="LEFT", style=top))

    def drawing(
        self, lines: Sequence[Sequence[tuple[float, float]]], marks: Sequence[tuple[float, float, str]]
    ) -> None:
        """A sketch: outlines and lettered points, in points from its lower left corner."""
        from reportlab.graphics.shapes import Circle, Drawing, PolyLine, String  # noqa: PLC0415
        from reportlab.lib import colors  # noqa: PLC0415

        sheet = Drawing(SKETCH_SIDE, SKETCH_SIDE)
        for line in lines:
            flat = [length for point in line for length in point]
            sheet.add(PolyLine(flat, strokeColor=colors.grey, strokeWidth=0.7))
        for x, y, letter in marks:
            sheet.add(Circle(x, y, 4, fillColor=colors.black))
            sheet.add(String(x + 6, y - 3, letter, fontName=font(), fontSize=10))
        self.parts.append(sheet)

    def to_pdf(self) -> bytes:
        """The finished document."""
        from reportlab.lib.pagesizes import A4  # noqa: PLC0415
        from reportlab.platypus import SimpleDocTemplate  # noqa: PLC0415

        buffer = io.BytesIO()

        def foot(canvas: Any, document: Any) -> None:
            canvas.setFont(font(), 7.5)
            canvas.drawString(MARGIN, MARGIN * 0.55, _printable(self.footer(document.page)))

        SimpleDocTemplate(
            buffer,
            pagesize=A4,
            title=self.title,
            leftMargin=MARGIN,
            rightMargin=MARGIN,
            topMargin=MARGIN,
            bottomMargin=MARGIN,
        ).build(list(self.parts), onFirstPage=foot, onLaterPages=foot)
        return buffer.getvalue()


SKETCH_SIDE = 230.0
"""Points of a sketch's side."""


def _width() -> float:
    from reportlab.lib.pagesizes import A4  # noqa: PLC0415

    return float(A4[0]) - 2 * MARGIN - 12


def _paragraph(text: str, size: float, *, before: float = 0, keep: bool = False) -> Any:
    from xml.sax.saxutils import escape  # noqa: PLC0415 - it only writes

    from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415
    from reportlab.platypus import Paragraph  # noqa: PLC0415

    style = ParagraphStyle(
        f"size {size}",
        fontName=font(),
        fontSize=size,
        leading=size * 1.4,
        spaceBefore=before,
        spaceAfter=3,
        wordWrap="CJK",
        keepWithNext=1 if keep else 0,
    )
    return Paragraph(escape(_printable(text)).replace("\n", "<br/>"), style)


def _printable(text: str) -> str:
    """The font has no narrow space, which English times are written with."""
    return text.replace("\u202f", " ")
