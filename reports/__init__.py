"""Reports: runs become rows, rows become tables, tables become text."""
