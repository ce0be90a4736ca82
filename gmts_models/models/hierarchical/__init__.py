"""Models whose groups borrow strength from each other."""
