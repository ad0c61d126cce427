"""Facts about the real world, from general knowledge, and the questions that ask for them."""
