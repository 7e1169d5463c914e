"""The page *Notices*: administrators choose who gets which notice."""
