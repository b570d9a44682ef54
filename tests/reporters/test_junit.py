"""JUnit XML: whole output, read by junitparser, well-formed for any text."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import HealthCheck, given, settings
from junitparser import JUnitXml

from archcheck.reporters.common import one_line
from archcheck.reporters.junit import render_junit
from tests.reporters.samples import REPORTS, any_text, differs


def test_the_whole_document() -> None:
    assert (
        render_junit(REPORTS)
        == """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="archcheck" tests="9" failures="2" errors="2">
  <testsuite name="specs/a.yaml" tests="5" failures="2" errors="0">
    <testcase classname="specs/a.yaml" name="layer solid gqa" />
    <testcase classname="specs/a.yaml" name="layer solid ffn" />
    <testcase classname="specs/a.yaml" name="layer boxes" />
    <testcase classname="specs/a.yaml" name="gqa norm..out RES006" file="model.py" line="3">
      <failure type="RES006" message="the residual around norm..out is implemented one level up">\
drawn: solid residual around norm..out (specs/a.yaml:4:9)
code: layers.* adds around norm, attn (model.py:3)
layers 3, 7 of 8
note: drawn as published</failure>
    </testcase>
    <testcase classname="specs/a.yaml" name="ffn drop BOX001" file="specs/a.yaml" line="99">
      <failure type="BOX001" message="no module mlp.dropout">drawn: Dropout (specs/a.yaml:99:5)
all 8 layers, mode train</failure>
    </testcase>
  </testsuite>
  <testsuite name="specs/b.yaml" tests="2" failures="0" errors="0">
    <testcase classname="specs/b.yaml" name="layer solid attn" />
    <testcase classname="specs/b.yaml" name="attn dashed all" />
  </testsuite>
  <testsuite name="specs/c.yaml" tests="2" failures="0" errors="2">
    <testcase classname="specs/c.yaml" name="SPEC003" file="specs/c.yaml" line="4">
      <error type="SPEC003" message="unknown key 'arround' (at panels.gqa) Did you mean 'around'?">\
specs/c.yaml:4:7</error>
    </testcase>
    <testcase classname="specs/c.yaml" name="TGT001">
      <error type="TGT001" message="no module named 'model'" />
    </testcase>
  </testsuite>
</testsuites>
"""
    )


def test_junitparser_reads_the_counts() -> None:
    document = JUnitXml.fromstring(render_junit(REPORTS).encode())
    assert [(suite.name, suite.tests, suite.failures, suite.errors) for suite in document] == [
        ("specs/a.yaml", 5, 2, 0),
        ("specs/b.yaml", 2, 0, 0),
        ("specs/c.yaml", 2, 0, 2),
    ]
    cases = [case for suite in document for case in suite]
    assert [case.name for case in cases if not case.is_passed] == [
        "gqa norm..out RES006",
        "ffn drop BOX001",
        "SPEC003",
        "TGT001",
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(any_text)
def test_any_text_is_well_formed(text: str) -> None:
    root = ET.fromstring(render_junit([differs(text)]).encode())
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == one_line(text)
