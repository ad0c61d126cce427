"""Side-by-side timings of what people wait for."""
