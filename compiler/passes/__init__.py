"""The graph passes, one a file, each shown with the IR before and after it; `pipeline.GRAPH_PASSES` is their order."""
