"""Textbook implementations of the models whose diagrams archcheck ships specs for; torch only.

`minimind` is minimind-3 (2026-03 and later), `minimind2` its predecessor MiniMind2 (2025-02 to 2026-02);
each is dense or, with `use_moe`, a mixture of experts. They load the published weights and compute what
the originals (jingyaogong/minimind, Apache-2.0) compute.
"""
