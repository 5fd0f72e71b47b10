"""Reading the language: from syntax trees to nodes on a tape. `parser` is its public face."""
