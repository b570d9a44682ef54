"""Why a spec can't be read, by name. Each class of problem has one code, which never changes its meaning."""

from __future__ import annotations

from typing import NewType

SpecCode = NewType("SpecCode", str)

UNREADABLE = SpecCode("SPEC001")
SYNTAX = SpecCode("SPEC002")
DUPLICATE_KEY = SpecCode("SPEC003")
TOO_DEEP = SpecCode("SPEC004")
REFUSED_YAML = SpecCode("SPEC005")
FORBIDDEN_CHARACTER = SpecCode("SPEC006")
UNKNOWN_KEY = SpecCode("SPEC007")
MISSING_KEY = SpecCode("SPEC008")
WRONG_VALUE = SpecCode("SPEC009")
BAD_NAME = SpecCode("SPEC010")
UNKNOWN_BOX = SpecCode("SPEC011")
UNKNOWN_PANEL = SpecCode("SPEC012")
NOT_IN_FLOW = SpecCode("SPEC013")
TWICE_IN_FLOW = SpecCode("SPEC014")
CYCLE = SpecCode("SPEC015")
RESIDUAL_ENDS = SpecCode("SPEC016")
UNREACHABLE = SpecCode("SPEC017")
DUPLICATE_EDGE = SpecCode("SPEC018")
BAD_REALIZED_BY = SpecCode("SPEC019")
BAD_TARGET = SpecCode("SPEC020")
BAD_PATTERN = SpecCode("SPEC021")
