"""Paper: A4 pages in both languages, with a font that knows them, and on each page who printed it and when.

The library is loaded when a paper is made, so that the web process starts small.
"""

import io
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any

from app.core.render import FRONTEND

FONT_FILE = FRONTEND / "fonts" / "NotoSansSC_400Regular.ttf"
BUILT_IN = "STSong-Light"
"""Named, not embedded: readers without the font file of the install still find Chinese in their viewer."""
LANGUAGES = ("zh", "en")
"""Languages whose signs that font has; readers of others get papers in English."""
MARGIN = 44.0
"""Points left and right."""
WIDTH = 595.2756 - 2 * MARGIN
"""Points of an A4 page between its margins."""
BODY = 9.0
"""Points of letters in tables."""
LINE = 22.0
"""Points between lines to write on."""
CHINESE_ENDS = "，；：！？”’％…—》〉〕］｝～"
"""Signs that start no line in Chinese; the library knows those of Japanese."""

_drawing = Lock()
"""The library reads the font's file with one cursor: one paper is finished at a time."""


@cache
def font() -> str:
    """The name of the font that papers use."""
    from reportlab.lib import textsplit  # noqa: PLC0415
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont  # noqa: PLC0415
    from reportlab.pdfbase.ttfonts import TTFont  # noqa: PLC0415
    from reportlab.platypus import paragraph  # noqa: PLC0415

    textsplit.ALL_CANNOT_START += CHINESE_ENDS
    paragraph.ALL_CANNOT_START = textsplit.ALL_CANNOT_START
    if FONT_FILE.exists():
        pdfmetrics.registerFont(TTFont("Homeward", FONT_FILE))
        return "Homeward"
    pdfmetrics.registerFont(UnicodeCIDFont(BUILT_IN))
    return BUILT_IN


def printable(text: str) -> str:
    """A text in signs that the font has: a rare one is named by its number, so that none is lost."""
    return "".join(_sign(sign) for sign in unicodedata.normalize("NFC", text))


def _sign(sign: str) -> str:
    if sign == "\n" or _known(sign):
        return sign
    match unicodedata.category(sign):
        case "Zs" | "Cc":
            return " "
        case "Cf" | "Mn":  # Joiners and variants of the sign before: nothing to be seen by themselves.
            return ""
        case _:
            return f"[U+{ord(sign):04X}]"


def _known(sign: str) -> bool:
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415

    if unicodedata.category(sign) in {"Cc", "Cf", "Mn"}:
        return False
    face = pdfmetrics.getFont(font()).face
    glyphs = getattr(face, "charToGlyph", None)
    # The built-in font is in the reader's viewer: it has the usual signs of the basic plane.
    return ord(sign) in glyphs if glyphs else ord(sign) <= 0xFFFF and sign != "\u202f"  # noqa: PLR2004


