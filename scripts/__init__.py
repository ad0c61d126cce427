"""Programs for people who work on Forget Lens: find a browser, photograph the page."""
