"""Spreadsheets: a file to rows, and rows with their outcomes back to a file. Edges only; what a row means is decided in `rules`."""
