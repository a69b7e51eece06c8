"""What a page shows: figures, tables, sentences."""
