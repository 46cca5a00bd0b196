"""What the formats share: reading rows, tools and calls, and writing records from them."""
