"""Text that anybody wrote: its bytes, TOML within bounds, what may stand where, and the line it stands on. No I/O."""
