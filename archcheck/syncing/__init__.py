"""Making a spec match the code: fixes of its findings, applied one at a time, each kept only if it helps.

`search` looks for the fixes that leave fewer findings, `renames` follows renamed modules, `story` is
`archcheck sync` without its files, and `proposals` tries the fixes of a report before they are offered.
"""

from archcheck.syncing.proposals import tried
from archcheck.syncing.story import Identity, Synced, identity, sync_spec

__all__ = ["Identity", "Synced", "identity", "sync_spec", "tried"]
