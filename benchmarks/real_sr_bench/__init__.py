"""What ``benchmarks/real_sr.py`` consists of."""
