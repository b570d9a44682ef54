"""The intended side: reading a spec, its models, and the meaning of its flow, edges and patterns."""

from archcheck.spec.edges import edge_id, find_edge
from archcheck.spec.flow import Reachability, between, flow_edges, topological
from archcheck.spec.load import LoadedSpec, load, loads
from archcheck.spec.patterns import matches
from archcheck.spec.schema import schema

__all__ = [
    "LoadedSpec",
    "Reachability",
    "between",
    "edge_id",
    "find_edge",
    "flow_edges",
    "load",
    "loads",
    "matches",
    "schema",
    "topological",
]
