"""Shadow spend: whose AI spend is it that nobody has claimed? Asked kindly, and kept as a claim."""
