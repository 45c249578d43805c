"""The checks, a file each. `check(options)` answers one line that says what was found good, or raises
`common.Failure`."""
