"""Parts of ``benchmarks/big_data.py``."""
