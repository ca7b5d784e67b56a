#!/usr/bin/python3
"""usage: services/client/scripts/numerals.py FROM.woff2 TO.woff2: makes services/client/src/style/numerals.woff2 from the file
newsreader-latin-standard-normal.woff2 of the npm package @fontsource-variable/newsreader 5.3.0, with python3-fonttools and
python3-brotli: figures and the signs of formulas, without features and hints. It lacks ≈, which is its ~ twice, one above the
other."""

import sys

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import GlyphCoordinates
from fontTools.varLib import instancer

SIGNS = "!#()+,-.0123456789=FLn \u00a0\u00d7\u2026\u2212"
APART = 120  # up, and down

font = instancer.instantiateVariableFont(TTFont(sys.argv[1], recalcTimestamp=False), {"wght": 400})
options = subset.Options(layout_features=[], hinting=False, flavor="woff2")
subsetter = subset.Subsetter(options)
subsetter.populate(text=SIGNS + "~")
subsetter.subset(font)

tilde = font["glyf"]["asciitilde"]
points = len(tilde.coordinates)
tilde.coordinates = GlyphCoordinates([(x, y + move) for move in (APART, -APART) for x, y in tilde.coordinates])
tilde.flags = tilde.flags * 2
tilde.endPtsOfContours += [end + points for end in tilde.endPtsOfContours]
tilde.numberOfContours *= 2
tilde.recalcBounds(font["glyf"])
for variation in font["gvar"].variations["asciitilde"]:
    deltas = variation.coordinates
    variation.coordinates = deltas[:points] * 2 + deltas[points:]
for table in font["cmap"].tables:
    table.cmap[0x2248] = table.cmap.pop(0x7E)
font.save(sys.argv[2])
