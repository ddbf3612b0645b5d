"""What benchmarks share whose file grows row by row over hours, and stays beside the rows of earlier runs."""
