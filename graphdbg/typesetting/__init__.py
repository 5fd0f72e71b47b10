"""From index notation to matrix notation, and to text, LaTeX, NumPy code and SymPy."""
