"""Work at a node's OS administration command line, over SSH."""
