"""The embedded world: invented authors, the two small models that learned them, and the code that makes both."""