@dataclass
class Paper:
    """A document as it grows.

    Attributes:
        title: kept in the file's own properties.
        language: of the document, for readers that speak it.
        head: what stands at the head of each page, left and right.
        foot: makes the line at the foot of each page from its number and the number of pages.
        watermark: stands faintly across each page, its pictures too.
        parts: what stands on it so far.
    """

    title: str
    language: str
    head: tuple[str, str]
    foot: Callable[[int, int], str]
    watermark: str
    parts: list[Any] = field(default_factory=list)

    def heading(self, text: str, size: float = 12, room: float = 110) -> None:
        """A heading, with room for what follows on the same page.

        Args:
            text: the heading.
            size: of its letters, in points.
            room: points that have to be left on the page; else it starts the next one.
        """
        from reportlab.lib import colors  # noqa: PLC0415
        from reportlab.platypus import CondPageBreak, HRFlowable  # noqa: PLC0415

        rule = HRFlowable(width="100%", thickness=1, color=colors.black, spaceBefore=0, spaceAfter=5)
        self.parts += [CondPageBreak(room), _paragraph(text, size, before=9), rule]

    def text(self, text: str, size: float = BODY, *, indent: float = 0) -> None:
        """A paragraph; lines of the text stay lines."""
        self.parts.append(_paragraph(text, size, indent=indent))

    def notice(self, text: str) -> None:
        """What nobody may overlook, in a frame."""
        self._table([[text]], [1.0], [("BOX", (0, 0), (-1, -1), 1.5, "black")], size=BODY + 1)
        self.gap(6)

    def facts(self, pairs: Sequence[tuple[str, str]], across: int = 1) -> None:
        """Names and values.

        Args:
            pairs: each with its value.
            across: how many stand side by side.
        """
        rows = [pairs[start : start + across] for start in range(0, len(pairs), across)]
        cells = [[cell for pair in row for cell in pair] + [""] * 2 * (across - len(row)) for row in rows]
        named = [("BACKGROUND", (each * 2, 0), (each * 2, -1), "whitesmoke") for each in range(across)]
        self._table(
            cells,
            [share / across for _ in range(across) for share in (0.17 * across, 1 - 0.17 * across)],
            [*GRID, *named],
        )

    def table(self, rows: Sequence[Sequence[str]], widths: Sequence[float]) -> None:
        """A table whose cells wrap and whose header repeats on each page.

        Args:
            rows: texts; the first row is the header.
            widths: shares of the page's width.
        """
        self._table(rows, widths, [*GRID, ("BACKGROUND", (0, 0), (-1, 0), "whitesmoke")], head=1)

    def bar(self, cells: Sequence[str], widths: Sequence[float]) -> None:
        """A row that starts something, with room for some of it on the same page."""
        from reportlab.platypus import CondPageBreak  # noqa: PLC0415

        self.parts.append(CondPageBreak(120))
        self._table([cells], widths, [*GRID, ("BACKGROUND", (0, 0), (-1, 0), "whitesmoke")])

    def _table(
        self,
        rows: Sequence[Sequence[str]],
        widths: Sequence[float],
        style: Sequence[tuple[Any, ...]],
        *,
        head: int = 0,
        size: float = BODY,
    ) -> None:
        from reportlab.lib import colors  # noqa: PLC0415
        from reportlab.platypus import Table  # noqa: PLC0415

        coloured = [(*each[:-1], colors.toColor(each[-1])) for each in style]
        self.parts.append(
            Table(
                [[_paragraph(cell, size) for cell in row] for row in rows],
                colWidths=[share * WIDTH for share in widths],
                repeatRows=head,
                splitInRow=1,
                style=[("VALIGN", (0, 0), (-1, -1), "TOP"), *coloured],
            )
        )

    def lines(self, label: str, count: int) -> None:
        """Lines to write on by hand, the first one named."""
        from reportlab.graphics.shapes import Drawing, Line  # noqa: PLC0415
        from reportlab.lib import colors  # noqa: PLC0415

        sheet = Drawing(WIDTH, LINE * count)
        for number in range(count):
            sheet.add(Line(0, number * LINE, WIDTH, number * LINE, strokeColor=colors.grey, strokeWidth=0.4))
        self.parts += [_paragraph(label, BODY, keep=True), sheet]
        self.gap(10)

    def gap(self, points: float) -> None:
        """Free space."""
        from reportlab.platypus import Spacer  # noqa: PLC0415

        self.parts.append(Spacer(0, points))

    def pictures(self, shown: Sequence[tuple[bytes | None, str]], across: int, missing: str) -> None:
        """Pictures side by side, each with its caption.

        Args:
            shown: JPEG bytes, or None for one that is gone, and a caption.
            across: how many stand side by side.
            missing: what stands in place of one that is gone.
        """
        from reportlab.platypus import Table  # noqa: PLC0415

        side = WIDTH / across
        top = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]
        cells = [[_picture(data, side - 8, missing), _paragraph(caption, 8)] for data, caption in shown]
        for start in range(0, len(cells), across):
            row = cells[start : start + across]
            self.parts.append(Table([row], colWidths=[side] * len(row), hAlign="LEFT", style=top))

    def drawing(self, sheet: Any) -> None:
        """A drawing of the library's own shapes."""
        self.parts.append(sheet)

    def to_pdf(self) -> bytes:
        """The finished document."""
        from reportlab.lib.pagesizes import A4  # noqa: PLC0415
        from reportlab.platypus import SimpleDocTemplate  # noqa: PLC0415

        buffer = io.BytesIO()
        document = SimpleDocTemplate(
            buffer,
            pagesize=A4,
            title=self.title,
            creator="Homeward",
            lang="zh-CN" if self.language == "zh" else "en",
            leftMargin=MARGIN - 6,  # The library's own frame adds six points.
            rightMargin=MARGIN - 6,
            topMargin=52,
            bottomMargin=48,
        )
        with _drawing:
            document.build(list(self.parts), canvasmaker=_numbered(self))
        return buffer.getvalue()

    def frame(self, canvas: Any, page: int, pages: int) -> None:
        """Write what stands on every page, above all else on it."""
        from reportlab.lib import colors  # noqa: PLC0415

        canvas.setFillColor(colors.black)
        canvas.setFont(font(), 8)
        canvas.drawString(MARGIN, 808, printable(self.head[0]))
        canvas.drawRightString(MARGIN + WIDTH, 808, printable(self.head[1]))
        canvas.setFont(font(), 7.5)
        canvas.drawString(MARGIN, 28, printable(self.foot(page, pages)))
        canvas.setFillAlpha(0.09)
        canvas.setFont(font(), 22)
        for height in (180, 430, 680):
            canvas.saveState()
            canvas.translate(MARGIN + WIDTH / 2, height)
            canvas.rotate(24)
            canvas.drawCentredString(0, 0, printable(self.watermark))
            canvas.restoreState()


GRID = (("GRID", (0, 0), (-1, -1), 0.4, "grey"),)


def _numbered(paper: Paper) -> Any:
    """A canvas that knows how many pages there are before it writes the first one's foot."""
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415

    class Numbered(Canvas):  # type: ignore[misc] # The library has no types.
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.kept: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802 - the library's name
            self.kept.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self.kept, 1):
                self.__dict__.update(page)
                paper.frame(self, number, len(self.kept))
                super().showPage()
            super().save()

    return Numbered


def _picture(data: bytes | None, side: float, missing: str) -> Any:
    from reportlab.platypus import Image  # noqa: PLC0415

    if data is None:
        return _paragraph(missing, BODY)
    picture = Image(io.BytesIO(data))
    scale = min(side / picture.imageWidth, side / picture.imageHeight)
    picture.drawWidth, picture.drawHeight = picture.imageWidth * scale, picture.imageHeight * scale
    picture.hAlign = "LEFT"
    return picture


def _paragraph(text: str, size: float, *, before: float = 0, indent: float = 0, keep: bool = False) -> Any:
    from xml.sax.saxutils import escape  # noqa: PLC0415 - it only writes

    from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415
    from reportlab.platypus import Paragraph  # noqa: PLC0415

    style = ParagraphStyle(
        "homeward",
        fontName=font(),
        fontSize=size,
        leading=size * 1.4,
        spaceBefore=before,
        spaceAfter=2,
        leftIndent=indent,
        wordWrap="CJK",
        keepWithNext=1 if keep else 0,
    )
    return Paragraph(escape(printable(text)).replace("\n", "<br/>"), style)
