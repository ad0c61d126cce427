"""Rows to forget and to keep, from the data sets of the field and from your own files: a file per data set."""

from importlib import import_module
from pkgutil import iter_modules

# Every file of this folder puts the data set that it reads into `tables.SETS`: a new one is found without being named.
for _file in iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")
