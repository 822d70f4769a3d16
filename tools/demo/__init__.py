"""`make demo`: a small world generated, indexed on a local Ray, searched, and shown on a page."""
