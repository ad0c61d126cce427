"""Rows to forget and to keep, from the data sets of the field and from your own files; see `unlearn.data.corpus`."""
