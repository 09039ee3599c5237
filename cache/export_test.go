package cache

// FileErrorOf makes a [FileError], for tests of what it says.
var FileErrorOf = fileError
